"""Facts that contradict others of their request: the first in the log stands, the rest is told and has no effect."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import msgspec
import pytest

from services.commands.offline import run as offline
from services.events.cases import CaseEvent, FactRejected
from services.events.codec import decode_case_event, decode_fact, encode
from services.stats.fold import Fold
from services.stats.forms.form import load
from services.stats.report import failures, make_report
from services.tracker.core import apply, preview
from services.tracker.core.case import Case
from services.tracker.core.reference_data import ReferenceData
from services.tracker.core.refold import Refold
from services.tracker.core.strands import Shelf
from services.tracker.queries import transferred_to
from tests.support import ORGAN, answered, raw, received

NOW = datetime(2024, 1, 10, 12, tzinfo=UTC)
OTHER = ORGAN | {"code": "gz-edu"}


def known() -> ReferenceData:
    return ReferenceData(
        [decode_fact(msgspec.json.encode(raw("organ-registered", str(o["code"]), o))) for o in (ORGAN, OTHER)]  # type: ignore[misc]
    )


def named(fact: dict[str, Any], id_: str) -> dict[str, Any]:
    return fact | {"id": id_}


def amends(kind: str, id_: str, **more: Any) -> dict[str, Any]:
    data = {"amends": {"source": "urn:shixian:test", "id": id_}, **more}
    return raw(kind, "r1", data)


def case_of(facts: Sequence[dict[str, Any]], subject: str = "r1", now: datetime = NOW) -> tuple[Case, list[CaseEvent]]:
    """A case after facts, one after the other, and its events."""
    shelf, events, reference_data = Shelf(), [], known()
    for each in facts:
        fact: Any = decode_fact(msgspec.json.encode(each))
        outcome = apply.run([fact], shelf, reference_data, now)
        assert not outcome.refused
        events += outcome.events
    return shelf.case(subject), events


def refused(case: Case) -> list[tuple[str, str]]:
    return [(each.code, each.fact.id) for each in case.view.refused if each.fact]


R = named(received("r1", "2023-03-01", "in-person"), "r")
ELSEWHERE = named(received("r1", "2023-02-01", "in-person", "gz-edu"), "elsewhere")
A = named(answered("r1", "2023-03-20"), "a")
EARLIER = named(answered("r1", "2023-03-10", "refused-other-law"), "earlier")
BEFORE = named(answered("r1", "2023-02-20"), "before")


def test_a_second_receipt_from_another_organ_moves_nothing() -> None:
    case, events = case_of([R, ELSEWHERE, A])
    assert (case.view.organ, case.view.received_on.isoformat() if case.view.received_on else "") == (
        "gz-psb",
        "2023-03-01",
    )
    assert refused(case) == [("receipt-elsewhere", "elsewhere")]
    told = [e for e in events if isinstance(e, FactRejected)]
    assert [(e.data.remark and e.data.remark.code, e.data.cause and e.data.cause.id) for e in told] == [
        ("receipt-elsewhere", "elsewhere")
    ]
    assert all(e.data.request.organ == "gz-psb" for e in events if e.data.request)
    assert events[-1].data.request and events[-1].data.request.contradicting


@pytest.mark.parametrize("order", list(permutations([R, A, BEFORE])))
def test_an_answer_before_the_receipt_never_counts(order: Sequence[dict[str, Any]]) -> None:
    case, _ = case_of(order)
    assert (case.view.outcome, str(case.view.answered_on), case.view.working_days) == ("granted", "2023-03-20", 13)
    assert refused(case) == [("answer-before-receipt", "before")]


def test_whether_an_answer_is_before_the_receipt_is_asked_of_the_law() -> None:
    """In 2023 the day of receipt of a request by post is the day on which it was received, not posted."""
    posted = named(received("r1", "2023-03-01", "post"), "r")
    posted["data"]["received_on"] = "2023-03-06"
    case, _ = case_of([posted, named(answered("r1", "2023-03-03"), "early"), A])
    assert refused(case) == [("answer-before-receipt", "early")]
    assert str(case.view.answered_on) == "2023-03-20"


@pytest.mark.parametrize(("first", "second"), [(A, EARLIER), (EARLIER, A)])
def test_of_two_answers_the_first_in_the_log_stands(first: dict[str, Any], second: dict[str, Any]) -> None:
    case, _ = case_of([R, first, second])
    assert str(case.view.answered_on) == first["data"]["answered_on"]
    assert refused(case) == [("second-answer", second["id"])]


def test_an_answer_that_a_review_ordered_stands_beside_the_first_in_either_order() -> None:
    ordered = named(answered("r1", "2023-07-03"), "ordered")
    ordered["data"]["after_review"] = "v"
    seen = {
        (case.view.timeliness, str(case.view.answered_on), case.view.overdue_from)
        for case, _ in (case_of([R, A, ordered]), case_of([R, ordered, A]))
        if not refused(case)
    }
    assert len(seen) == 1 and next(iter(seen))[:2] == ("in-time", "2023-03-20")


def test_a_retraction_of_the_first_gives_effect_to_the_second() -> None:
    case, events = case_of([R, A, EARLIER, amends("fact-retracted", "a", reason="posted twice")])
    assert (case.view.outcome, refused(case)) == ("refused-other-law", [])
    assert events[-1].data.request and not events[-1].data.request.contradicting
    case, _ = case_of([R, ELSEWHERE, amends("fact-retracted", "r", reason="not ours")])
    assert (case.view.organ, refused(case)) == ("gz-edu", [])
    case, _ = case_of([R, BEFORE, amends("fact-corrected", "before", data=A["data"])])
    assert (str(case.view.answered_on), refused(case)) == ("2023-03-20", [])


def test_a_withdrawal_beside_an_answer_is_no_contradiction() -> None:
    case, _ = case_of([R, A, raw("request-withdrawn", "r1", {"withdrawn_on": "2023-03-15"})])
    assert (case.view.closing, refused(case)) == ("withdrawn", [])


def test_one_id_with_two_contents_is_told_once_until_it_is_put_right() -> None:
    other = A | {"data": A["data"] | {"answered_on": "2023-03-21"}}
    case, events = case_of([R, A, A, other, other])
    assert (str(case.view.answered_on), refused(case)) == ("2023-03-20", [("id-conflict", "a")])
    told = [e for e in events if isinstance(e, FactRejected)]
    assert len(told) == 1 and told[0].data.fact is None and told[0].data.content
    corrected, _ = case_of([R, A, other, amends("fact-corrected", "a", data=other["data"])])
    assert (str(corrected.view.answered_on), refused(corrected)) == ("2023-03-21", [])


def test_a_tally_under_a_known_id_with_another_count_is_told() -> None:
    tally = raw(
        "tally-recorded", "gz-psb", {"organ": "gz-psb", "on": "2023-05-01", "measure": "page-views", "count": 5}, id="t"
    )
    more = tally | {"data": tally["data"] | {"count": 6}}
    case, events = case_of([tally, tally, more, more], "gz-psb")
    assert refused(case) == [("id-conflict", "t")]
    assert [e.sequence for e in events] == [1, 2]


def test_the_case_topic_alone_gives_the_same_case() -> None:
    other = A | {"data": A["data"] | {"answered_on": "2023-03-21"}}
    case, events = case_of([R, A, other, EARLIER, ELSEWHERE])
    refold = Refold(0)
    for event in events:
        refold.shelf.replay(decode_case_event(encode(event)))
    folded = refold.shelf.case("r1")
    assert (folded.facts, folded.conflicts, folded.sequence) == (case.facts, case.conflicts, case.sequence)


def test_the_report_says_which_requests_contradict_themselves() -> None:
    facts = [raw("organ-registered", "gz-psb", ORGAN), R, A, EARLIER, received("r2", "2023-04-03", "in-person")]
    _, events = offline([decode_fact(msgspec.json.encode(each)) for each in facts], NOW)
    fold = Fold()
    for event in events:
        fold.apply(event)
    report = make_report(load("cn-2021"), "gz-psb", 2023, "2024-01-10", fold.cells)
    told = [check.detail for check in failures(load("cn-2021"), report) if check.rule == "no-contradictions"]
    assert told == ["facts contradict one another in r1"]


def test_a_preview_says_it_as_well() -> None:
    facts = [{"type": each["type"], "data": each["data"]} for each in (R, BEFORE, A, EARLIER)]
    asked = {"statute": "CN", "facts": facts, "as_of": "2023-05-01"}
    found = msgspec.json.decode(preview.answer(msgspec.json.encode(asked)))
    assert [each["code"] for each in found["remarks"][-2:]] == ["answer-before-receipt", "second-answer"]
    assert found["outcome"] == "granted"


def test_a_transfer_names_the_organ_that_the_request_went_to() -> None:
    moved = raw("request-transferred", "r1", {"transferred_on": "2023-03-06", "to_organ": "gz-edu"})
    case, _ = case_of([R, moved])
    assert transferred_to(case) == "gz-edu"
    case, _ = case_of([R, A, moved | {"data": moved["data"] | {"transferred_on": "2023-04-03"}}])
    assert transferred_to(case) == ""
