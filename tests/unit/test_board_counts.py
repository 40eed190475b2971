"""What the board counts, what a list is narrowed by, and what a fact would do before it is posted."""

from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from services.events.cases import CaseEvent
from services.events.codec import decode_case_event, decode_fact, encode
from services.events.facts import RequestFact
from services.runtime.clock import ManualClock
from services.samples import living
from services.statute.state import RequestState, Step
from services.statute.status import STATUSES, status
from services.tracker import board, items, listing, office_store
from services.tracker.core import next_facts
from services.tracker.core.case import Case
from services.tracker.core.decide import decide, tick
from services.tracker.core.proposal import Proposal, proposal
from services.tracker.core.reference_data import ReferenceData
from services.tracker.listing import Query, Today
from services.tracker.metrics import CaseCollector
from services.tracker.snapshot import OpenWork, Snapshot, steps_of
from services.words.remark import remark
from tests.support import ORGAN, fact, received

NOW = datetime(2026, 11, 26, 2, tzinfo=UTC)
REFERENCE = ReferenceData([fact("organ-registered", "gz-psb", ORGAN)])


def snapshot(**more: Any) -> Snapshot:
    due = {
        ("gz-psb", date(2026, 11, 25)): 2,
        ("gz-psb", date(2026, 11, 26)): 1,
        ("gz-psb", date(2026, 11, 29)): 3,
        ("gz-psb", date(2026, 11, 30)): 4,
        ("b", date(2026, 11, 26)): 50,
    }
    return Snapshot({}, due, {}, {}, 0, None, **more)  # type: ignore[arg-type]  # nothing asks for the letters


STOPPED = {("gz-psb", "stopped-fee"): 1, ("gz-psb", "stopped-consultation"): 2, ("b", "stopped-fee"): 9}
REVIEWED = {
    ("gz-psb", "reconsideration", False): 4,
    ("gz-psb", "reconsideration", True): 1,
    ("gz-psb", "complaint", False): 1,
    ("b", "complaint", False): 9,
}


def test_steps_are_counted_whether_or_not_the_receipt_is_confirmed() -> None:
    """An unconfirmed request is none of those that the counts of limits remember; what it has open is."""
    given = {"assignment": "a1", "unit": "u", "step": "register", "assigned_on": "2026-11-20"}
    waiting = fact("request-received", "r", received("r", "2026-11-19", "online")["data"])
    case = case_of(waiting, fact("assignment-opened", "r", given))
    assert case.view.state == "unconfirmed"
    work = [
        OpenWork(kind, organ, unit, code, due_on, accepted, since, 1)
        for _, kind, _, _, organ, unit, code, _, since, due_on, accepted, *_ in office_store.open_work(case, 0)
    ]
    assert steps_of([*work, *work]) == {("gz-psb", "u"): 2}


def test_a_request_is_counted_once_by_the_day_in_its_organs_zone_and_other_organs_are_left_out() -> None:
    needing = {("gz-psb", "waiting"): 2, ("gz-psb", "expected"): 1, ("b", "waiting"): 9}
    found = board.counts(
        snapshot(
            needing=needing,
            unconfirmed={"gz-psb": 6, "b": 7},
            stopped=STOPPED,
            steps={("gz-psb", "u"): 2, ("b", "u"): 9},
            office=[
                OpenWork("duty", "gz-psb", "", "publication", date(2026, 11, 25), True, date(2026, 11, 1), 2),
                OpenWork("duty", "gz-psb", "", "publication", date(2026, 11, 26), True, date(2026, 11, 1), 1),
                OpenWork("duty", "b", "", "publication", None, True, date(2026, 11, 1), 9),
                OpenWork("step", "gz-psb", "u", "opinion", date(2026, 11, 25), True, date(2026, 11, 1), 9),
            ],
            reviewed=REVIEWED,
        ),
        Today(REFERENCE, NOW),
        frozenset({"gz-psb"}),
        NOW,
        "gz-psb",
    )
    assert (found.overdue, found.due_today, found.this_week, found.later) == (2, 1, 3, 4)
    assert (found.stopped, found.stopped_for) == (3, {"consultation": 2, "fee": 1})
    assert (found.in_review, found.in_review_for) == (6, {"complaint": 1, "reconsideration": 5})
    assert (found.duties, found.duties_overdue) == (3, 2)
    assert found.waits_for_someone == 8, "the one whose clock stands still as well is counted once"
    assert (found.unconfirmed, found.attention, found.steps) == (6, 3, {"u": 2})
    assert (found.today, found.week_ends) == (date(2026, 11, 26), date(2026, 11, 29))
    # In Guangzhou it is the 27th already.
    later = board.counts(snapshot(), Today(REFERENCE, NOW.replace(hour=17)), frozenset({"gz-psb"}), NOW)
    assert (later.overdue, later.due_today, later.this_week) == (3, 0, 3)
    every = board.counts(snapshot(needing=needing), Today(REFERENCE, NOW), None, NOW)
    assert (every.due_today, every.attention) == (51, 12)


