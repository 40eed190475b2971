"""What the desk works out by itself: the organs as a tree, days in words, the calendar, the forms and what they say."""

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from services.desk import forms
from services.desk.board import left, on_paper, tiles, tree
from services.desk.drawing import drawn
from services.desk.form_words import FIELD_WORDS, FORM_WORDS
from services.desk.pages import minute
from services.desk.timeline import timeline
from services.events.codec import FACT_TYPES
from services.events.envelope import type_of

COUNTS: dict[str, Any] = {
    "overdue": 2,
    "due_today": 1,
    "this_week": 3,
    "stopped": 4,
    "waits_for_someone": 6,
    "duties": 3,
    "duties_overdue": 1,
    "unconfirmed": 5,
    "attention": 7,
    "attention_by_kind": {"expected": 2, "waiting": 5},
    "week_ends": "2026-11-29",
}


def organ(code: str, parent: str | None = None) -> dict[str, Any]:
    return {"code": code, "parent": parent, "name": {"zh": code, "en": code}}


def test_organs_stand_under_their_parents_and_none_is_lost_in_a_ring() -> None:
    found = tree([organ("c", "b"), organ("b", "a"), organ("a"), organ("x", "y"), organ("y", "x"), organ("o", "away")])
    assert [(one.code, one.depth) for one in found] == [("a", 0), ("b", 1), ("c", 2), ("o", 0), ("x", 0), ("y", 0)]
    assert found[0].has_children and not found[2].has_children


def test_the_tiles_count_what_needs_doing_and_say_where_it_is_listed() -> None:
    found = {tile.word: tile for tile in tiles(COUNTS, "a")}
    assert (found["attention"].number, found["attention"].href, found["attention"].path) == (
        7,
        {"organ": "a"},
        "/attention",
    ), "as many as its list has, which is not narrowed to a kind"
    assert (found["expected"].number, found["expected"].href["kind"]) == (2, "expected")
    assert (found["waiting_for_someone"].number, found["waiting_for_someone"].href["status"]) == (
        6,
        "waits-for-someone",
    )
    assert found["this_week"].href == {"status": "open", "due_through": "2026-11-29", "organ": "a"}
    assert (found["duties"].number, found["duties"].is_late, found["duties"].path) == (3, True, "/duties")
    assert all(tile.href["organ"] == "a" for tile in found.values())


@pytest.mark.parametrize(
    ("days", "zh", "en"),
    [
        (0, "今天到期", "due today"),
        (1, "剩余 1 个工作日", "1 working day left"),
        (12, "剩余 12 个工作日", "12 working days left"),
        (-1, "已逾期 1 个工作日", "1 working day late"),
        (-3, "已逾期 3 个工作日", "3 working days late"),
        (None, "", ""),
    ],
)
def test_days_left_are_said_in_words(days: int | None, zh: str, en: str) -> None:
    assert (left({"days_left": days}, "zh"), left({"days_left": days}, "en")) == (zh, en)


def test_a_printed_list_says_what_it_is_of() -> None:
    given = {"organ": "a", "channel": "fax", "due_through": "2026-11-29", "number": "", "unit": "u"}
    names = {"a": {"zh": "甲局", "en": "Bureau A"}}
    assert on_paper("unfinished", given, names, "en") == [
        "unfinished", "Organ Bureau A", "Unit u", "Channel by fax", "Due through 2026-11-29",
    ]  # fmt: skip
    assert on_paper("", {"organ": "a"}, names, "zh") == ["全部", "机关 甲局"]
    stopped = {"stopped_for": "fee", "order": "latest", "channel": "of-a-later-release"}
    assert on_paper("stopped", stopped, {"fee": names["a"]}, "en") == [
        "clock stopped", "Channel of-a-later-release", "Clock stopped for payment", "Order latest due first",
    ]  # fmt: skip
    assert on_paper("stopped", {"stopped_for": "later"}, {}, "zh") == ["期限停止计算", "停止原因 later"]


def test_an_instant_is_told_by_the_clock_of_the_organ() -> None:
    assert minute("2026-11-25T16:30:05.123Z", "Asia/Shanghai") == "2026-11-26 00:30"
    assert minute("2026-11-25T16:30:05Z", None) == "2026-11-25 16:30 UTC" and minute("", "Asia/Shanghai") == ""


def line(kind: str, first: str, last: str | None, days: int = 0, limit: str = "answer") -> dict[str, Any]:
    words = {"zh": kind, "en": kind}
    return {"limit": limit, "kind": kind, "from": first, "to": last, "days": days, "text": words, "basis": words}


