"""The report as a page and on the terminal."""

import base64
import hashlib
import io
import re
from datetime import date
from html.parser import HTMLParser
from typing import Any

from msgspec.structs import replace
from rich.console import Console

from services.commands import reporting
from services.events.office_facts import ItemData
from services.events.vocabulary import Label
from services.stats import render
from services.stats.cells import Cell, Number
from services.stats.exports.downloads import print_page
from services.stats.fold import Fold
from services.stats.forms.form import Form, FormRow, load
from services.stats.forms.items import with_items
from services.stats.render import Place, Standing
from services.stats.report import Report, make_report
from tests.stats_events import answered, recorded

GZ = load("cn-gz-2013")
NAME = Label("某局", "Some <b>Bureau</b>")
BROKEN: dict[Cell, Number] = {
    Cell("a", 2013, "received", "fax", "business"): 41,
    Cell("a", 2013, "tally", "proactive-published-full-text"): 7,
}


def report(cells: dict[Cell, Number]) -> Report:
    return make_report(GZ, "a", 2013, "2014-01-01", cells)


class Page(HTMLParser):
    """Collects the cells of a page's tables, its links and what it loads; fails on tags that don't close."""

    VOID = ("meta", "link", "br", "input")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a":
            self.links.append(given["href"] or "")
        if tag in ("link", "script", "img"):
            self.loads.append(given.get("href") or given.get("src") or "")
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


def test_the_page_has_every_row_of_the_form_with_its_number() -> None:
    page = Page(render.to_html(report(BROKEN), GZ, NAME))
    assert [[r.label.zh, *([r.unit.zh] if r.unit else []), str(n)] for r, n in _expected()] == [
        row for row in page.rows if row[0] != "指标"
    ]


def _expected() -> list[tuple[FormRow, Number]]:
    cells = {(t.id, r.id): r.cells["count"] for t in report(BROKEN).tables for r in t.rows}
    return [(row, cells[table.id, row.id]) for table in GZ.tables for row in table.rows]


def test_the_page_loads_nothing_and_leads_to_the_desk_where_there_is_one() -> None:
    page = Page(render.to_html(report({}), GZ, NAME, lang="en", desk="https://desk.example/annual/a/2013"))
    assert page.loads == []
    assert page.links == ["https://desk.example/annual/a/2013?form=cn-gz-2013&lang=en"]
    alone = Page(render.to_html(report({}), GZ, NAME))
    assert alone.loads == [] and alone.links == []


def test_names_are_text_and_no_markup() -> None:
    text = render.to_html(report({}), GZ, NAME, lang="en")
    assert "Some &lt;b&gt;Bureau&lt;/b&gt;" in text and "<b>" not in text


def test_failed_arithmetic_is_shown() -> None:
    text = render.to_html(report(BROKEN), GZ, NAME)
    failed = re.findall(r'<li class="fails">(.*?)</li>', text, re.DOTALL)
    assert len(failed) == 1
    assert "不成立" in failed[0] and "全文电子化数不大于主动公开信息数" in failed[0]
    assert "published-full-text 7 not &lt;= published 0" in failed[0]
    assert text.count('<li class="holds">') == len(GZ.checks) - 1


def test_the_page_says_what_it_rests_on() -> None:
    standing = Standing((Place("cases", 2, 99),), "2014-01-01 09:30:00+08:00")
    text = render.to_html(report({}), GZ, NAME, standing, lang="en")
    assert "2014-01-01 09:30:00+08:00" in text and "cases/2: 99" in text and 'datetime="2014-01-01"' in text
    assert "no records yet" in render.to_html(report({}), GZ, NAME, Standing(), lang="en")


def test_the_styles_stand_in_the_page_and_its_policy_allows_just_these() -> None:
    text = render.to_html(report({}), GZ, NAME)
    (styles,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert "@page { size: A4" in styles
    policy = print_page(text, {}).headers["content-security-policy"]
    digest = base64.b64encode(hashlib.sha256(styles.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")


def test_a_revised_number_stands_beside_the_published_one() -> None:
    text = render.to_html(report(BROKEN), GZ, NAME, revised={("requests", "received.fax", "count"): 40})
    assert re.search(r'41 <del title="已公布的数字">40</del>', text)


def test_the_terminal_shows_the_columns_of_items_and_what_stands_beside_the_form() -> None:
    item = ItemData(code="permit", organ="a", name=Label("许可", "permit"), statute="CN-LICENSING")
    law: Any = {"statute": "CN-LICENSING", "item": "permit", "received_on": date(2023, 4, 1), "outcome": "refused"}
    fold = Fold()
    fold.apply(recorded("r", 1, answered(on=date(2023, 5, 4), **law)))
    fold.apply(recorded("s", 1, answered(on=date(2023, 5, 4), statute="UK", received_on=date(2023, 4, 1))))
    form = with_items(load("cn-licensing"), [item])
    made = make_report(form, "a", 2023, "2024-01-31", fold.cells)

    def shown(form: Form | None) -> str:
        out = io.StringIO()
        reporting.print_table(made, Console(file=out, width=140), form=form)
        return out.getvalue()

    assert re.search(r"不予许可数 +│ +1 │ +1 │", shown(form))
    assert "许可" in shown(form) and "perm" in shown(None), "a report that was fetched has the codes alone"
    many = with_items(load("cn-licensing"), [replace(item, code=f"permit-{n}") for n in range(12)])
    made = make_report(many, "a", 2023, "2024-01-31", fold.cells)
    assert re.search(r"│ permit-11 +│", shown(None)), "many items stand one below the other"
    for text in (shown(many), shown(None)):
        assert "按期情况" in text and "received under UK" in text


def printed(only: str = "") -> str:
    out = io.StringIO()
    reporting.print_table(report(BROKEN), Console(file=out, width=120), only=only)
    return out.getvalue()


def test_the_terminal_shows_the_tables_and_what_does_not_add_up() -> None:
    text = printed()
    assert all(table.title.zh in text for table in GZ.tables)
    assert re.search(r"2.传真申请数  2. by fax +│ +41 │", text)
    assert "does not add up: full-text-within-published: proactive/count" in text
    only = printed("requests")
    assert "Table 2" in only and "Table 1" not in only
