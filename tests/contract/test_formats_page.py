"""docs/statutes.md says of every key what the Structs say that read it."""

from scripts import formats_page


def test_the_page_is_what_the_files_are_read_by() -> None:
    assert formats_page.PAGE.read_text("utf-8") == formats_page.text(), "run `make docs`"