def test_the_calendar_shows_each_day_of_the_answers_limit_as_the_account_has_it() -> None:
    lines = [
        line("counted", "2026-11-27", "2026-11-27", 1),
        line("weekend", "2026-11-28", "2026-11-29"),
        line("counted", "2026-11-30", "2026-11-30", 1),
        line("counted", "2026-11-12", "2026-11-12", 1, limit="consultation"),
        line("due", "2026-12-01", "2026-12-01"),
        line("stopped", "2026-12-02", None),
    ]
    request = {"received_on": "2026-11-26", "due_on": "2026-12-01"}
    november, december = drawn(lines, request, "2026-12-03")
    days = {cell.day: cell for week in november.weeks for cell in week if cell}
    assert [days[n].kind for n in (12, 27, 28, 29, 30)] == ["", "counted", "weekend", "weekend", "counted"]
    assert (days[26].marks, days[27].number, days[30].number) == (("received",), 1, 2)
    days = {cell.day: cell for week in december.weeks for cell in week if cell}
    assert days[1].marks == ("due",) and days[1].article == {"zh": "due", "en": "due"}
    assert [days[n].kind for n in (2, 3, 4)] == ["stopped", "stopped", ""], "it stands still until today"
    assert all(len(week) == 7 for month in (november, december) for week in month.weeks)
    assert drawn(lines, {"received_on": None, "due_on": None}, "2026-12-03") == []
    assert november.named == [], "a weekend is seen by its place"
    assert [(one.first.day, one.last.day, one.kind) for one in december.named] == [(1, 1, "due"), (2, 3, "stopped")]
    assert december.named[0].article == {"zh": "due", "en": "due"}


def test_the_days_that_do_not_count_are_named_beside_the_calendar() -> None:
    lines = [
        line("holiday", "2026-10-01", "2026-10-01"),
        line("holiday", "2026-10-02", "2026-10-02"),
        line("left-out", "2026-10-03", "2026-10-08"),
        line("weekend", "2026-10-09", "2026-10-09"),
        line("make-up", "2026-10-10", "2026-10-10", 1),
        line("left-out", "2026-10-12", "2026-10-12"),
    ]
    (october,) = drawn(lines, {"received_on": "2026-10-01", "due_on": "2026-10-20"}, "2026-10-15")
    named = [(one.first.day, one.last.day, one.kind) for one in october.named]
    assert named == [(1, 2, "holiday"), (3, 8, "left-out"), (10, 10, "make-up"), (12, 12, "left-out")]


def test_every_form_is_of_a_fact_of_the_contract_and_has_its_words() -> None:
    for name, fields in forms.FORMS.items():
        shape: Any = {f.name: f.type for f in msgspec.structs.fields(FACT_TYPES[type_of(name)])}["data"]
        known = set(shape.__struct_fields__)
        assert {field.name for field in fields} <= known, name
        assert name in FORM_WORDS and all(field.name in FIELD_WORDS for field in fields)


def test_a_form_says_a_fact_and_names_the_field_that_can_not_be_read() -> None:
    given = {"notified_on": "2026-11-26", "amount": "12.50", "stray": "x"}
    assert forms.data_of("fee-notified", given) == {"notified_on": "2026-11-26", "amount": Decimal("12.50")}
    given = {"received_on": "2026-11-26", "excused": ""}
    assert forms.data_of("clarification-received", given) == {"received_on": "2026-11-26"}
    for name, bad, field in (
        ("extension-granted", {"decided_on": "d", "notified_on": "d", "amount": "ten"}, "amount"),
        ("extension-granted", {"decided_on": "d", "notified_on": "d", "amount": " "}, "amount"),
        ("answer-issued", {"answered_on": "d", "service": "posted"}, "outcome"),
    ):
        with pytest.raises(forms.Unfit) as unfit:
            forms.data_of(name, bad)
        assert unfit.value.field == field


def fact(name: str, id_: str, at: str, **data: Any) -> dict[str, Any]:
    return {"type": type_of(name), "source": "s", "id": id_, "recordedtime": at, "data": data}


def test_a_correction_begins_with_what_holds_and_a_mistake_is_marked_in_the_timeline() -> None:
    facts = [
        fact("receipt-confirmed", "1", "2026-11-01", confirmed_on="2026-11-01"),
        fact(
            "fact-corrected", "2", "2026-11-02", amends={"source": "s", "id": "1"}, data={"confirmed_on": "2026-11-02"}
        ),
        fact("fact-retracted", "3", "2026-11-03", amends={"source": "s", "id": "2"}, reason="r"),
    ]
    assert forms.current(facts, "s", "1") == ("receipt-confirmed", {"confirmed_on": "2026-11-01"}), "taken back"
    assert forms.current(facts[:2], "s", "1") == ("receipt-confirmed", {"confirmed_on": "2026-11-02"})
    assert forms.current(facts, "s", "9") is None
    event = {"type": "org.shixian.due-date-set.v1", "sequence": 1, "data": {"cause": {"source": "s", "id": "1"}}}
    late = {"type": "org.shixian.request-overdue.v1", "recordedtime": "2026-12-01", "sequence": 2, "data": {}}
    found = timeline(facts, [event, late])
    assert [one.name for one in found] == ["receipt-confirmed", "fact-corrected", "fact-retracted", ""]
    assert (found[0].amended, found[1].amended, found[0].events) == ("", "fact-retracted", [event])


