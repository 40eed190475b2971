"""The page on which an integrator reads and tries an API: whole, with nothing asked of any other server."""

from playwright.sync_api import Browser

from tests.e2e.conftest import System
from tests.e2e.test_pages import browser

__all__ = ["browser"]


def test_a_call_is_tried_from_the_page(browser: Browser, system: System) -> None:  # a fixture
    page = browser.new_page(viewport={"width": 1100, "height": 900})
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(f"{system.tracker}/schema/try")
    operation = page.locator(".opblock", has_text="/v1/organs").first
    operation.locator(".opblock-summary").click()
    operation.get_by_role("button", name="Execute").click()
    operation.locator(".live-responses-table").wait_for()
    assert "gz-psb" in operation.locator(".live-responses-table").inner_text()
    own = (system.tracker, "data:", f"blob:{system.tracker}")
    assert [url for url in asked if not url.startswith(own)] == [] and complaints == []
    page.close()