def test_the_metrics_say_of_what_waits_what_the_board_says() -> None:
    taken = snapshot(stopped=STOPPED, reviewed=REVIEWED, unconfirmed={"gz-psb": 6, "b": 7})
    registry = CollectorRegistry()
    registry.register(CaseCollector(lambda: taken, REFERENCE, ManualClock(NOW)))
    for organ in ("gz-psb", "b"):
        found = board.counts(taken, Today(REFERENCE, NOW), frozenset({organ}), NOW)
        for code, number in found.stopped_for.items():
            labels = {"organ": organ, "waiting_for": code}
            assert registry.get_sample_value("shixian_requests_stopped", labels) == number
        for kind, number in found.in_review_for.items():
            labels = {"organ": organ, "kind": kind}
            assert registry.get_sample_value("shixian_requests_in_review", labels) == number
        assert registry.get_sample_value("shixian_requests_unconfirmed", {"organ": organ}) == found.unconfirmed
    assert registry.get_sample_value("shixian_requests_in_review", {"organ": "gz-psb", "kind": "reconsideration"}) == 5


def test_a_list_is_narrowed_by_what_stands_in_no_index() -> None:
    step = Step("a", "opinion", "accepted", "a", date(2026, 11, 1), date(2026, 11, 1), unit="u")
    view = RequestState(state="stopped", channel="fax", stop=remark("stopped-fee"), steps=(step,))
    for query, fits in (
        (Query(), True),
        (Query(channel="fax", unit="u", stopped_for="fee"), True),
        (Query(channel="post"), False),
        (Query(item="i"), False),
        (Query(unit="v"), False),
        (Query(unit=""), False),
        (Query(stopped_for="consultation"), False),
    ):
        assert query.fits(view) is fits, query
    assert not Query(organ="a").narrowed and Query(channel="fax").narrowed
    assert not Query(unit="").narrowed and Query("in-review", unit="u").narrowed, (
        "a unit's requests are read from its steps"
    )
    done = msgspec.structs.replace(view, steps=(msgspec.structs.replace(step, state="completed"),))
    assert not Query(unit="u").fits(done), "a step that is done is nobody's work"


def test_the_latest_due_first_goes_on_behind_its_cursor() -> None:
    sql, _ = listing.page(
        Query(latest_first=True, cursor=listing.cursor_after(date(2026, 1, 1), "r")), Today(REFERENCE, NOW)
    )
    assert "DESC, subject DESC" in sql and ", subject) < ($" in sql and ") > (" not in sql


def test_who_waits_for_somebody_is_listed_once_and_in_the_order_of_the_list() -> None:
    both, _ = listing.page(Query("waits-for-someone"), Today(REFERENCE, NOW))
    assert "state = 'stopped'" in both and "kind = 'review' AND c.state <> 'stopped'" in both
    alone, values = listing.page(Query("in-review", organ="gz-psb"), Today(REFERENCE, NOW))
    assert "kind = 'review') AS reviewed WHERE organ = $1::text" in alone and values[0] == "gz-psb"
    assert "state = '" not in alone


