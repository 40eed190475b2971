"""The tables of docs/access.md are those of the code."""

from scripts.access_table import PAGE, page


def test_the_page_is_the_one_that_the_table_of_routes_makes() -> None:
    assert page(PAGE.read_text("utf-8")) == PAGE.read_text("utf-8")
