"""A report as CSV, spreadsheet, document and charts."""

import csv
import io
import itertools
import xml.etree.ElementTree as ET
from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from docx import Document
from msgspec import UnsetType
from msgspec.structs import replace
from openpyxl import load_workbook
from openpyxl.utils import get_column_letter

from services.desk.charts import bars, charts, columns
from services.events.office_facts import ItemData
from services.events.vocabulary import Label
from services.stats.cells import Cell, Number
from services.stats.exports.csv import BOM, to_csv
from services.stats.exports.docx import to_docx
from services.stats.exports.grid import grid
from services.stats.exports.xlsx import to_xlsx
from services.stats.fold import Fold
from services.stats.forms.form import form_ids, load
from services.stats.forms.items import with_items
from services.stats.indicators import Indicators, indicators
from services.stats.render import encode, from_json, to_html, to_json
from services.stats.report import Lang, Report, make_report
from services.stats.revisions import Revision, as_checks
from services.stats.sheet import as_indicators
from tests.stats_events import answered, recorded, summary

CN = load("cn-2021")
NAME = Label("=某局", "=Bureau")
CELLS: dict[Cell, Number] = {
    Cell("a", 2023, "received", "post", "business", "02"): 41,
    Cell("a", 2023, "closed", "granted", "business", "in-time"): 39,
    Cell("a", 2023, "closed", "unclear", "natural-person", "late"): 2,
    Cell("a", 2023, "tally", "fees-collected"): Decimal("59237.2449"),
}


def report(form_id: str = "cn-2021", organ: str = "a") -> Report:
    cells = {cell._replace(organ=organ): number for cell, number in CELLS.items()}
    return make_report(load(form_id), organ, 2023, "2024-01-31", cells)


def test_csv_has_a_line_for_each_number_and_the_mark_that_spreadsheets_want() -> None:
    text = to_csv(report(), CN)
    assert text.startswith(BOM) and text.count("\r\n") == text.count("\n")
    lines = list(csv.DictReader(io.StringIO(text.removeprefix(BOM))))
    assert {(r["table"], r["row"], r["column"]): r["value"] for r in lines} == {
        (table, row, column): str(number)
        for (table, row), cells in report().numbers().items()
        for column, number in cells.items()
    } | {
        ("timeliness", row, "count"): number
        for row, number in {"in-time": "39", "late": "2", "overdue": "0", "base": "41", "share": "95.1"}.items()
    } | {("checks", "R1", "fails"): "1"}
    (fees,) = [r for r in lines if r["row"] == "fees"]
    assert (fees["value"], fees["row_label"], fees["column_label"]) == (
        "59237.2449",
        "行政事业性收费",
        "本年收费金额（单位：万元）",
    )


def test_no_text_becomes_a_formula() -> None:
    lines = list(csv.DictReader(io.StringIO(to_csv(report(organ="=HYPERLINK(1)"), CN).removeprefix(BOM))))
    assert {r["organ"] for r in lines} == {"'=HYPERLINK(1)"}
    book = load_workbook(io.BytesIO(to_xlsx(report(), CN, NAME)))
    assert all(cell.data_type != "f" for sheet in book.worksheets for line in sheet.iter_rows() for cell in line)


@pytest.mark.parametrize("code", ["=1+1", "+1", "-cmd", "@x"])
def test_no_code_of_an_item_becomes_a_formula(code: str) -> None:
    item = ItemData(code=code, organ="a", name=Label("许可", "permit"), statute="CN-LICENSING")
    form = with_items(load("cn-licensing"), [item])
    found = make_report(form, "a", 2023, "2024-01-31", CELLS)
    lines = list(csv.reader(io.StringIO(to_csv(found, form).removeprefix(BOM))))
    assert any(f"'{code}" in line for line in lines)
    assert not any(cell.startswith(("=", "+", "-", "@")) for line in lines for cell in line)


