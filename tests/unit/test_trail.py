"""Where requests go: the organ named, the request expected there, its receipt known by what it follows."""

from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from services.events.codec import decode_fact, encode
from services.statute import rules
from services.tracker.core.attention import items
from services.tracker.core.case import Case
from services.tracker.core.refold import Refold, Refs
from services.tracker.core.rows import Change
from services.tracker.core.trail import Following, HandedOn, bears_on, follows, handed_on
from services.tracker.core.view import look
from services.tracker.queries import detail
from services.tracker.rebuild_compare import decided_otherwise
from services.tracker.store import ATTENTION_COLUMNS, CASE_COLUMNS, case_row
from services.tracker.trail_store import expected
from services.words.catalogue import said
from services.words.remark import Remark
from tests.support import raw, received
from tests.unit.test_contradictions import NOW, amends, case_of, known, named

R = named(received("r1", "2023-03-01", "in-person"), "r")
MOVED = named(raw("request-transferred", "r1", {"transferred_on": "2023-03-06", "to_organ": "gz-edu"}), "moved")


def follower(**more: Any) -> dict[str, Any]:
    fact = named(received("r1", "2023-03-08", "in-person", "gz-edu"), "r")
    return fact | {"data": fact["data"] | {"follows": [{"request": "r0", "why": "transferred"}]} | more}


def test_a_transfer_that_ends_a_request_names_where_it_went_until_it_is_taken_back() -> None:
    case, _ = case_of([R, MOVED])
    assert handed_on(case) == HandedOn("gz-edu", "gz-psb", date(2023, 3, 6))
    assert bears_on(case) == {"r1"}
    case, _ = case_of([R, MOVED, amends("fact-retracted", "moved", reason="it stayed")])
    assert (handed_on(case), bears_on(case)) == (None, {"r1"})


def test_a_receipt_says_what_it_follows_and_a_correction_of_it_what_it_did_not() -> None:
    case, _ = case_of([follower()])
    assert follows(case) == [Following("r0", "transferred")]
    corrected = follower(follows=[{"request": "r9", "why": "split"}])["data"]
    case, _ = case_of([follower(), amends("fact-corrected", "r", data=corrected)])
    assert follows(case) == [Following("r9", "split")]
    assert bears_on(case) == {"r0", "r9"}, "both have to be looked at: one is expected again"
    for odd in ("r9", [1], [{"request": "r" * 300, "why": "split"}]):
        case, _ = case_of([follower(), amends("fact-corrected", "r", data={"follows": odd})])
        assert bears_on(case) == {"r0"}, "what no database can hold never gets there"


def test_what_another_organ_expects_is_said_in_both_languages() -> None:
    row = expected(
        {
            "request": "r1",
            "partition": 3,
            "to_organ": "gz-edu",
            "from_organ": "gz-psb",
            "moved_on": date(2023, 3, 6),
        }
    )
    told = dict(zip(ATTENTION_COLUMNS, row, strict=True))
    words = said(msgspec.json.decode(told["body"], type=Remark))
    assert (told["organ"], told["kind"], told["subject"]) == ("gz-edu", "expected", "r1")
    assert "gz-psb" in words.en and "2023-03-06" in words.zh


def test_what_was_taken_back_waits_for_no_request() -> None:
    paid = named(raw("fee-paid", "r1", {"paid_on": "2023-03-02"}), "paid")
    assert [item.kind for item in items(case_of([paid])[0])] == ["waiting"]
    assert items(case_of([paid, amends("fact-retracted", "paid", reason="another request's")])[0]) == []
    early: Any = decode_fact(msgspec.json.encode(amends("fact-retracted", "x", reason="early")))
    alone = Case(subject="r1", facts=(early,))
    alone = replace(alone, view=look(alone, known(), date(2023, 3, 3)).view)
    assert [item.kind for item in items(alone)] == ["waiting"]


def test_a_request_tells_the_other_readings_and_the_latest_date_while_its_clock_stands_still() -> None:
    open_, _ = case_of([R])
    told = detail(open_, known(), datetime(2023, 3, 3, tzinfo=UTC))
    other = {each["setting"]: each for each in told.readings}["start-day"]
    assert other["due_on"] != told.due_on and other["zh"] and other["en"] and other["basis"]["zh"]
    asked = raw("consultation-opened", "r1", {"consultation": "c", "party": "third-party", "sent_on": "2023-03-02"})
    now = datetime(2023, 3, 3, 12, tzinfo=UTC)
    stopped, _ = case_of([R, asked], now=now)
    halted = detail(stopped, known(), now)
    assert halted.due_on is None and halted.latest_due_on is not None


@pytest.mark.parametrize("digest", ["0123456789ab", None])
def test_a_case_decided_by_other_rules_is_told_from_a_damaged_one(digest: str | None) -> None:
    case, events = case_of([R])
    view = msgspec.structs.replace(case.view, due_on=date(2023, 3, 20))
    before = msgspec.structs.replace(case, view=view)
    found, should = (dict(zip(CASE_COLUMNS, case_row(Change(c, 0, None), NOW), strict=True)) for c in (before, case))
    data = msgspec.structs.replace(events[-1].data, rules=digest)
    last = encode(msgspec.structs.replace(events[-1], data=data))
    assert decided_otherwise(found, should, last)
    assert events[-1].data.rules == rules.current().digest
    assert not decided_otherwise(found, should, encode(events[-1])), "by the rules in force: the table is wrong"
    assert not decided_otherwise(found | {"due_on": None}, should, last), "a column is not what its case says"
    fewer = dict(
        zip(CASE_COLUMNS, case_row(Change(msgspec.structs.replace(before, facts=()), 0, None), NOW), strict=True)
    )
    assert not decided_otherwise(fewer, should, last), "a fact is missing"


def test_an_audit_takes_the_names_that_nobody_has_put_right() -> None:
    shelf = Refold(0)
    for each in (
        R,
        named(received("r2", "2023-03-01", "in-person"), "r"),
        amends("fact-retracted", "moved", reason="x"),
    ):
        _, events = case_of([each], str(each["subject"]))
        for event in events:
            shelf.shelf.replay(event)
    assert [name for name in Refs(shelf).names() if name[1] == "r"] == [
        ("urn:shixian:test", "r", "r1"),
        ("urn:shixian:test", "r", "r2"),
    ]
