"""What needs a person: of every remark that the law makes on a fact it is settled whether the fact moved anything."""

import ast
import inspect
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from services.events.codec import decode_fact
from services.statute import answer_clock, assessment, doubts, moves, pauses, timeline
from services.tracker.core import apply
from services.tracker.core.attention import DOUBTFUL, WITH_EFFECT, WITHOUT_EFFECT, ineffective, items
from services.tracker.core.case import Case
from services.tracker.core.decide import decide, tick
from services.tracker.core.reference_data import ReferenceData
from services.tracker.core.strands import Shelf
from services.words.catalogue import sentences
from tests.law import clarified, extended, fact, received, view
from tests.law_cases import WORLD, make
from tests.support import ORGAN, raw
from tests.support import received as raw_received


def codes_on_facts() -> set[str]:
    """The codes that the law's modules remark on facts, as their source has them."""
    modules = (answer_clock, assessment, doubts, moves, pauses, timeline)
    return {code for module in modules for code in _codes(inspect.getsource(module))}


def _codes(source: str) -> Iterator[str]:
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef):
            continue
        for call in ast.walk(function):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
                continue
            if call.func.attr not in ("note", "unlawful", "in_time"):
                continue
            about = call.args[0]
            if isinstance(about, ast.Constant) and about.value is None:
                continue  # of the case, not of a fact
            code = call.args[1:2] if call.func.attr != "in_time" else call.args[2:3]
            inside = function if any(isinstance(each, ast.Name) for each in code) else ast.Module(list(code), [])  # type: ignore[arg-type]
            for each in ast.walk(inside):
                if isinstance(each, ast.Constant) and each.value in sentences():
                    yield str(each.value)


def test_every_remark_on_a_fact_is_with_or_without_effect() -> None:
    found = codes_on_facts()
    assert {"after-limit", "payment-not-asked", "correction-late", "second-receipt"} <= found
    assert found | {"ended-before-receipt", "ended-unconfirmed"} == WITHOUT_EFFECT | WITH_EFFECT | DOUBTFUL
    assert not WITHOUT_EFFECT & WITH_EFFECT and not DOUBTFUL & (WITHOUT_EFFECT | WITH_EFFECT)


R = "2025-03-03"
LATE_NOTICE = clarified("2025-03-17", "2025-03-28", "2025-03-24")
LATE_CORRECTION = clarified("2025-03-06", "2025-03-20", "2025-03-24")
MOVED_NOTHING: list[tuple[list[Any], dict[str, str], list[str]]] = [
    (LATE_NOTICE, {"late_clarification_notice": "keeps-effect"}, []),
    (LATE_NOTICE, {"late_clarification_notice": "loses-effect"}, ["clarification-notice-late", "correction-not-asked"]),
    (LATE_CORRECTION, {"late_correction": "reopens"}, []),
    (LATE_CORRECTION, {"late_correction": "stays-closed"}, ["correction-late"]),
    ([extended("2025-03-20", 30)], {}, []),
    ([fact("date-agreed", agreed_on="2025-03-10", until="2025-04-30")], {}, ["agreement-unknown"]),
    ([fact("volume-deferred", notified_on="2025-03-10", until="2025-03-12")], {}, ["deferral-not-later"]),
]


@pytest.mark.parametrize(("facts", "settings", "codes"), MOVED_NOTHING)
def test_a_fact_that_as_the_law_is_read_moved_nothing_needs_a_person(
    facts: list[Any], settings: dict[str, str], codes: list[str]
) -> None:
    found = view([received(R), *facts], "2025-03-25", "CN-2019", **settings)
    assert [(kind, each.code) for kind, each in ineffective(found)] == [("without-effect", code) for code in codes]


def test_what_came_today_needs_a_person_today_wherever_that_is() -> None:
    """In the east a day begins before it does in UTC; a fact that has no instant of its own is as old as its case."""
    retraction = raw("fact-retracted", "c", {"amends": {"source": "s", "id": "unheard-of"}, "reason": "by mistake"})
    now = datetime(2026, 11, 25, 21, tzinfo=UTC)  # the 26th in China
    reference_data = ReferenceData([decode_fact(msgspec.json.encode(raw("organ-registered", "gz-psb", ORGAN)))])  # type: ignore[list-item]
    shelf = Shelf()
    for each in (raw_received("c", "2023-03-01", "in-person"), retraction):
        apply.run([decode_fact(msgspec.json.encode(each))], shelf, reference_data, now)  # type: ignore[list-item]
    assert [(item.kind, item.since <= now) for item in items(shelf.case("c"))] == [("waiting", True)]


def of_organ(*facts: dict[str, Any]) -> list[tuple[str, str]]:
    """What the strands of an organ's facts tell: kind and code."""
    shelf, reference_data = Shelf(), ReferenceData()
    registered: Any = decode_fact(msgspec.json.encode(raw("organ-registered", str(ORGAN["code"]), ORGAN)))
    reference_data.learn(registered)
    for each in facts:
        one: Any = decode_fact(msgspec.json.encode(each))
        apply.run([one], shelf, reference_data, datetime(2023, 4, 1, tzinfo=UTC))
    return [(i.kind, i.remark.code) for _, _, case in shelf.pieces() if case is not None for i in items(case)]