def test_a_pending_review_says_whom_one_waits_for_and_a_decided_one_does_not() -> None:
    filed = {"review": "v", "organ": "gz-psb", "kind": "reconsideration", "filed_on": "2026-11-23"}
    answer = {"outcome": "granted", "answered_on": "2026-11-20", "service": "handed"}
    case = case_of(opened(), fact("answer-issued", "r", answer), fact("review-filed", "r", filed))
    (waits,) = items.waits_of(case.view, NOW.date())
    assert (waits.limit, waits.whom, waits.about, waits.since) == ("reconsideration", "review", "v", date(2026, 11, 23))
    (row,) = office_store.open_work(case, 3)
    assert row[:3] == ("r", "review", "v") and row[-1] == case.view.due_on, "lists go by the request's own last day"
    decided = fact("review-decided", "r", {"review": "v", "decided_on": "2026-11-25", "result": "upheld"})
    case = case_of(opened(), fact("answer-issued", "r", answer), fact("review-filed", "r", filed), decided)
    assert items.waits_of(case.view, NOW.date()) == [] and list(office_store.open_work(case, 3)) == []


def test_whose_view_is_waited_for_is_said_where_it_shows() -> None:
    asked = fact("consultation-opened", "r", {"consultation": "1", "party": "other-organ", "sent_on": "2026-11-10"})
    (waits,) = items.waits_of(case_of(opened(), asked).view, NOW.date())
    assert (waits.limit, waits.whom, waits.about) == ("consultation", "other-organ", "1")
    other = fact("consultation-opened", "r", {"consultation": "2", "party": "third-party", "sent_on": "2026-11-10"})
    both = case_of(opened(), asked, other).view
    assert {one.about: one.whom for one in items.waits_of(both, NOW.date())} == {
        "1": "other-organ",
        "2": "third-party",
    }
    earlier = replace(both, clocks=tuple(replace(clock, party="") for clock in both.clocks))
    assert {one.whom for one in items.waits_of(earlier, NOW.date())} == {""}, "it is one or the other"


def test_a_consultation_that_silence_has_ended_is_waited_for_no_more() -> None:
    first = fact("consultation-opened", "r", {"consultation": "1", "party": "third-party", "sent_on": "2026-11-03"})
    then = fact("consultation-opened", "r", {"consultation": "2", "party": "other-organ", "sent_on": "2026-11-20"})
    view = case_of(opened(), first, then).view
    assert view.stop is not None and [one.about for one in items.waits_of(view, date(2026, 11, 24))] == ["1", "2"]
    left = items.waits_of(view, date(2026, 11, 25))
    assert [(one.about, one.whom, one.until) for one in left] == [("2", "other-organ", date(2026, 12, 11))]
    # Where no law ends the stop, it is waited for still.
    assert [one.about for one in items.waits_of(view, date(2027, 1, 4))] == ["1", "2"]


WANTING = fact("clarification-requested", "r", {"requested_on": "2026-11-03", "respond_by": "2026-11-18"})
CHARGED = fact("fee-notified", "r", {"notified_on": "2026-10-12", "amount": 100})
LETTER = {"consultation": "x", "party": "third-party", "sent_on": "2026-10-19"}
ASKED = fact("consultation-opened", "r", LETTER)
ASKED_AND_REACHED = fact("consultation-opened", "r", LETTER | {"reached_on": "2026-10-20"})
FILED = {"review": "v", "organ": "gz-psb", "kind": "reconsideration", "filed_on": "2026-11-26"}


@pytest.mark.parametrize(
    ("facts", "before", "name", "data", "after"),
    [
        ((WANTING,), "closed", "clarification-received", {"received_on": "2026-11-18"}, "open"),
        ((WANTING,), "closed", "clarification-received", {"received_on": "2026-11-25", "excused": True}, "open"),
        ((CHARGED,), "closed", "fee-paid", {"paid_on": "2026-11-06"}, "open"),
        (
            (ASKED,),
            "due-today",
            "consultation-closed",
            {"consultation": "x", "closed_on": "2026-10-26", "reply": "agreed"},
            "overdue",
        ),
        ((ASKED,), "due-today", "consultation-reached", {"consultation": "x", "reached_on": "2026-10-21"}, "open"),
        ((), "overdue", "review-filed", FILED, "overdue"),
    ],
    ids=["in-time", "excused", "fee", "reply", "reached", "silence"],
)
def test_what_happened_in_its_time_can_be_entered_after_the_clock_has_gone_on(
    facts: tuple[Any, ...], before: str, name: str, data: dict[str, Any], after: str
) -> None:
    first = opened("2026-10-09")
    there = following(first, *facts)
    assert name in there
    found = proposal(case_of(first, *facts), fact(name, "r", data), REFERENCE, NOW)
    assert (found.before.status, found.after.status) == (before, after)
    assert not found.rejected and {one.code for one in found.remarks} <= {"correction-excused"}