TOLD = {
    "zh": {
        "R1": (
            "不成立",
            "第一项加第二项之和，等于第三项加第四项之和",
            "requests/business: 1 41 + 2 0 not = 3.7 39 + 4 0",
        ),
        "no-contradictions": ("不成立", "申请的各项事实互不矛盾", "以下申请的各项事实相互矛盾：r1, r2�"),
        "published": ("请核对", "与已公布的数字一致", "requests/total: 1 41 不等于公布数，公布日期 2024-01-31 40"),
    },
    "en": {
        "R1": (
            "does not hold",
            "One plus two equals three plus four",
            "requests/business: 1 41 + 2 0 not = 3.7 39 + 4 0",
        ),
        "no-contradictions": (
            "does not hold",
            "the facts of a request do not contradict one another",
            "facts contradict one another in r1, r2�",
        ),
        "published": (
            "to be looked at",
            "the numbers are those that were published",
            "requests/total: 1 41 not = published on 2024-01-31 40",
        ),
    },
}
"""What fails in a report, as its readers are told."""


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_file_names_each_rule_that_fails_and_where(lang: Lang) -> None:
    cells: dict[Cell, Number] = CELLS | {Cell("a", 2023, "contradicting", name): 1 for name in ("r1", "r2\x01")}
    found = make_report(CN, "a", 2023, "2024-01-31", cells)
    content: Any = SimpleNamespace(published_on=date(2024, 1, 31))
    revised = as_checks(content, [Revision("requests", "1", "total", 40, 41, [])])
    found = replace(found, checks=(*found.checks, *revised))
    lines = list(csv.DictReader(io.StringIO(to_csv(found, CN, lang=lang).removeprefix(BOM))))
    in_csv = [(r["row"], r["row_label"], r["column_label"]) for r in lines if r["table"] == "checks"]
    sheet = load_workbook(io.BytesIO(to_xlsx(found, CN, NAME, lang=lang))).worksheets[-1]
    in_book = [[str(cell.value) for cell in line] for line in sheet.iter_rows(min_row=4)]
    document: Any = Document(io.BytesIO(to_docx(found, CN, NAME, lang=lang)))
    in_document = [paragraph.text for paragraph in document.paragraphs]
    page = to_html(found, CN, NAME, lang=lang)
    for rule, (how, label, detail) in TOLD[lang].items():
        assert (rule, label, f"{how}{'：' if lang == 'zh' else ': '}{detail}") in in_csv
        assert [how, rule, label, detail] in in_book
        assert f"{how}  {rule}  {label}" in in_document and detail in in_document
        assert f'<span class="rule">{rule}</span> {label}' in page and f'<span class="detail">{detail}</span>' in page
    assert {line[1] for line in in_book} == {c.rule for c in found.checks if not c.ok} == {rule for rule, *_ in in_csv}


def test_no_file_speaks_of_rules_where_all_hold() -> None:
    found = make_report(CN, "a", 2023, "2024-01-31", {})
    assert all(check.ok for check in found.checks) and found.checks
    assert "checks" not in to_csv(found, CN)
    assert len(load_workbook(io.BytesIO(to_xlsx(found, CN, NAME))).worksheets) == len(CN.tables)
    document: Any = Document(io.BytesIO(to_docx(found, CN, NAME)))
    assert "勾稽关系" not in [paragraph.text for paragraph in document.paragraphs]


@pytest.mark.parametrize("form_id", form_ids())
def test_the_workbook_is_the_printed_table(form_id: str) -> None:
    form, found = load(form_id), report(form_id)
    book = load_workbook(io.BytesIO(to_xlsx(found, form, NAME, lang="zh")))
    behind = [sheet.title.split()[1] for sheet in book.worksheets[len(form.tables) :]]
    assert behind == ["timeliness", *(["checks"] if any(not check.ok for check in found.checks) else [])]
    for sheet, table in zip(book.worksheets, form.tables, strict=False):
        printed = grid(table, {r.id: found.numbers()[table.id, r.id] for r in table.rows})
        merged = {str(area) for area in sheet.merged_cells.ranges}
        for spot in printed.spots:
            cell = sheet.cell(3 + spot.row, 1 + spot.column)
            if spot.number is not None:
                assert Decimal(str(cell.value)) == spot.number
            elif spot.text is not None and spot.role != "unit":
                assert str(cell.value).startswith(spot.text.zh)
            if spot.rows * spot.columns > 1:
                corner = sheet.cell(2 + spot.row + spot.rows, spot.column + spot.columns)
                assert f"{cell.coordinate}:{corner.coordinate}" in merged
        last = get_column_letter(printed.columns)
        assert sheet.print_area == f"'{sheet.title}'!$A$1:${last}${2 + printed.rows}"
        assert sheet.page_setup.paperSize == 9


