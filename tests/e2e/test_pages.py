"""The pages in a real browser: both languages, a small screen, paper; nothing is fetched from elsewhere."""

import os
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page

from tests.e2e.conftest import CHROMIUM, System, cleared

# Where Chromium can be had it must be there (scripts/test.sh installs it); elsewhere the run's last lines name it.
pytestmark = pytest.mark.skipif(
    CHROMIUM is None and "chromium" in os.environ.get("SHIXIAN_TEST_MISSING", ""),
    reason="no Chromium on this machine, and none could be installed",
)


@pytest.fixture
def page(tab: Page, system: System) -> Iterator[Page]:
    with cleared(tab, 1000, 1400, system.desk) as one:
        yield one


def rows(page: Page) -> dict[str, str]:
    """Label and number of every row of the page's tables."""
    found: list[list[str]] = page.eval_on_selector_all(
        "table tbody tr",
        "rows => rows.map(r => [r.cells[0].innerText.trim(), r.cells[r.cells.length - 1].innerText.trim()])",
    )
    return dict(map(tuple, found))  # type: ignore[arg-type]  # two texts a row, by the script above


def test_the_annual_page_in_chinese_and_in_english(page: Page, system: System) -> None:
    page.goto(f"{system.desk}/annual/gz-psb/2013?lang=zh")
    assert page.get_attribute("html", "lang") in ("zh", "zh-CN")
    chinese = rows(page)
    assert (chinese["申请总数"], chinese["3.电子邮件申请数"], chinese["5.信函申请数"]) == ("46", "10", "19")
    page.get_by_role("link", name="English").click()
    page.wait_for_url("**lang=en**")
    english = rows(page)
    assert (english["Requests received"], english["3. refused"], english["6. request unclear"]) == ("46", "13", "2")
    assert list(english.values()) == list(chinese.values())


def test_the_annual_page_fits_a_small_screen(page: Page, system: System) -> None:
    page.set_viewport_size({"width": 360, "height": 800})
    for lang in ("zh", "en"):
        page.goto(f"{system.desk}/annual/gz-psb/2013?lang={lang}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("suffix", ["", ".html"])
def test_the_annual_page_prints_on_a4(page: Page, system: System, suffix: str) -> None:
    page.goto(f"{system.desk}/annual/gz-psb/2013{suffix}?lang=zh")
    page.emulate_media(media="print")
    assert page.locator("nav").count() == (0 if suffix else 1) and not page.locator("nav").is_visible()
    # Its policy lets the file's own styles in.
    assert page.locator("td.number").first.evaluate("td => getComputedStyle(td).textAlign") == "right"
    paper = page.pdf(format="A4", prefer_css_page_size=True)
    assert paper.startswith(b"%PDF") and len(paper) > 10_000


def test_the_first_page_leads_to_the_report(page: Page, system: System) -> None:
    page.goto(f"{system.desk}/?lang=en")
    page.get_by_role("link", name="Annual reports").click()
    page.wait_for_url("**/annual?**")
    page.get_by_role("link", name="2013").first.click()
    page.wait_for_url("**/annual/gz-psb/2013**")
    assert "Guangzhou Public Security Bureau" in page.inner_text("h1")


def test_files_come_from_the_desk(system: System) -> None:
    for suffix, kind in (
        ("json", "application/json"),
        ("csv", "text/csv"),
        ("xlsx", "spreadsheetml"),
        ("docx", "word"),
    ):
        file = httpx.get(f"{system.desk}/annual/gz-psb/2013.{suffix}").raise_for_status()
        assert kind in file.headers["content-type"] and len(file.content) > 1000
        assert suffix == "json" or f"gz-psb-2013-cn-gz-2013.{suffix}" in file.headers["content-disposition"]


def test_old_addresses_lead_to_the_desk_with_their_query(system: System) -> None:
    browser = {"accept": "text/html,*/*;q=0.8"}
    for old, new in (
        (f"{system.tracker}/", "/"),
        (f"{system.tracker}/requests?organ=gz-psb&status=overdue", "/?organ=gz-psb&status=overdue"),
        (f"{system.tracker}/requests/a%2Fb%20c?lang=en", "/requests/a%2Fb%20c?lang=en"),
        (f"{system.stats}/", "/annual"),
        (f"{system.stats}/v1/annual/gz-psb.html?first=2012", "/annual/gz-psb?first=2012"),
        (f"{system.stats}/v1/annual/gz-psb/2013/organs?lang=en", "/annual/gz-psb/2013/organs?lang=en"),
        (
            f"{system.stats}/v1/annual/gz-psb/2013/cells/requests/received/count.html?lang=en",
            "/annual/gz-psb/2013/cells/requests/received/count?lang=en",
        ),
    ):
        led = httpx.get(old, headers=browser)
        assert (led.status_code, led.headers["location"]) == (307, f"{system.desk}{new}"), old
    for service in (system.tracker, system.stats):
        assert "service" in httpx.get(f"{service}/").json(), "programs are told what is there"
