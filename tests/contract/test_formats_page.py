"""The pages of file formats say of every key what the Structs say that read it."""

from pathlib import Path

import pytest

from scripts import formats_page


@pytest.mark.parametrize("page", formats_page.PAGES, ids=lambda page: page.name)
def test_the_page_is_what_the_files_are_read_by(page: Path) -> None:
    assert page.read_text("utf-8") == formats_page.text(page), "run `make docs`"