@pytest.mark.parametrize("form_id", form_ids())
def test_the_document_has_every_table_with_its_numbers(form_id: str) -> None:
    form, found = load(form_id), report(form_id)
    document: Any = Document(io.BytesIO(to_docx(found, form, NAME, lang="en")))
    assert len(document.tables) == len(form.tables) + 1  # and what was in time
    for shown, table in zip(document.tables, form.tables, strict=False):
        printed = grid(table, {r.id: found.numbers()[table.id, r.id] for r in table.rows})
        for spot in printed.spots:
            text = shown.rows[spot.row].cells[spot.column].text
            wanted = f"{spot.number:,}" if spot.number is not None else spot.text.en if spot.text else ""
            assert text.startswith(wanted)
    titles = [paragraph.text for paragraph in document.paragraphs]
    assert "=Bureau" in titles and all(t.title.en in titles for t in form.tables)


def folded() -> Fold:
    fold = Fold()
    for number, request in enumerate(
        (
            answered(working_days=3, first_response_on=date(2013, 3, 5), first_working_days=2),
            answered(working_days=5, timeliness="late"),
            answered("unclear", working_days=9, channel="post", on=date(2013, 4, 2)),
            answered(state="closed", outcome="other", timeliness=None, working_days=None),
            summary(),
        )
    ):
        fold.apply(recorded(f"r{number}", 1, request))
    return fold


def given(found: Indicators) -> dict[str, Any]:
    """Indicators as the desk reads them of the API."""
    decoded: dict[str, Any] = msgspec.json.decode(encode(as_indicators(found)))
    return decoded


def test_indicators_say_shares_days_and_months() -> None:
    found = indicators(folded().cells, ["a"], 2013)
    assert (found.in_time, found.late, found.overdue, found.base, found.share_in_time) == (2, 1, 0, 3, 2 / 3)
    assert (found.days, found.median_days) == ({3: 1, 5: 1, 9: 1}, 5)
    assert found.channels == {"post": 1, "online": 4}
    assert found.outcomes == {"granted": 2, "unclear": 1, "other": 1}
    assert list(found.received_by_month) == [0, 0, 5, *[0] * 9]
    assert list(found.ended_by_month) == [0, 0, 3, 1, *[0] * 8]
    nothing = indicators({}, ["a"], 2013)
    assert nothing.share_in_time is None and nothing.median_days is None and charts(given(nothing), "zh") == []


def test_a_share_in_time_counts_what_is_open_and_overdue_and_says_its_base() -> None:
    fold = folded()
    fold.apply(recorded("missed", 1, summary(overdue_from=date(2013, 3, 23))))
    assert (found := indicators(fold.cells, ["a"], 2013)).share_in_time == 0.5
    assert (given(found)["overdue"], given(found)["base"]) == (1, 4)
    report = make_report(CN, "a", 2013, "2014-01-31", fold.cells)
    assert b'"in_time":{"in_time":2,"late":1,"overdue":1,"base":4,"share":0.5}' in to_json(report)
    lines = csv.DictReader(io.StringIO(to_csv(report, CN).removeprefix(BOM)))
    said = [(r["row"], r["value"]) for r in lines if r["table"] == "timeliness"]
    assert said == [("in-time", "2"), ("late", "1"), ("overdue", "1"), ("base", "4"), ("share", "50")]
    assert "合计（比率的基数）" in to_html(report, CN, NAME, lang="zh")


def test_charts_are_sound_svg_that_says_its_numbers_and_has_no_script() -> None:
    found = charts(given(indicators(folded().cells, ["a"], 2013)), "en")
    assert len(found) == 5
    for text in found:
        figure = ET.fromstring(text)
        assert figure.find("svg/desc") is not None
        assert {child.tag for child in figure.iter()} <= {"figure", "figcaption", "svg", "desc", "text", "rect", "line"}
        assert "style=" not in text
    assert "online 4" in found[0] and "66.7%" in found[3] and "median: First response 2, Final response 5" in found[4]


