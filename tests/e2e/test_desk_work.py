"""The work of a day at the desk in a real browser, under accounts: entered, refused, corrected, watched, published."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page

from services.samples import living
from tests.e2e.conftest import PASSWORD, TOKEN_TEXT, WATCHING, System
from tests.e2e.prometheus import require_watched
from tests.e2e.test_pages import pytestmark as pytestmark
from tests.ops.tools import program
from tests.support import eventually

REGISTER = Path(living.__file__).parent / "register-2025.csv"
AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text("utf-8")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
CLICKS = "addEventListener('click', () => sessionStorage.clicks = +(sessionStorage.clicks || 0) + 1, true)"


def sample(number: int) -> str:
    """A request of the living sample."""
    return f"样例-{living.on(datetime.now(UTC)):%Y%m%d}-{number:02d}"


def log_in(browser: Browser, system: System, account: str, page_after: str = "/") -> Page:
    """A page of a browser of its own, in which somebody has logged in."""
    context = browser.new_context(viewport={"width": 1200, "height": 900}, base_url=system.desk)
    page = context.new_page()
    page.goto("/login?lang=en")
    page.get_by_label("Account").fill(account)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{system.desk}{page_after}")
    return page


@pytest.fixture(scope="module")
def officers(browser: Browser, guarded: System) -> Iterator[Page]:
    """The officer's page, for test after test: opening one costs thirty times what going somewhere else in it does."""
    page = log_in(browser, guarded, "officer")
    yield page
    page.context.close()


@pytest.fixture
def officer(officers: Page) -> BrowserContext:
    return officers.context


@pytest.fixture
def page(officers: Page) -> Iterator[Page]:
    complaints: list[str] = []

    def note_message(message: ConsoleMessage) -> None:
        complaints.append(message.text)

    def note_error(error: Error) -> None:
        complaints.append(str(error))

    officers.on("console", note_message)
    officers.on("pageerror", note_error)
    yield officers
    officers.goto("about:blank")
    officers.remove_listener("console", note_message)
    officers.remove_listener("pageerror", note_error)
    # A page that looks again by itself may come at a moment at which a service has no turn for it.
    assert [text for text in complaints if "503" not in text and "404" not in text] == []


def enter(page: Page, **fields: str) -> None:
    """Fill the form that is shown, look at what it does, and send it."""
    fill(page, **fields)
    page.get_by_role("button", name="Enter it").click()
    page.locator(".done").wait_for()


