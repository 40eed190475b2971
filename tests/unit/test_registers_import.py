"""A register is read whole: every planted problem is named and no other, and what is read is what was written."""

import csv
import io
import json
from datetime import date
from typing import Any

import openpyxl
import pytest
from msgspec import structs
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from scripts import make_register
from scripts.make_register import LOWER, ORGAN, UPPER, Register
from services.events.codec import encode
from services.registers import dates, rejects, uncomputed
from services.registers.cells import NO_VALUE
from services.registers.formulas import guarded, unguarded
from services.registers.headers import REMARK, ROW
from services.registers.map_file import Source, When, fields_for, from_data, read, shipped
from services.registers.reading import RegisterContent
from services.registers.reading import read as read_register
from services.registers.suggest import suggest
from services.registers.tables import BadFile, sheets
from services.statute.errors import BadData

GIVEN = {"organ": ORGAN, "year": "2025"}
MAP = shipped()["cn-applications"]


def taken(content: bytes, name: str = "register.csv") -> RegisterContent:
    return read_register(name, content, MAP, GIVEN)


def facts(found: RegisterContent) -> list[dict[str, Any]]:
    events = [json.loads(encode(fact)) for fact in found.facts]
    assert {e["source"] for e in events} <= {make_register.SOURCE}
    name = {e["type"]: e["type"].removeprefix("org.shixian.").removesuffix(".v1") for e in events}
    return [{"id": e["id"], "type": name[e["type"]], "subject": e["subject"], "data": e["data"]} for e in events]


def problems(found: RegisterContent) -> set[tuple[int, str, str]]:
    return {(p.row, p.column.rpartition("/")[2], p.code) for p in found.problems}


HEAD: list[object] = ["登记编号", "申请日期", "申请方式", "申请人类型"]