def test_what_ended_the_request_is_offered_against_that_end_alone_and_is_said_to_be_late_today() -> None:
    late = following(opened("2026-10-09"), WANTING)
    assert "fee-paid" not in late and [one.code for one in late["clarification-received"].remarks] == [
        "correction-late"
    ]
    unpaid = following(opened("2026-10-09"), CHARGED)
    assert "clarification-received" not in unpaid
    assert [one.code for one in unpaid["fee-paid"].remarks] == ["fee-paid-late"]
    withdrawn = fact("request-withdrawn", "r", {"withdrawn_on": "2026-11-04"})
    assert set(following(opened("2026-10-09"), WANTING, withdrawn)) == {"review-filed"}
    assert "consultation-reached" not in following(opened("2026-10-09"), ASKED_AND_REACHED)
    assert not {"review-filed", "consultation-closed"} & set(following(opened())), "its limit has not passed"


def following(*facts: Any) -> dict[str, Any]:
    """What may come next, by name."""
    found = next_facts.next_facts(tick(case_of(*facts), REFERENCE, NOW)[0], REFERENCE, NOW)
    return {one.fact: one for one in found.facts}


def test_what_may_come_next_follows_from_how_the_request_stands_and_what_the_law_leaves() -> None:
    first = opened()
    running = following(first)
    assert {"answer-issued", "extension-granted", "request-transferred"} <= set(running)
    assert not {"answer-delivered", "review-decided", "date-agreed", "fee-paid"} & set(running)
    assert running["extension-granted"].article == "条例(2019) 第三十三条第二款"
    assert [one.code for one in running["clarification-requested"].remarks] == ["clarification-notice-late"]
    granted = {"decided_on": "2026-11-20", "notified_on": "2026-11-20", "amount": 20}
    assert "extension-granted" not in following(first, fact("extension-granted", "r", granted)), "the cap is used up"
    asked = {"consultation": "1", "party": "third-party", "sent_on": "2026-11-10"}
    stopped = following(first, fact("consultation-opened", "r", asked))
    assert {"consultation-opened", "extension-granted", "request-transferred", "consultation-closed"} <= set(stopped)
    assert "clarification-requested" not in stopped and "fee-notified" in stopped
    used_up = (fact("extension-granted", "r", granted), fact("consultation-opened", "r", asked))
    assert "extension-granted" not in following(first, *used_up)
    wanting = {"requested_on": "2026-11-10", "respond_by": "2026-12-10"}
    incomplete = following(first, fact("clarification-requested", "r", wanting))
    assert "clarification-received" in incomplete and not {"extension-granted", "fee-notified"} & set(incomplete)
    answer = {"outcome": "granted", "answered_on": "2026-11-20", "service": "posted"}
    posted = fact("answer-issued", "r", answer)
    assert {"answer-delivered", "review-filed"} == set(following(first, posted))
    reached = fact("answer-delivered", "r", {"delivered_on": "2026-11-23"})
    filed = {"review": "v", "organ": "gz-psb", "kind": "reconsideration", "filed_on": "2026-11-23"}
    review = fact("review-filed", "r", filed)
    assert set(following(first, posted, reached, review)) == {"review-filed", "review-decided"}
    decided = fact("review-decided", "r", {"review": "v", "decided_on": "2026-11-25", "result": "upheld"})
    assert set(following(first, posted, reached, review, decided)) == {"review-filed", "review-decision-delivered"}
    assert following().keys() == {"request-received"}