def fill(page: Page, **fields: str) -> str:
    """Fill the form that is shown; what its preview says."""
    for name, value in fields.items():
        field = page.locator(f".fields [name={name}]")
        if field.evaluate("one => one.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
    page.get_by_role("button", name="Preview").click()
    return page.locator("#looked").inner_text()


def test_a_request_goes_from_its_receipt_to_its_answer_on_the_page(page: Page) -> None:
    page.goto("/?lang=en&organ=sample-bureau")
    page.get_by_role("link", name="Enter a request").click()
    kind = {"channel": "in-person", "applicant": "natural-person", "organ": living.BUREAU}
    enter(page, subject="desk/2026 7", **kind)
    assert "open" in page.inner_text("h1") and "user:officer" in page.inner_text(".timeline")
    assert page.locator("td.is-due").count() == 1 and page.locator("td.is-today").count() == 1
    page.get_by_role("link", name="assignment", exact=True).click()
    enter(page, unit="sample-planning", step="opinion")
    page.get_by_role("link", name="answer", exact=True).click()
    enter(page, outcome="granted", service="handed")
    assert "answered" in page.inner_text("h1") and "in time" in page.inner_text("main")


def test_an_extension_beyond_the_cap_is_refused_with_its_article(page: Page) -> None:
    page.goto(f"/requests/{sample(14)}?lang=zh&record=extension-granted")
    page.locator("[name=amount]").fill("30")
    page.get_by_role("button", name="预览").click()
    told = page.locator("#looked").inner_text()
    assert "不能登记" in told and "超过上限20" in told and "条例(2019) 第三十三条第二款" in told
    assert page.get_by_role("button", name="确认登记").count() == 0
    page.goto(f"/requests/{sample(14)}?lang=zh")
    assert "延长答复期限" not in page.inner_text(".timeline")


def test_a_wrong_date_is_corrected_and_an_ended_case_asks_twice(page: Page) -> None:
    page.goto(f"/requests/{sample(45)}?lang=en")  # an answered one of the sample
    assert "answered" in page.inner_text("h1")
    page.get_by_role("link", name="Correct", exact=True).last.click()
    before = page.locator("[name=answered_on]").input_value()
    received = page.inner_text("dl").split("Received on")[1].split()[0] if page.locator("dl").count() else ""
    told = fill(page, answered_on=earlier(before))
    assert before in told and earlier(before) in told and not received
    assert "counted already" in told
    page.locator("[name=digest]").wait_for(state="attached")
    page.locator("[name=despite_ended]").check()
    page.get_by_role("button", name="Enter it").click()
    page.locator(".done").wait_for()
    assert "corrected" in page.inner_text(".timeline") and earlier(before) in page.inner_text("dl")


def earlier(day: str) -> str:
    """The day before."""
    return datetime.fromordinal(datetime.fromisoformat(day).toordinal() - 1).date().isoformat()


def test_the_board_moves_without_being_loaded_anew(page: Page, officer: BrowserContext) -> None:
    page.goto("/?lang=en&organ=sample-bureau")
    page.evaluate("window.same = true")
    tile = page.locator(".tile", has_text="receipt unconfirmed").locator("strong")
    before = int(tile.inner_text())
    other = officer.new_page()
    other.goto(f"/requests/{sample(53)}?lang=en&record=receipt-confirmed")
    enter(other)
    other.close()
    eventually(lambda: int(tile.inner_text()) == before - 1 or None, 60)
    assert page.evaluate("window.same") is True


def test_the_counts_of_the_board_are_those_of_its_lists(page: Page) -> None:
    page.goto("/?lang=en&organ=sample-bureau")
    tiles = {}
    for tile in page.locator(".tile").all():
        tiles[tile.locator("span").inner_text()] = (
            int(tile.locator("strong").inner_text()),
            tile.get_attribute("href"),
        )
    for word in ("overdue", "due today", "due this week", "waiting for someone"):
        number, address = tiles[word]
        page.goto(address or "")
        assert page.locator(".board tbody tr").count() == number, word


def test_an_extension_takes_few_clicks_and_the_keyboard_alone_will_do(page: Page) -> None:
    page.add_init_script(CLICKS)  # counts on in the tests after this one, where nobody asks
    page.goto("/?lang=en&organ=sample-bureau")
    page.get_by_role("link", name=sample(16)).click()
    page.get_by_role("link", name="extension", exact=True).click()
    enter(page, amount="10")
    assert int(page.evaluate("sessionStorage.clicks")) < 10
    page.goto("/?lang=en&organ=sample-bureau")
    reach(page, sample(17))
    page.keyboard.press("Enter")
    page.wait_for_url("**/requests/**")
    reach(page, "extension")
    page.keyboard.press("Enter")
    page.locator(".fields").wait_for()
    reach(page, "amount")
    page.keyboard.type("10")
    page.keyboard.press("Enter")
    page.locator("#looked").wait_for()
    reach(page, "Enter it")
    page.keyboard.press("Enter")
    page.locator(".done").wait_for()


def reach(page: Page, named: str) -> None:
    """Press Tab until what is so named has the focus."""
    for _ in range(150):
        page.keyboard.press("Tab")
        if page.evaluate("[document.activeElement.innerText?.trim(), document.activeElement.name]").count(named):
            return
    raise AssertionError(f"{named} can't be reached with the keyboard")


SEEN = """new MutationObserver(() => (window.seen ||= []).push(document.getElementById('so-far')?.textContent))
    .observe(document.body, {subtree: true, childList: true, characterData: true})"""


def test_a_register_is_imported_from_the_page_and_shows_how_far_it_has_come(page: Page) -> None:
    page.goto("/register?lang=en")
    large = {"name": "large.csv", "mimeType": "text/csv", "buffer": b"x" * (4 * 1024 * 1024 + 1)}
    page.locator("#file").set_input_files(large)  # type: ignore[arg-type]  # a payload, as its documentation has it
    assert "4 MiB" in page.locator("#file").evaluate("one => one.validationMessage"), "it is not sent for nothing"
    page.locator("#file").set_input_files(str(REGISTER))
    page.get_by_role("button", name="Suggest a map").click()
    page.locator("#map").wait_for()
    assert "[columns" in page.locator("#map").input_value() or "=" in page.locator("#map").input_value()
    page.locator("#map").fill("cn-applications")
    page.locator("#given").fill(f"organ={living.BUREAU}\nyear=2025")
    page.get_by_role("button", name="Dry run").click()
    page.get_by_text("200 rows, 12 with problems").wait_for()
    page.locator("[name=partial]").check()
    page.evaluate(SEEN)
    page.get_by_role("button", name="Import", exact=True).click()
    page.locator(".done").wait_for()
    assert "Imported: rows 188" in page.locator(".done").inner_text()
    told = [text for text in page.evaluate("window.seen") if text]
    assert any(text.endswith("facts written") and not text.startswith("0 ") for text in told)


def test_publishing_takes_two_people(browser: Browser, guarded: System) -> None:
    year = living.on(datetime.now(UTC)).year - 1
    for account, told in (("first", ("Proposed", "Proposed")), ("second", ("Published",))):
        page = log_in(browser, guarded, account)
        for said in told:
            page.goto(f"/annual/{living.BUREAU}/{year}?lang=en")
            if not page.locator("[name=sure]").is_visible():
                page.get_by_text("Publish this report").click()
            page.locator("[name=sure]").check()
            page.get_by_role("button", name="Publish").click()
            assert said in page.locator(".done").inner_text()
        page.context.close()


def test_another_organs_page_is_refused_and_nothing_is_left_after_logging_out(
    browser: Browser, guarded: System
) -> None:
    page = log_in(browser, guarded, "elsewhere")
    for path, status in ((f"/requests/{sample(14)}", 404), (f"/annual/{living.BUREAU}/2025", 403)):
        answer = page.goto(f"{path}?lang=en")
        assert answer is not None and answer.status == status
        assert living.BUREAU not in page.inner_text("h1")
    page.goto("/?lang=en")
    assert sample(14) not in page.inner_text("main")
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login**")
    page.goto("/")
    assert "/login" in page.url
    page.context.close()


def test_an_auditor_sees_what_was_done_and_what_was_tried(browser: Browser, guarded: System, officers: Page) -> None:
    page = officers
    page.goto(f"/requests/{sample(14)}?lang=en")
    answer = page.goto("/audit-trail?lang=en")
    assert answer is not None and answer.status == 403, "an officer does not"
    tried = page.request.post(
        f"{guarded.desk}/logout", form={"form_token": "x"}, headers={"origin": "http://evil.test"}
    )
    assert tried.status == 403
    trail = log_in(browser, guarded, "auditor", "/audit-trail?lang=*")

    def rows() -> list[list[str]] | None:
        trail.goto("/audit-trail?lang=en")
        shown = trail.eval_on_selector_all("tbody tr", "rows => rows.map(r => [...r.cells].map(c => c.innerText))")
        found = [[who, what, about, status] for _, who, what, about, status, _ in shown]
        wanted = [
            ["user:officer", "request read", f"/v1/requests/{quote(sample(14))}", "200"],
            ["user:auditor", "login", "/login", ""],
            ["unknown", "call", "Origin is 'http://evil.test'", "403"],
        ]
        return found if all(any(_fits(one, each) for each in found) for one in wanted) else None

    eventually(rows)
    assert "holds" in trail.inner_text("main")
    assert faults(trail) == []
    trail.context.close()


def faults(page: Page) -> list[tuple[str, str]]:
    """What axe finds, each with the first place. What it looked at and found good, which is nearly all, is not
    gathered: it costs more than the looking."""
    page.evaluate(AXE)
    options = {"runOnly": TAGS, "resultTypes": ["violations"]}
    found = page.evaluate("options => axe.run(document, options).then(found => found.violations)", options)
    return [(one["id"], one["nodes"][0]["html"]) for one in found]


def _fits(wanted: list[str], row: list[str]) -> bool:
    return wanted[:2] == row[:2] and row[2].startswith(wanted[2]) and wanted[3] == row[3]


BOARD, FORM, YEAR = "/?status=in-review", "record=extension-granted", f"/annual/{living.BUREAU}/2025"


def every_page() -> list[str]:
    now = living.on(datetime.now(UTC)).year
    pages = [
        "/",
        BOARD,
        "/new",
        "/attention",
        "/annual",
        f"/annual/{living.BUREAU}",
        YEAR,
        f"/annual/{living.BUREAU}/{now}",
    ]
    return [*pages, "/register", f"/requests/{sample(35)}", f"/requests/{sample(14)}?{FORM}", "/requests/none"]


def one_of_each_kind() -> list[str]:
    """The smaller one where two pages have the same parts, and so the same colours and words."""
    return [BOARD, "/new", YEAR, "/register", f"/requests/{sample(35)}", f"/requests/{sample(14)}?{FORM}"]


@pytest.mark.parametrize(
    ("lang", "scheme", "pages"),
    [
        ("zh", "light", every_page),
        ("en", "dark", one_of_each_kind),
        pytest.param("en", "dark", every_page, marks=pytest.mark.proof),
    ],
)
def test_no_page_has_a_fault_that_axe_finds_or_is_wider_than_a_small_screen(
    page: Page, lang: str, scheme: Literal["light", "dark"], pages: Callable[[], list[str]]
) -> None:
    page.emulate_media(color_scheme=scheme)
    for path in pages():
        page.set_viewport_size({"width": 1200, "height": 900})
        page.goto(f"{path}{'&' if '?' in path else '?'}lang={lang}")
        assert faults(page) == [], path
        page.set_viewport_size({"width": 360, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, (path, lang)
    page.emulate_media(color_scheme="null")
    page.set_viewport_size({"width": 1200, "height": 900})


def test_prometheus_watches_a_system_with_accounts_too_and_all_of_it_ends_in_order(guarded: System) -> None:
    """The last one: with accounts, since then Prometheus needs a token: `up` makes it."""
    for name in WATCHING:
        program(name)
    prometheus, alertmanager = (
        f"http://127.0.0.1:{guarded.env[f'SHIXIAN_{name}_PORT']}" for name in ("PROMETHEUS", "ALERTMANAGER")
    )
    require_watched(guarded, prometheus, alertmanager, TOKEN_TEXT)
    assert guarded.stop() < 15
    assert guarded.process.returncode == 0
