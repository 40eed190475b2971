"""The pages of a report in a real browser: numbers opened by keyboard, publications, small screens, paper."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page

from tests.e2e.conftest import System
from tests.e2e.test_pages import page, pytestmark
from tests.support import ORGAN, answered, eventually, raw, received

__all__ = ["page", "pytestmark"]

CITY = {**ORGAN, "code": "pages-city", "name": {"zh": "页面市", "en": "City of Pages"}}
OFFICE = {**CITY, "code": "pages-office", "name": {"zh": "页面局", "en": "Office of Pages"}, "parent": "pages-city"}
PAGE = "/annual/pages-city/2023"
YEAR = f"/v1{PAGE}"


def in_person(subject: str, day: str, organ: str) -> dict[str, Any]:
    return received(subject, day, "in-person", organ)


FACTS = [
    raw("organ-registered", "pages-city", CITY),
    raw("organ-registered", "pages-office", OFFICE),
    in_person("pages/2022/1", "2022-12-20", "pages-city"),
    answered("pages/2022/1", "2023-01-10"),
    in_person("pages/2023/1", "2023-03-01", "pages-city"),
    answered("pages/2023/1", "2023-03-20", "refused-deliberative"),
    in_person("pages/2023/2", "2023-12-28", "pages-office"),
]


def total(system: System, row: str) -> int:
    report = httpx.get(f"{system.stats}{YEAR}.json", params={"form": "cn-2021"}).raise_for_status().json()
    requests = next(t for t in report["tables"] if t["id"] == "requests")
    return int(next(r["cells"]["total"] for r in requests["rows"] if r["id"] == row))


@pytest.fixture(scope="module")
def posted(system: System) -> Iterator[System]:
    """The system with an office under a city, two years of requests, and a publication of one."""
    assert httpx.post(f"{system.intake}/v1/events", json=FACTS).status_code == 202
    eventually(lambda: (total(system, "3.7"), total(system, "1")) == (2, 2) or None)
    yield system


def test_a_number_opens_by_keyboard_down_to_its_requests(page: Page, posted: System) -> None:
    page.goto(f"{posted.desk}{PAGE}?form=cn-2021&lang=zh")
    assert page.locator("th.group").count() == 5
    link = page.locator("a[href*='/cells/requests/2/total']")
    assert link.inner_text() == "1"
    link.focus()
    outline = link.evaluate("a => getComputedStyle(a).outlineStyle")
    assert outline != "none"
    page.keyboard.press("Enter")
    page.wait_for_url("**/cells/requests/2/total**")
    assert page.inner_text("h1") == "1"
    request = page.locator("tbody a").first
    assert request.inner_text() == "pages/2022/1"
    explained = httpx.get(f"{posted.desk}{request.get_attribute('href')}")
    assert explained.status_code == 200 and "pages/2022/1" in explained.text
    page.get_by_role("link", name="返回报告").click()
    page.wait_for_url("**/2023?**")


def test_a_published_figure_stands_beside_the_present_one(page: Page, posted: System) -> None:
    wanted = {"form": "cn-2021", "published_on": "2024-01-31", "despite": "entered later"}
    assert httpx.post(f"{posted.stats}{YEAR}/publications", json=wanted).status_code == 201
    page.goto(f"{posted.desk}{PAGE}?form=cn-2021&lang=en")
    assert page.locator("del").count() == 0 and "Unchanged since" in page.inner_text(".publications")
    fix = raw(
        "fact-corrected",
        "pages/2023/1",
        {
            "amends": {"source": FACTS[5]["source"], "id": FACTS[5]["id"]},
            "data": {**FACTS[5]["data"], "outcome": "granted-in-part"},
        },
        id="pages-correction",
    )
    assert httpx.post(f"{posted.intake}/v1/events", json=fix).status_code == 202
    eventually(lambda: total(posted, "3.2") == 1 or None)
    page.reload()
    assert page.locator("td:has(del)").all_inner_texts() == ["1 0", "1 0", "0 1", "0 1"]
    told = page.inner_text(".publications")
    assert "numbers changed since: 4" in told and "pages-correction" in told
    page.emulate_media(media="print")
    assert not page.locator(".charts").is_visible()


def test_the_city_is_the_sum_of_its_offices(page: Page, posted: System) -> None:
    page.goto(f"{posted.desk}{PAGE}?form=cn-2021&lang=en")
    page.get_by_role("link", name="Organ by organ").click()
    page.wait_for_url("**/organs**")
    lines = [line.split("\t") for line in page.locator("tbody tr").all_inner_texts()]
    assert [(line[0].split()[0], line[1], line[2], line[6]) for line in lines] == [
        ("Sum", "2", "2", "100.0% / 2"),
        ("City", "1", "2", "100.0% / 2"),
        ("Office", "1", "0", "— / 0"),
    ]


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize(
    "path",
    [
        f"{PAGE}?form=cn-2021",
        f"{PAGE}?form=cn-2014",
        f"{PAGE}/cells/requests/1/total?form=cn-2021",
        f"{PAGE}/organs?",
        "/annual/pages-city?first=2022&last=2023&form=cn-2021",
        "/annual/pages-office/1999?form=uk-cabinet-office",
        "/annual?q=pages",
    ],
)
def test_every_page_fits_a_small_screen(page: Page, posted: System, path: str, lang: str) -> None:
    page.set_viewport_size({"width": 360, "height": 800})
    page.goto(f"{posted.desk}{path}&lang={lang}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.get_attribute("html", "lang") == {"zh": "zh-CN", "en": "en"}[lang]
    # What is wider than the screen scrolls by keyboard, too.
    for region in page.locator(".scroll").all():
        wider = region.evaluate("r => r.scrollWidth > r.clientWidth")
        assert not wider or region.get_attribute("tabindex") == "0"


def test_on_a_small_screen_a_number_stands_beside_its_label_and_no_date_is_torn(page: Page, posted: System) -> None:
    page.set_viewport_size({"width": 360, "height": 800})
    for lang in ("zh", "en"):
        page.goto(f"{posted.desk}{PAGE}?form=cn-2021&lang={lang}")
        first = page.locator("section:has(#requests) td.number").first.bounding_box()
        assert first is not None and first["x"] + first["width"] <= 360
        page.goto(f"{posted.desk}{PAGE}/cells/requests/1/total?form=cn-2021&lang={lang}")
        day = page.get_by_role("cell", name="2023-03-01").first.bounding_box()
        line = page.locator("th.head").first.bounding_box()
        assert day is not None and line is not None and day["height"] <= line["height"] * 1.2
        page.goto(f"{posted.desk}{PAGE}/organs?lang={lang}")
        for organ in page.locator("tbody th").all():
            box = organ.bounding_box()
            assert box is not None and box["height"] < 3 * 24 + 12, "at most three lines"


def test_the_days_taken_open_by_keyboard_and_are_not_printed(page: Page, posted: System) -> None:
    page.goto(f"{posted.desk}{PAGE}?form=cn-2021&lang=en")
    table = page.locator("table[aria-labelledby='days-taken']")
    assert not table.is_visible()
    page.locator(".beside summary").last.focus()
    page.keyboard.press("Enter")
    assert table.is_visible()
    assert table.locator("thead th").all_inner_texts()[1:] == ["First response", "Final response"]
    lines = [line.split("\t") for line in table.locator("tbody tr").all_inner_texts()]
    assert ["Total", "2", "2"] in [[part.strip() for part in line] for line in lines]
    page.emulate_media(media="print")
    assert not page.locator("#days-taken").is_visible()


def test_english_labels_are_not_torn(page: Page, posted: System) -> None:
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(f"{posted.desk}{PAGE}?form=cn-2021&lang=en")
    region = page.locator(".scroll:has(table[aria-labelledby='requests'])")
    assert region.evaluate("r => r.scrollWidth <= r.clientWidth"), "the whole table is on the screen"
    torn = """t => [...t.querySelectorAll('tbody th[scope=row]')].filter(th => {
        const range = document.createRange(), text = th.firstChild;
        return [...text.data.matchAll(/\\w+/g)].some(word => {
            range.setStart(text, word.index); range.setEnd(text, word.index + word[0].length);
            return new Set([...range.getClientRects()].map(r => r.top)).size > 1;
        });
    }).map(th => th.innerText)"""
    for width in (1280, 700):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.locator("table[aria-labelledby='requests']").evaluate(torn) == []


def test_the_first_page_finds_an_organ(page: Page, posted: System) -> None:
    page.goto(f"{posted.desk}/annual?lang=en&q=office+of")
    assert page.locator("tbody tr").count() == 1 and "Office of Pages" in page.inner_text("tbody")


def test_the_form_of_2021_prints_on_a4(page: Page, posted: System) -> None:
    page.goto(f"{posted.desk}{PAGE}?form=cn-2021&lang=zh")
    page.emulate_media(media="print")
    # The table of requests fits on one page: 297 mm less the margins, at 96 px an inch.
    page.set_viewport_size({"width": int((210 - 32) / 25.4 * 96), "height": 1000})
    tall = page.locator("section:has(#requests)").bounding_box()
    assert tall is not None and tall["height"] < (297 - 36) / 25.4 * 96
    assert page.pdf(format="A4", prefer_css_page_size=True).startswith(b"%PDF")
