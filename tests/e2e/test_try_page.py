"""The page on which an integrator reads and tries an API: whole, with nothing asked of any other server."""

from playwright.sync_api import Page

from tests.e2e.conftest import System, cleared
from tests.e2e.test_pages import pytestmark

__all__ = ["pytestmark"]


def test_a_call_is_tried_from_the_page(tab: Page, system: System) -> None:
    with cleared(tab, 1100, 900, system.tracker, "data:", f"blob:{system.tracker}") as page:
        page.goto(f"{system.tracker}/schema/try")
        operation = page.locator(".opblock", has_text="/v1/organs").first
        operation.locator(".opblock-summary").click()
        operation.get_by_role("button", name="Execute").click()
        operation.locator(".live-responses-table").wait_for()
        assert "gz-psb" in operation.locator(".live-responses-table").inner_text()