def sheets_of(**rows: list[list[object]]) -> bytes:
    """A workbook with these sheets."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for title, each in rows.items():
        sheet = book.create_sheet(title)
        for row in each:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def entry(number: int) -> list[object]:
    return [str(number), date(2025, number, 1), "网上", "公民"]


@pytest.mark.timeout(900)  # ten thousand rows on a machine that has much else to do
@pytest.mark.parametrize(
    ("rows", "mistakes", "encoding"), [(300, 60, "utf-8-sig"), (300, 60, "utf-16"), (1_500, 300, "gb18030")]
)
def test_each_planted_problem_is_named_and_no_other_and_the_rest_is_as_drawn(
    rows: int, mistakes: int, encoding: str
) -> None:
    made = make_register.make(rows, rows + mistakes, mistakes)
    assert len({code for _, _, code in made.planted}) >= 8
    found = taken(made.csv(encoding))
    assert problems(found) == made.planted
    assert len(found.problems) == len(made.planted)
    assert (found.rows, len(found.bad)) == (rows, mistakes)
    assert facts(found) == made.facts


def test_rejected_rows_are_mended_and_imported_with_the_same_map() -> None:
    made = make_register.make(300, 9, 40)
    written = rejects.written(taken(made.csv()))
    table = sheets("rejects.csv", written)[0]
    head = [str(cell) for cell in table.rows[0][1]]
    assert head[-2:] == [REMARK, ROW]
    unmended = {(column, code) for _, column, code in problems(taken(written))}
    planted = {(column, code) for _, column, code in made.planted}
    assert unmended | {("登记编号", "twice")} == planted | {("登记编号", "twice")}  # alone, a twin is none
    out = io.StringIO(newline="")
    rows = [made.spoiled[int(str(cells[-1]))][0] for _, cells in table.rows[1:]]
    csv.writer(out).writerows([head, *([*row, *[""] * (len(head) - len(row) - 2), "mended", 1] for row in rows)])
    mended = taken(out.getvalue().encode())
    assert not mended.problems
    assert facts(mended) == [fact for _, said in made.spoiled.values() for fact in said]


def test_what_a_spreadsheet_would_run_is_kept_as_text_and_comes_back() -> None:
    head = "登记编号,申请日期,申请方式,申请人类型\n"
    found = taken(f"{head}=1+1,never,网上,公民\n".encode())
    written = rejects.written(found)
    assert b"'=1+1" in written
    mended = taken(written.replace(b"never", b"2025-03-01", 1))
    assert [f["id"] for f in facts(mended)] == ["=1+1/request-received"]


@pytest.mark.parametrize("sign", ["=", "+", "-", "@"], ids=["equals", "plus", "minus", "at"])
def test_every_sign_that_begins_a_formula_is_guarded_in_cells_and_headers_and_comes_back(sign: str) -> None:
    head = f"登记编号,申请日期,申请方式,申请人类型,{sign}cmd|x\n"
    found = taken(f"{head}{sign}1+1,never,网上,公民,\n".encode())
    written = rejects.written(found)
    rows = list(csv.reader(io.StringIO(written.decode("utf-8-sig"))))
    assert (rows[0][4], rows[1][0]) == (f"'{sign}cmd|x", f"'{sign}1+1")
    again = taken(written)
    assert again.headers.names[4] == found.headers.names[4] == f"{sign}cmd|x"
    assert rejects.written(again) == written
    mended = taken(written.replace(b"never", b"2025-03-01", 1))
    assert [f["id"] for f in facts(mended)] == [f"{sign}1+1/request-received"]


@pytest.mark.parametrize(
    ("cell", "kept"),
    [("-", "-"), ("--", "--"), ("-5", "-5"), ("-5.20", "-5.20"), ("+8613900000000", "'+8613900000000"),
     ("-1-2", "'-1-2"), ("\t=1", "'\t=1"), ("\r=1", "'\r=1"), ("'=1", "'=1"), ("", ""), ("a=1", "a=1")],
    ids=["dash", "dashes", "negative", "amount", "telephone", "sum", "tab", "return", "guarded", "empty", "inside"],
)  # fmt: skip
def test_what_is_no_formula_stays_as_it_is(cell: str, kept: str) -> None:
    assert guarded(cell) == kept
    assert unguarded(kept) == cell.removeprefix("'")


def workbook(made: Register) -> bytes:
    """The register as a workbook: merged headers, real dates and numbers where a cell can be one."""
    book = openpyxl.Workbook()
    book.active.title = "说明"  # type: ignore[union-attr]
    sheet = book.create_sheet("登记表")
    for row in (["登记表"], list(UPPER), list(LOWER), *made.rows):
        sheet.append([_typed(cell) for cell in row])
    for area in ("C2:E2", "F2:H2", "I2:J2", "K2:M2", "A2:A3", "B2:B3"):
        sheet.merge_cells(area)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _typed(cell: str) -> object:
    if cell.isdigit():
        return int(cell)
    try:
        return date.fromisoformat(cell)
    except ValueError:
        return cell or None


def test_a_workbook_says_the_same_as_a_text_file() -> None:
    made = make_register.make(200, 3, 30)
    found = taken(workbook(made), "register.xlsx")
    assert problems(found) == made.planted
    assert facts(found) == made.facts


def test_the_sample_is_what_its_script_makes_and_its_problems_are_those_planted() -> None:
    assert make_register.FILE.read_bytes() == make_register.lines()
    made = make_register.make(200, 2025, 12)
    found = taken(make_register.FILE.read_bytes())
    assert problems(found) == made.planted
    assert facts(found) == made.facts


@pytest.mark.parametrize(
    ("written", "day"),
    [
        *[(w, date(2025, 3, 1)) for w in (
            "2025-03-01", "2025/3/1", "2025年3月1日", "二〇二五年三月一日", "二○二五年三月一号", "3.1", "３．１",
            "3月1日", "45717", "２０２５．３．１", "2025 年 3 月 1 日", "20250301", "2025-03-01 14:30",
            "2025/3/1(星期六)", "2025.3.1.",
        )],
        ("二零二四年十二月廿一日", date(2024, 12, 21)),
        ("二〇二五年十月三十日", date(2025, 10, 30)),
    ],
)  # fmt: skip
def test_dates_are_read_as_people_write_them(written: str, day: date) -> None:
    assert dates.read(written, 2025) == day


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("3.1", "no-year"), ("三月一日", "no-year"), ("2025-02-29", "no-such-day"), ("2025年13月1日", "no-such-day"),
        ("25/3/1", "no-date"), ("3/1/2025", "no-date"), ("2025-3/1", "no-date"), ("正月初一", "no-date"),
        ("2205-01-01", "out-of-range"), ("12", "no-date"), ("999999", "no-date"), ("2025", "no-date"),
        ("1" * 999, "no-date"),
    ],
)  # fmt: skip
def test_what_is_no_date_says_why(written: str, why: str) -> None:
    assert dates.read(written) == why


@pytest.mark.parametrize(
    ("number", "meant"),
    [(12.1, "two-days"), (12.2, "two-days"), (12.3, "two-days"), (2.3, date(2025, 2, 3)), (12.4, date(2025, 12, 4)),
     (12.15, date(2025, 12, 15)), (13.1, "no-such-day"), (12.0, "no-date"), ("12.1", date(2025, 12, 1)),
     ("12.10", date(2025, 12, 10))],
)  # fmt: skip
def test_a_day_that_a_spreadsheet_made_a_number_of_is_not_guessed(number: float | str, meant: date | str) -> None:
    assert dates.read(number, 2025) == meant


def test_a_day_that_may_be_two_is_a_problem_until_it_is_mended() -> None:
    rows: list[list[object]] = [HEAD, ["1", 12.10, "网上", "公民"], ["2", 12.11, "never", "公民"]]
    found = taken(sheets_of(登记=rows), "register.xlsx")
    assert problems(found) == {(2, "申请日期", "two-days"), (3, "申请方式", "no-code")}
    told = found.problems[0]
    assert told.problem.zh == "可能是 2025-12-01，也可能是 2025-12-10" and "12月10日" in told.expected.zh
    assert "12月1日 or 12月10日" in told.expected.en
    written = rejects.written(found)
    assert problems(taken(written)) == {(2, "申请日期", "no-date"), (3, "申请方式", "no-code")}, "nothing was mended"
    mended = taken(written.replace("12月1日/12月10日".encode(), "12月10日".encode(), 1))
    assert facts(mended)[0]["data"]["submitted_on"] == "2025-12-10"


def test_a_workbook_that_counts_from_1904_has_other_days() -> None:
    book = openpyxl.Workbook()
    book.epoch = CALENDAR_MAC_1904
    assert book.active is not None
    book.active.append(["登记编号", "申请日期", "申请方式", "申请人类型"])
    book.active.append(["7", 44255, "网上", "公民"])
    out = io.BytesIO()
    book.save(out)
    (fact,) = facts(taken(out.getvalue(), "r.xlsx"))
    assert fact["data"]["submitted_on"] == "2025-03-01"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe\x00", "UTF-16"),
        (b"a,b\n\x81", "neither UTF-8 nor GB18030"),
        (b"a\x00b", "NUL"),
        (b"PK\x03\x04 and no more", "workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old kind"),
        (b"", "no row is a header"),
        ("姓名,电话\n".encode(), "no row is a header of this map; expected columns 登记编号"),
        ("登记编号,申请日期\n1,2\n".encode(), "no column 申请方式"),
        ('登记编号,"申请日期\n'.encode(), "line"),
    ],
)
def test_what_is_no_register_says_why(content: bytes, said: str) -> None:
    with pytest.raises(BadFile, match=said):
        taken(content)


def test_a_suggested_map_reads_the_register_that_it_was_made_for() -> None:
    made = make_register.make(100, 5, 0)
    content = made.csv().replace("现场".encode(), "托人".encode())
    text = suggest("我的 登记表.csv", content)
    assert '# "托人" = ""' in text
    assert "column not read: 备注" in text
    mended = text.replace('# "托人" = ""', '"托人" = "in-person"')
    found = read_register("r.csv", content, read("r.toml", mended, named=False), GIVEN)
    assert not found.problems
    assert facts(found) == made.facts


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"facts": []}, "facts"),
        ({"number": "nowhere"}, "number"),
        ({"subject": "{applicant}"}, "subject"),
        ({"source": "{organ"}, "source"),
        ({"values": {"channel": {"口头": "spoken"}}}, "values.channel.口头"),
        ({"colour": 1}, "colour"),
    ],
)
def test_a_bad_map_is_refused_by_its_key(change: dict[str, Any], key: str) -> None:
    good = {
        "id": "mine",
        "title": {"zh": "表", "en": "A register"},
        "number": "number",
        "source": "urn:x:{organ}",
        "subject": "{organ}/{number}",
        "given": {"organ": ""},
        "columns": {"number": "编号", "channel": "方式"},
        "values": {"channel": {"网上": "online"}},
        "facts": [
            {
                "type": "request-received",
                "data": {
                    "organ": {"given": "organ"},
                    "channel": {"column": "channel", "values": "channel"},
                    "applicant": {"text": "business"},
                    "submitted_on": {"text": "2025-01-01"},
                },
            }
        ],
    }
    from_data("mine.toml", good)
    with pytest.raises(BadData) as refused:
        from_data("mine.toml", {**good, **change})
    assert refused.value.key == key


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({}, "given.organ"),
        ({"organ": "a", "colour": "b"}, "given.colour"),
        ({"organ": "a", "year": "25"}, "given.year"),
    ],
)
def test_what_is_given_is_checked(given: dict[str, str], key: str) -> None:
    with pytest.raises(BadData) as refused:
        read_register("r.csv", make_register.lines(), MAP, given)
    assert refused.value.key == key


def test_a_ledger_says_reviews_too() -> None:
    upper = "序号,申请方式,申请人类别,收件日期,办理结果,答复日期,送达方式,行政复议,,,行政诉讼,,,\n"
    lower = ",,,,,,,提起日期,决定日期,结果,提起日期,是否经复议,判决日期,结果\n"
    row = "1,网上,公民,2025.1.2,公开,1月20日,邮寄,2.10,3.1,维持,4.1,是,,\n"
    given = {"organ": "a", "year": "2025"}
    found = read_register("台账.csv", (upper + lower + row).encode(), shipped()["cn-ledger"], given)
    assert [p.code for p in found.problems] == []
    events = [json.loads(encode(f)) for f in found.facts]
    assert [e["id"] for e in events] == [
        "1/request-received", "1/answer-issued", "1/review-filed/reconsideration", "1/review-decided/reconsideration",
        "1/review-filed/litigation-after",
    ]  # fmt: skip
    assert {e["subject"] for e in events} == {"a/2025-1"}
    assert events[-1]["data"]["kind"] == "litigation-after-reconsideration"


def test_a_formula_that_nobody_computed_is_a_problem_and_no_empty_cell() -> None:
    head = [*HEAD, "办理结果", "答复日期", "备注"]
    rows: list[list[object]] = [
        head,
        [*entry(1), '=IF(1,"予以公开","")', "=B2+10", "=1+1"],
        ["=1+1", *entry(2)[1:], "予以公开", date(2025, 2, 20), None],
        [*entry(3), "予以公开", date(2025, 3, 20), "=1+1"],
    ]
    found = taken(sheets_of(登记=rows), "register.xlsx")
    assert problems(found) == {
        (2, "办理结果", "no-value"), (2, "答复日期", "no-value"), (3, "登记编号", "no-value"),
    }  # fmt: skip
    assert [fact.id for fact in found.facts] == ["3/request-received", "3/answer-issued"]
    assert "open the file" in found.problems[0].expected.en and "保存" in found.problems[0].expected.zh
    unmended = problems(taken(rejects.written(found)))
    assert unmended == problems(found), "nothing was mended"


@pytest.mark.parametrize(
    ("cell", "marked"),
    [
        ('<c r="A1"><f>B1</f><v></v></c>', True),
        ('<c r="A1" s="3" t="n"><f t="shared" si="0"/><v/></c>', True),
        ('<x:c r="A1"><x:f>B1</x:f></x:c>', True),
        ('<c r="A1"><f>B1</f><v>0</v></c>', False),
        ('<c r="A1" t="str"><f>B1</f><v></v></c>', False),
        ('<c r="A1" s="1"/><c r="B1"><v>1</v></c>', False),
    ],
    ids=("openpyxl", "shared", "prefixed", "value", "empty-text", "no-formula"),
)
def test_what_a_formula_without_a_value_is(cell: str, marked: bool) -> None:
    assert (NO_VALUE.encode() in uncomputed.marked(cell.encode())) is marked


def test_a_number_shown_with_zeros_before_it_keeps_them() -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in (HEAD, *(entry(number) for number in (1, 2, 3))):
        sheet.append(row)
    for at, (number, shown) in enumerate(((12, "0000"), (12345, "0000"), (12, "0.00")), 2):
        sheet.cell(at, 1, number).number_format = shown
    out = io.BytesIO()
    book.save(out)
    found = taken(out.getvalue(), "register.xlsx")
    assert [fact.subject for fact in found.facts] == [f"{ORGAN}/0012", f"{ORGAN}/12345", f"{ORGAN}/12"]


DIRECT, AFTER = "litigation-direct", "litigation-after-reconsideration"


@pytest.mark.parametrize(
    ("written", "kinds"),
    [
        *[(word, [AFTER]) for word in ("是", "已复议", "有", "对", "Y", "1", "true", "✔", "经 复议", "复议后起诉")],
        *[(word, [DIRECT]) for word in ("", "/", "无", "否", "没有", "×", "x", "n", "0", "未经复议", "直接起诉")],
        *[(word, []) for word in ("部分", "?", "待查")],
    ],
)
def test_a_suit_is_filed_as_what_the_ledger_says_and_never_as_a_guess(written: str, kinds: list[str]) -> None:
    head = "登记号,申请方式,申请人类别,收到日期,起诉日期,是否经复议\n1,网上,公民,2025.1.2,"
    found = read_register("r.csv", f"{head}2025.4.1,{written}\n".encode(), shipped()["cn-ledger"], GIVEN)
    assert [fact.data.kind for fact in found.facts if "review-filed" in fact.id] == kinds  # type: ignore[union-attr]
    assert problems(found) == (set() if kinds else {(2, "是否经复议", "no-code")})
    assert kinds or "未经复议" in found.problems[0].expected.zh
    without = read_register("r.csv", f"{head},{'' if kinds == [AFTER] else written}\n".encode(), found.of, GIVEN)
    assert [fact.id for fact in without.facts] == ["1/request-received"] and not without.problems


def test_a_suggested_map_keeps_conditions_by_meaning_and_lists_their_unknown_words() -> None:
    head = "登记号,申请方式,申请人类别,收到日期,起诉日期,是否经复议\n1,网上,公民,2025.1.2,2025.4.1,待查\n"
    suggested = suggest("r.csv", head.encode())
    assert '# "待查" = "" # 待对应' in suggested.partition("[values.sued-after]")[2].partition("[[facts]]")[0]
    assert [fact.when for fact in read("r.toml", suggested, named=False).facts] == [
        fact.when for fact in shipped()["cn-ledger"].facts
    ]


@pytest.mark.parametrize(
    ("named", "head", "row", "days"),
    [
        ("cn-ledger", "收到日期", "2025-01-02", ("2025-01-02", "2025-01-02", None)),
        ("cn-ledger", "收件日期,确认日期", "2025-01-02,2025-01-03", ("2025-01-02", "2025-01-02", "2025-01-03")),
        ("cn-ledger", "申请日期,收到日期", "2025-01-01,2025-01-02", ("2025-01-01", "2025-01-02", None)),
        ("cn-ledger", "申请日期", "2025-01-01", ("2025-01-01", None, None)),
        ("cn-applications", "收到申请时间", "2025-01-02", ("2025-01-02", "2025-01-02", None)),
        ("cn-applications", "申请日期,确认日期", "2025-01-01,2025-01-03", ("2025-01-01", None, "2025-01-03")),
    ],
)
def test_when_a_register_says_that_it_was_received_it_was_received(
    named: str, head: str, row: str, days: tuple[str | None, ...]
) -> None:
    content = f"登记号,申请方式,申请人类型,{head}\n1,网上,公民,{row}\n".encode()
    found = read_register("r.csv", content, shipped()[named], GIVEN)
    assert [p.code for p in found.problems] == []
    said = json.loads(encode(found.facts[0]))["data"]
    assert tuple(said.get(name) for name in ("submitted_on", "received_on", "confirmed_on")) == days


def test_a_workbook_with_a_sheet_for_each_month_loses_none_of_them() -> None:
    less: list[list[object]] = [
        [*HEAD[:2], HEAD[3]],
        [*entry(3)[:2], "公民"],
    ]  # it lacks a column: no reason to leave its rows out
    content = sheets_of(
        一月=[HEAD, entry(1)], 二月=[HEAD, entry(2)], 三月=less, 空=[HEAD, ["合计"]], 说明=[["填表说明"]]
    )
    with pytest.raises(BadFile, match=r"sheets '一月', '二月', '三月' all have rows .*--set sheet=NAME"):
        taken(content, "register.xlsx")
    found = read_register("register.xlsx", content, MAP, GIVEN | {"sheet": "二月"})
    assert [fact.id for fact in found.facts] == ["2/request-received"]
    with pytest.raises(BadFile, match="no sheet '四月'; has '一月', '二月'"):
        read_register("register.xlsx", content, MAP, GIVEN | {"sheet": "四月"})
    suggested = suggest("register.xlsx", content)
    assert [line for line in suggested.splitlines() if "sheet = " in line and line.startswith("#")] == [
        f'# sheet = "{name}" # 每次一张工作表 · one sheet at a time' for name in ("一月", "二月", "三月")
    ]


def test_the_only_sheet_with_rows_is_read_wherever_it_stands() -> None:
    wide: list[list[object]] = [[*HEAD, "答复日期"]]
    found = taken(sheets_of(模板=wide, 登记=[HEAD, entry(1)]), "register.xlsx")
    assert [fact.id for fact in found.facts] == ["1/request-received"]
    assert "sheet" not in suggest("register.xlsx", sheets_of(模板=wide, 登记=[HEAD, entry(1)]))


LATER = {
    "cn-applications": [
        "收到日期", "确认日期", "补正通知日期", "补正日期", "征求第三方意见日期", "第三方答复日期",
        "延期批准日期", "延期告知日期", "答复日期",
    ],
    "cn-ledger": ["收到日期", "确认日期", "延期日期", "答复日期", "复议日期", "复议决定日期", "起诉日期", "判决日期"],
}  # fmt: skip
"""The dates of each map that no request has before it was submitted."""


@pytest.mark.parametrize(("name", "later"), [(name, each) for name, all_ in LATER.items() for each in all_])
def test_no_day_without_a_year_is_taken_for_one_before_the_request(name: str, later: str) -> None:
    words = {
        "登记编号": "1", "登记号": "1", "申请日期": "12月20日", "申请方式": "网上", "申请人类型": "公民",
        "办理结果": "予以公开", "第三方意见": "同意", "复议结果": "维持", "诉讼结果": "维持",
    }  # fmt: skip
    row = words | {later: "1月5日"}
    content = "\n".join((",".join(row), ",".join(row.values()))).encode()
    found = read_register("register.csv", content, shipped()[name], GIVEN)
    assert (2, later, "before") in problems(found)


def test_each_date_of_a_shipped_map_but_that_of_the_request_has_one_that_it_follows() -> None:
    for of in shipped().values():
        sources = {
            (fact.type, name): (source, fields_for(fact)) for fact in of.facts for name, source in fact.data.items()
        }
        for (_, name), (source, fields) in sources.items():
            if fields[name].kind == "date" and source.column != "submitted":
                assert source.column is not None and of.not_before(source.column) is not None, (of.id, source.column)


def test_a_date_that_goes_with_nothing_is_not_lost_in_silence() -> None:
    head = "登记编号,申请日期,申请方式,申请人类型,办理结果,答复日期\n"
    row = "1,2025-01-02,网上,公民,,\n2,2025-01-02,网上,公民,撤回,\n"
    assert problems(taken((head + row).encode())) == {(3, "答复日期", "missing")}
    when = MAP.facts[0].__class__(
        type="fee-paid", data={"paid_on": Source(column="asked")}, when=(When(column="reply"),)
    )
    odd = structs.replace(MAP, facts=(MAP.facts[0], when))
    content = head.replace("办理结果", "补正通知日期") + "1,2025-01-02,网上,公民,2025-01-05,\n"
    found = read_register("r.csv", content.encode(), odd, GIVEN)
    assert problems(found) == {(2, "补正通知日期", "unread")}
