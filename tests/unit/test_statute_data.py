"""The law's data files are read at start: a bad one is refused there, with file, key and reason."""

import pytest

from services.runtime.health import Health
from services.runtime.settings import Settings
from services.statute import data, profile
from services.statute.errors import BadData
from services.tracker.app import build


def test_all_data_files_that_ship_are_good() -> None:
    assert {"CN-2008", "CN-2019", "CN-LICENSING", "UK", "SCT", "US", "EU", "IE", "AU", "DE", "IN", "BR"} <= set(
        data.check()
    )


async def test_a_bad_profile_ends_the_tracker_s_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def bad() -> None:
        raise BadData("XX.toml", "answer.amount", "is missing")

    monkeypatch.setattr(data, "profiles", bad)
    with pytest.raises(BadData, match=r"XX\.toml: answer\.amount: is missing"):
        async with build(Settings(postgres="postgresql://nowhere/x"), Health()):
            raise AssertionError("it started")


def test_a_bad_profile_names_file_key_and_reason() -> None:
    with pytest.raises(BadData, match=r"XX\.toml: .*is missing"):
        profile.from_data("XX.toml", {"id": "XX"})