def test_days_until_the_first_and_the_final_response_stand_beside_the_form_in_every_format() -> None:
    found = make_report(CN, "a", 2013, "2014-01-31", folded().cells)
    assert not isinstance(found.days_taken, UnsetType)
    first, final = found.days_taken.first, found.days_taken.final
    assert (first.requests, first.median, first.by_days) == (1, 2, {2: 1})
    assert (final.requests, final.median, final.by_days) == (3, 5, {3: 1, 5: 1, 9: 1})
    assert from_json(to_json(found)) == found
    said = b'"days_taken":{"first":{"requests":1,"median":2,"by_days":{"2":1}},"final":{"requests":3,"median":5,'
    assert said in to_json(found)
    expected = [
        ("2", "1", "0"), ("3", "0", "1"), ("5", "0", "1"), ("9", "0", "1"), ("total", "1", "3"), ("median", "2", "5")
    ]  # fmt: skip
    lines = csv.DictReader(io.StringIO(to_csv(found, CN, lang="zh").removeprefix(BOM)))
    days = [r for r in lines if r["table"] == "days-taken"]
    assert [(r["row"], r["value"]) for r in days if r["column_label"] == "首次回应"] == [e[:2] for e in expected]
    assert [(r["row"], r["value"]) for r in days if r["column_label"] == "最终答复（办结）"] == [
        e[::2] for e in expected
    ]
    sheet = load_workbook(io.BytesIO(to_xlsx(found, CN, NAME))).worksheets[-1]
    assert [[str(c.value) for c in line[1:3]] for line in sheet.iter_rows(min_row=4)] == [list(e[1:]) for e in expected]
    document: Any = Document(io.BytesIO(to_docx(found, CN, NAME, lang="en")))
    table = document.tables[-1]
    assert [c.text for c in table.rows[0].cells[1:]] == ["First response", "Final response"]
    assert [[c.text for c in row.cells[1:]] for row in table.rows[1:]] == [list(e[1:]) for e in expected]
    for lang, title in (("zh", "答复用时分布"), ("en", "Days taken")):
        page = to_html(found, CN, NAME, lang=lang)  # type: ignore[arg-type]  # one of the two
        assert title in page and 'id="days-taken"' in page


def test_labels_in_charts_are_text() -> None:
    for text in (bars('<a> & "b"', [("<x>", 1)]), columns('<a> & "b"', ["<x>"], [("<y>", [1]), ("z", [2])])):
        assert ET.fromstring(text).findtext("figcaption") == '<a> & "b"'


def test_numbers_and_labels_of_a_chart_do_not_run_into_one_another() -> None:
    days = [str(n) for n in range(28)]
    crowded = ET.fromstring(columns("t", days, [("first", [123] * 28), ("final", [7] * 28)]))
    texts = [(float(e.attrib["x"]), e.text or "") for e in crowded.iter("text") if e.attrib.get("class") == "small"]
    assert "123" not in {text for _, text in texts} and "7" in {text for _, text in texts}
    labels = sorted(x for x, text in texts if text in days and text != "7")
    assert len(labels) > 5 and min(b - a for a, b in itertools.pairwise(labels)) >= 20
    described = crowded.findtext("svg/desc") or ""
    assert "27: first 123, final 7" in described, "what is not drawn is told"


def test_a_long_table_begins_a_page_and_english_headings_have_room() -> None:
    found = make_report(CN, "a", 2013, "2014-01-31", folded().cells)
    chinese: Any = Document(io.BytesIO(to_docx(found, CN, NAME, lang="zh")))
    english: Any = Document(io.BytesIO(to_docx(found, CN, NAME, lang="en")))
    anew = [p.text for p in chinese.paragraphs if p.paragraph_format.page_break_before]
    assert anew == ["三、收到和处理政府信息公开申请情况"]
    wide = [[s.page_width.mm, s.page_height.mm] for d in (chinese, english) for s in d.sections]
    assert [[round(mm) for mm in page] for page in wide] == [[210, 297], [297, 210]]
    numbers = english.tables[1].columns[-1].width.mm
    assert numbers > 20 > chinese.tables[1].columns[-1].width.mm