def test_after_the_limit_an_extension_is_offered_with_what_the_law_says_against_it() -> None:
    late: Any = fact("request-received", "r", received("r", "2026-09-01", channel="in-person")["data"], id="first")
    (said,) = following(late)["extension-granted"].remarks
    assert said.code == "after-limit" and "2026-09-29" in said.zh


def test_what_a_unit_has_may_be_taken_on_given_back_or_completed_and_a_duty_done() -> None:
    given = {"assignment": "a", "unit": "u", "step": "opinion", "assigned_on": "2026-11-10"}
    found = following(opened(), fact("assignment-opened", "r", given))
    assert {"assignment-accepted", "assignment-returned", "assignment-completed"} <= set(found)
    filed = {"review": "v", "organ": "gz-psb", "kind": "reconsideration", "filed_on": "2026-11-23"}
    served = fact("review-filed", "r", filed | {"served_on": "2026-11-24"})
    assert "duty-done" in following(opened(), served)


def would(case: Case, name: str, **data: Any) -> Proposal:
    return proposal(case, fact(name, case.subject, data), REFERENCE, NOW)


def case_of(*facts: Any) -> Case:
    case = Case(subject="r")
    for one in facts:
        case, _ = decide(case, one, REFERENCE, NOW, {})
    return case


def opened(on: str = "2026-11-02") -> RequestFact:
    raw = received("r", on, channel="in-person")
    found: RequestFact = fact("request-received", "r", raw["data"], id="first")
    return found


def test_a_fact_is_judged_before_it_is_posted_and_changes_nothing() -> None:
    case = case_of(opened())
    within = would(case, "extension-granted", decided_on="2026-11-20", notified_on="2026-11-20", amount=20)
    assert (within.before.due_on, within.after.due_on) == (date(2026, 11, 30), date(2026, 12, 28))
    assert not within.remarks and not within.moves_ended
    beyond = would(case, "extension-granted", decided_on="2026-11-20", notified_on="2026-11-20", amount=30)
    assert [one.code for one in beyond.remarks] == ["extension-beyond-cap"]
    assert beyond.article == "条例(2019) 第三十三条第二款"
    assert len(case.facts) == 1 and case.view.extended == 0


def test_a_correction_of_an_ended_case_says_which_years_it_moves() -> None:
    answer = fact(
        "answer-issued", "r", {"outcome": "granted", "answered_on": "2026-11-20", "service": "handed"}, id="a"
    )
    case = case_of(opened(), answer)
    data = {"outcome": "granted", "answered_on": "2026-11-18", "service": "handed"}
    amends = {"source": "urn:shixian:test", "id": "a"}
    found = would(case, "fact-corrected", amends=amends, data=data)
    assert found.moves_ended and found.years == [2026]
    assert (found.before.answered_on, found.after.answered_on) == (date(2026, 11, 20), date(2026, 11, 18))
    same = would(case, "fact-corrected", amends=amends, data=data | {"answered_on": "2026-11-20"})
    assert not same.moves_ended and same.years == []


@pytest.mark.parametrize(
    ("name", "data", "years"),
    [
        ("answer-issued", {"outcome": "granted", "answered_on": "2025-12-30", "service": "handed"}, [2025, 2026]),
        ("answer-issued", {"outcome": "granted", "answered_on": "2026-01-08", "service": "handed"}, []),
        ("extension-granted", {"decided_on": "2026-01-08", "notified_on": "2026-01-08", "amount": 20}, []),
        ("clarification-requested", {"requested_on": "2025-12-24", "respond_by": "2026-01-20"}, [2025, 2026]),
        ("request-withdrawn", {"withdrawn_on": "2026-01-08"}, []),
        ("review-filed", {"review": "v", "organ": "gz-psb", "kind": "reconsideration", "filed_on": "2026-02-02"}, []),
        (
            "review-filed",
            {"review": "v", "organ": "gz-psb", "kind": "reconsideration", "filed_on": "2025-12-29"},
            [2025],
        ),
    ],
    ids=("late-entry", "answer", "extension", "late-notice", "withdrawal", "review", "late-review"),
)
def test_a_fact_asks_twice_where_it_moves_a_year_that_is_over_and_no_open_request_of_this_one(
    name: str, data: dict[str, Any], years: list[int]
) -> None:
    request = fact("request-received", "r", received("r", "2025-12-22", channel="in-person")["data"], id="first")
    found = would(case_of(request), name, **data)
    assert (found.moves_ended, found.years) == (bool(years), years)