def amending(name: str, id_: str, aim: str, **data: Any) -> dict[str, Any]:
    return fact(name, id_, f"2026-11-{int(id_):02}", amends={"source": "s", "id": aim}, **data)


def test_only_what_has_effect_marks_a_fact() -> None:
    first = fact("receipt-confirmed", "1", "2026-11-01", confirmed_on="2026-11-01")
    corrected = amending("fact-corrected", "2", "1", data={"confirmed_on": "2026-11-02"})
    bad = amending("fact-corrected", "3", "1", data={"confirmed_on": "soon"})
    back, forth = amending("fact-retracted", "4", "2"), amending("fact-retracted", "5", "4")
    gone, ring = amending("fact-retracted", "6", "1"), amending("fact-retracted", "7", "7")
    no = {"source": "s", "id": "3", "code": "correction-refused"}

    def marks(*facts: dict[str, Any], rejected: tuple[dict[str, Any], ...] = (no,)) -> str:
        return " ".join(one.amended.removeprefix("fact-") or "-" for one in timeline(facts, [], rejected))

    assert marks(first, corrected) == "corrected -"
    assert marks(first, bad) == "- -"
    assert marks(first, corrected, bad) == "corrected - -"
    assert marks(first, corrected, back) == "- retracted -"
    assert marks(first, corrected, back, forth) == "corrected - retracted -"
    assert marks(first, gone, corrected, ring) == "retracted - - -"
    twice = ({"source": "s", "id": "2", "code": "id-conflict"},)
    assert marks(first, corrected, rejected=twice) == "corrected -", "of two contents the first one holds"
    assert forms.current([first, corrected, bad], "s", "1", [no]) == (
        "receipt-confirmed",
        {"confirmed_on": "2026-11-02"},
    )


def test_a_form_for_what_a_unit_has_begins_with_its_assignment() -> None:
    held = {"status": "open", "organ": "a", "held": [{"state": "assigned", "assignment": "x"}], "id": "r", "facts": []}
    assert forms.defaults("assignment-accepted", held, date(2026, 11, 26).isoformat())["assignment"] == "x"


def entered(name: str, id_: str, **data: Any) -> dict[str, Any]:
    return fact(name, id_, "2026-11-20T00:00:00Z", **data)


def taken_back(id_: str) -> dict[str, Any]:
    return entered("fact-retracted", f"back-{id_}", amends={"source": "s", "id": id_}, reason="x")


HEARING, AGAIN = (
    entered("special-step-opened", "h", step="hearing"),
    entered("special-step-opened", "h2", step="hearing"),
)
SURVEY, HEARD = entered("special-step-opened", "s", step="survey"), entered("special-step-closed", "c", step="hearing")


@pytest.mark.parametrize(
    ("facts", "step"),
    [
        ([HEARING, SURVEY], "survey"),
        ([SURVEY, HEARING, HEARD], "survey"),
        ([SURVEY, HEARING, taken_back("h")], "survey"),
        ([HEARING, HEARD, AGAIN], "hearing"),
        ([HEARING, HEARD], ""),
        ([HEARING, HEARD, taken_back("c")], "hearing"),
    ],
    ids=["last", "last-closed", "last-taken-back", "opened-again", "none", "closing-taken-back"],
)
def test_the_step_to_close_is_the_last_that_is_open(facts: list[dict[str, Any]], step: str) -> None:
    assert forms.defaults("special-step-closed", {"facts": facts}, "2026-11-26")["step"] == step


ASKED, OTHER = (entered("consultation-opened", id_, consultation=id_) for id_ in ("Z-7", "Z-8"))
REPLIED = entered("consultation-closed", "r", consultation="Z-8")


@pytest.mark.parametrize(
    ("facts", "waits", "number"),
    [
        ([ASKED], [], "Z-7"),
        ([ASKED, OTHER], [], "Z-8"),
        ([ASKED, OTHER, REPLIED], [], "Z-7"),
        ([OTHER, REPLIED], [], "Z-8"),
        ([ASKED, OTHER], ["Z-7"], "Z-7"),
        ([ASKED, OTHER, taken_back("Z-8")], [], "Z-7"),
        ([], [], ""),
    ],
    ids=["lapsed", "latest", "one-closed", "all-closed", "waited-for", "taken-back", "none"],
)
@pytest.mark.parametrize("name", ["consultation-closed", "consultation-reached"])
def test_a_reply_is_to_a_consultation_that_there_is(
    name: str, facts: list[dict[str, Any]], waits: list[str], number: str
) -> None:
    request = {"facts": facts, "waits": [{"limit": "consultation", "about": one} for one in waits]}
    assert forms.defaults(name, request, "2026-11-26")["consultation"] == number
