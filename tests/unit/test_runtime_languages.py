"""The one choice of language: by ``Accept-Language`` with its weights, best of Chinese and English."""

import pytest

from services.runtime.languages import preferred


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("", "zh"),
        ("en", "en"),
        ("en-GB,en;q=0.9", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("fr, en;q=0.8", "en"),
        ("fr-FR,de;q=0.5", "zh"),
        ("zh;q=0.1, en;q=0.2", "en"),
        ("en;q=0.2, zh;q=0.1, en-GB;q=0.05", "en"),
        ("en, zh", "en"),
        ("zh, en", "zh"),
        ("en;q=0", "zh"),
        ("zh;q=0, *", "en"),
        ("*;q=0.5, en;q=0.4", "zh"),
        ("*", "zh"),
        ("EN-us", "en"),
        ("english", "zh"),
        ("en;q=1.5, zh;q=0.1", "zh"),
        ("en;q=high, fr", "zh"),
        ("en ; q = 0.3 , zh;q=0.2", "en"),
        (",;q=,en;;", "en"),
    ],
)
def test_the_language_liked_best_of_ours(header: str, wanted: str) -> None:
    assert preferred(header) == wanted
