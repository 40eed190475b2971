"""The board's pages in a real browser: the list, one request with its account, both languages, a small screen."""

import httpx
import pytest
from playwright.sync_api import Page

from services.tracker.items import STATUSES, UNFINISHED
from tests.e2e.conftest import System
from tests.e2e.test_pages import page, pytestmark
from tests.support import eventually, raw

__all__ = ["page", "pytestmark"]
ID = "粤公开/2026/17"


@pytest.fixture(scope="module")
def posted(system: System) -> System:
    """A request of 2026 that waited for a third party."""
    facts = [
        raw(
            "request-received",
            ID,
            {
                "organ": "gz-psb",
                "channel": "online",
                "applicant": "business",
                "submitted_on": "2026-03-02",
                "confirmed_on": "2026-03-04",
            },
        ),
        raw("consultation-opened", ID, {"consultation": "c", "party": "third-party", "sent_on": "2026-03-06"}),
        raw("consultation-closed", ID, {"consultation": "c", "closed_on": "2026-03-12", "reply": "agreed"}),
    ]
    httpx.post(f"{system.intake}/v1/events", json=facts).raise_for_status()
    eventually(lambda: httpx.get(f"{system.tracker}/v1/requests/{ID}").json().get("status") == "overdue" or None)
    return system


def test_the_board_leads_to_the_account_of_a_request(page: Page, posted: System) -> None:
    page.goto(f"{posted.desk}/?lang=zh&status=overdue")
    page.get_by_role("link", name=ID).click()
    page.wait_for_url("**/requests/**")
    text = page.inner_text("main")
    # Two working days to 6 March, 7 to 12 March left out, eighteen more without Qingming (6 April).
    assert "2026-04-08" in text
    assert "征求意见" in text and "条例(2019) 第三十三条第三款" in text
    page.get_by_role("link", name="English").click()
    page.wait_for_url("**lang=en**")
    assert "overdue" in page.inner_text("h1")


def test_the_account_can_be_read_day_by_day(page: Page, posted: System) -> None:
    page.goto(f"{posted.desk}/requests/{ID}?lang=en")
    short = page.locator("tbody tr").count()
    page.get_by_role("link", name="day by day").click()
    page.wait_for_url("**each_day=true**")
    assert page.locator("tbody tr").count() > short + 15


def test_the_board_fits_a_small_screen(page: Page, posted: System) -> None:
    page.set_viewport_size({"width": 360, "height": 800})
    for path in ("/", f"/requests/{ID}"):
        page.goto(f"{posted.desk}{path}?lang=zh")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_board_begins_with_what_is_unfinished(page: Page, posted: System) -> None:
    page.goto(f"{posted.desk}/?lang=en")
    assert page.get_by_label("Status").input_value() == "unfinished"
    assert page.get_by_role("link", name=ID).count() == 1
    assert page.get_by_role("link", name="gz-psb-2013-001").count() == 0
    page.get_by_label("Status").select_option(label="all")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**status=&**")
    assert page.get_by_role("link", name="gz-psb-2013-001").count() == 1


def test_history_and_instants_are_said_in_the_readers_words(page: Page, posted: System) -> None:
    # The sweep tells what the clock does, once the request has been quiet for a while.
    history = f"{posted.tracker}/v1/requests/{ID}/history"
    eventually(lambda: "request-overdue" in httpx.get(history).text or None, 60)
    page.goto(f"{posted.desk}/requests/{ID}?lang=zh")
    text = page.inner_text("main")
    assert "网上" in text and "申请开始计期" in text and "逾期 答复 2026-04-08" in text
    assert "request-opened" not in text
    assert page.inner_text("footer time").endswith("+08:00")


def test_an_organ_with_tallies_is_no_request_that_waits(posted: System) -> None:
    waiting = httpx.get(f"{posted.tracker}/v1/requests", params={"status": "waiting"}).json()["requests"]
    assert "gz-psb" not in {request["id"] for request in waiting}
    assert all(request["waiting_for"] for request in waiting)


def test_unfinished_is_every_status_before_an_end() -> None:
    assert set(STATUSES) - set(UNFINISHED) == {"answered", "closed", "retracted"}


def test_a_remark_is_said_in_the_readers_language(page: Page, posted: System) -> None:
    late = {"decided_on": "2026-05-06", "notified_on": "2026-05-06", "amount": 20}
    facts = [raw("extension-granted", ID, late)]
    httpx.post(f"{posted.intake}/v1/events", json=facts).raise_for_status()
    eventually(lambda: httpx.get(f"{posted.tracker}/v1/requests/{ID}").json()["flags"] or None)
    for lang, said in (
        ("zh", "已过期限2026-04-08，不能补救"),
        ("en", "after the limit of 2026-04-08; it cures nothing"),
    ):
        page.goto(f"{posted.desk}/requests/{ID}?lang={lang}")
        assert said in page.inner_text(".flags")
        assert said in page.inner_text("table[aria-labelledby='why']")