def counted(id_: str, count: int) -> dict[str, Any]:
    data = {"organ": "gz-psb", "on": "2023-03-01", "measure": "page-views", "count": count}
    return raw("tally-recorded", "gz-psb", data, id=id_)


def test_an_amendment_of_a_tally_waits_for_nothing() -> None:
    aim = {"source": "urn:shixian:test", "id": "t"}
    better = {**counted("t", 2)["data"]}
    for amendment in (
        raw("fact-corrected", "gz-psb", {"amends": aim, "data": better}),
        raw("fact-retracted", "gz-psb", {"amends": aim, "reason": "twice"}),
    ):
        assert of_organ(counted("t", 1), amendment) == []
    assert of_organ(raw("fact-retracted", "gz-psb", {"amends": aim, "reason": "twice"})) == [("waiting", "fact")]


def test_one_id_with_two_contents_is_not_told_with_each_other_fact_of_the_organ() -> None:
    assert of_organ(counted("t", 1), counted("t", 2), *(counted(f"n{n}", 1) for n in range(5))) == []


def test_a_receipt_that_does_not_stand_is_told_to_both_organs() -> None:
    """The first one may be the mistyped one: the right one's list has to say that its request is not counted."""
    reference_data = ReferenceData([decode_fact(msgspec.json.encode(raw("organ-registered", "gz-psb", ORGAN)))])  # type: ignore[list-item]
    shelf, now = Shelf(), datetime(2023, 4, 1, tzinfo=UTC)
    for organ in ("gz-psb", "gz-edu"):
        one: Any = decode_fact(msgspec.json.encode(raw_received("c", "2023-03-01", "in-person", organ)))
        apply.run([one], shelf, reference_data, now)
    found = items(shelf.case("c"))
    assert [(item.kind, item.remark.code, item.organ) for item in found] == [
        ("contradicting", "receipt-elsewhere", "gz-psb"),
        ("contradicting", "receipt-elsewhere", "gz-edu"),
    ]


@pytest.mark.parametrize(("statute", "year"), [("CN-LICENSING", 2025), ("CN", 2010)])
def test_a_clock_that_no_limit_of_others_starts_again_is_told_whatever_limits_the_office_has(
    statute: str, year: int
) -> None:
    """A law with a limit for the office's own notice has it among the clocks of each request."""
    day, asked = date(year, 3, 3), date(year, 3, 5)
    values = {"organ": "o", "channel": "in-person", "applicant": "business", "submitted_on": day, "statute": statute}
    opened = {"consultation": "c", "party": "third-party", "sent_on": asked}
    case = Case(subject="r")
    for one in (make("request-received", 0, day, **values), make("consultation-opened", 1, asked, **opened)):
        case, _ = decide(case, one, WORLD, datetime(year, 3, 6, tzinfo=UTC), {})
    assert case.view.state == "stopped"
    assert [(item.kind, item.remark.code) for item in items(case)] == [("open-stop", "stop-without-end")]


def test_a_stop_whose_limit_of_others_has_passed_is_told_without_anything_happening() -> None:
    """The licensing law does not end the stop with the date in the notice; no event comes on that day."""
    day, asked, by = date(2025, 3, 3), date(2025, 3, 5), date(2025, 3, 20)
    values = {"organ": "o", "channel": "in-person", "applicant": "business", "submitted_on": day}
    case = Case(subject="r")
    for one in (
        make("request-received", 0, day, **values, statute="CN-LICENSING"),
        make("clarification-requested", 1, asked, requested_on=asked, respond_by=by),
    ):
        case, _ = decide(case, one, WORLD, datetime(2025, 3, 6, tzinfo=UTC), {})
    (item,) = items(case)
    assert (case.view.state, item.kind) == ("stopped", "open-stop")
    assert datetime(2025, 3, 21, 12, tzinfo=UTC) < item.since < datetime(2025, 3, 24, tzinfo=UTC)
    assert tick(case, WORLD, item.since)[1] == []


def test_a_stop_that_the_clock_ends_is_gone_before_it_would_be_told() -> None:
    day, asked = date(2025, 3, 3), date(2025, 3, 5)
    values = {"organ": "o", "channel": "in-person", "applicant": "business", "submitted_on": day}
    opened = {"consultation": "c", "party": "third-party", "sent_on": asked}
    case = Case(subject="r")
    for one in (make("request-received", 0, day, **values), make("consultation-opened", 1, asked, **opened)):
        case, _ = decide(case, one, WORLD, datetime(2025, 3, 6, tzinfo=UTC), {})
    (item,) = items(case)
    case, _, _ = tick(case, WORLD, item.since - timedelta(hours=22))
    assert (case.view.state, items(case)) == ("open", [])