def test_a_decided_review_and_an_extension_of_what_was_answered_in_time_move_what_was_counted() -> None:
    answer = fact(
        "answer-issued", "r", {"outcome": "granted", "answered_on": "2026-11-20", "service": "handed"}, id="a"
    )
    longer = {"decided_on": "2026-11-10", "notified_on": "2026-11-10", "amount": 20}
    extended = case_of(opened(), fact("extension-granted", "r", longer, id="e"), answer)
    taken = would(extended, "fact-retracted", amends={"source": "urn:shixian:test", "id": "e"}, reason="x")
    assert taken.moves_ended and taken.years == [2026]
    filed = {"review": "v", "organ": "gz-psb", "kind": "reconsideration", "filed_on": "2026-11-23"}
    reviewed = case_of(opened(), answer, fact("review-filed", "r", filed, id="f"))
    decision = {"review": "v", "decided_on": "2026-11-25", "result": "upheld"}
    assert not would(reviewed, "review-decided", **decision).moves_ended, "it is decided for the first time"
    decided = case_of(*reviewed.facts, fact("review-decided", "r", decision, id="d"))
    amends = {"source": "urn:shixian:test", "id": "d"}
    found = would(decided, "fact-corrected", amends=amends, data=decision | {"result": "corrected"})
    assert found.moves_ended and found.years == [2026]


def test_a_year_between_is_one_whose_numbers_move() -> None:
    request = fact("request-received", "r", received("r", "2021-12-01", channel="in-person")["data"], id="first")
    data = {"outcome": "granted", "answered_on": "2024-02-01", "service": "posted"}
    case = case_of(request, fact("answer-issued", "r", data, id="a"))
    amends = {"source": "urn:shixian:test", "id": "a"}
    found = would(case, "fact-corrected", amends=amends, data=data | {"answered_on": "2022-02-01"})
    assert found.years == [2022, 2023, 2024]


def test_the_living_sample_is_the_same_for_a_day_and_has_every_state() -> None:
    lines = living.living(date(2026, 11, 26))
    assert lines == living.living(date(2026, 11, 26))
    facts = [msgspec.json.decode(line) for line in lines]
    assert len({(one["source"], one["id"]) for one in facts}) == len(facts)
    assert all(one["source"] == living.SOURCE for one in facts)
    named = [one["data"]["name"] for one in facts if one["type"] == "org.shixian.organ-registered.v1"]
    assert len(named) == 3 and all("虚构" in name["zh"] and "invented" in name["en"] for name in named)
    days = [day for one in facts for key, day in one["data"].items() if key.endswith("_on")]
    assert max(days) == "2026-11-26", "nothing that has happened lies ahead"


def test_what_the_tracker_says_of_the_living_sample_can_be_read_and_every_status_is_there() -> None:
    today = date(2026, 11, 26)
    facts = [decode_fact(line) for line in living.living(today)]
    reference = ReferenceData([one for one in facts if not isinstance(one, RequestFact)])
    cases: dict[str, Case] = {}
    events: list[CaseEvent] = []
    for one in facts:
        if isinstance(one, RequestFact):
            case = cases.get(one.subject, Case(subject=one.subject))
            cases[one.subject], found = decide(case, one, reference, NOW, {})
            events += found
    for subject, case in cases.items():
        cases[subject], found, _ = tick(case, reference, NOW)
        events += found
    for event in events:
        assert decode_case_event(encode(event)).sequence == event.sequence
    assert {status(case.view, today) for case in cases.values()} == set(STATUSES)
    late = [case for case in cases.values() if case.view.timeliness == "late"]
    assert len(late) >= 2 and {"step-overdue", "deadline-approaching"} <= {kind(event) for event in events}


def kind(event: CaseEvent) -> str:
    """The contract's name of a case event."""
    return str(event.__struct_config__.tag).split(".")[2]
