"""Any order of arrival and any redelivery of the same facts end in one case: all kinds, corrections, retractions.

Facts that contradict one another are the exception: of two answers the first in the log stands."""

from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.events import facts as f
from services.events.facts import RequestFact
from services.events.vocabulary import Ref
from services.tracker.core.case import Case
from services.tracker.core.decide import decide, tick
from services.tracker.core.view import look
from tests.law_cases import NOW, WORLD, make, played

START = date(2019, 4, 1)


@st.composite
def data_of(draw: st.DrawFn, name: str, day: date) -> dict[str, Any]:
    later = day + timedelta(days=draw(st.integers(0, 40)))
    key = draw(st.sampled_from(["1", "2"]))
    match name:
        case "request-received":
            channel = draw(st.sampled_from(["in-person", "post", "online", "email"]))
            confirmed = draw(st.sampled_from([None, later]))
            return {
                "organ": "o",
                "channel": channel,
                "applicant": "business",
                "submitted_on": day,
                "confirmed_on": confirmed,
            }
        case "receipt-confirmed":
            return {"confirmed_on": day}
        case "clarification-requested":
            return {"requested_on": day, "respond_by": later}
        case "clarification-received":
            return {"received_on": day}
        case "consultation-opened":
            party = draw(st.sampled_from(["third-party", "other-organ"]))
            return {"consultation": key, "party": party, "sent_on": day}
        case "consultation-closed":
            return {"consultation": key, "closed_on": day, "reply": "agreed"}
        case "extension-granted":
            return {"decided_on": day, "notified_on": day, "amount": draw(st.integers(1, 30))}
        case "volume-deferred":
            return {"notified_on": day, "until": later}
        case "fee-notified":
            return {"notified_on": day, "amount": Decimal(5)}
        case "fee-paid":
            return {"paid_on": day}
        case "answer-issued":
            return {"outcome": "granted", "answered_on": day, "service": "posted"}
        case "request-withdrawn":
            return {"withdrawn_on": day}
        case "request-transferred":
            return {"transferred_on": day, "to_organ": "p"}
        case "review-filed":
            return {"review": key, "organ": "o", "kind": "reconsideration", "filed_on": day}
        case _:
            return {"review": key, "decided_on": day, "result": "upheld"}


KINDS = [
    "receipt-confirmed",
    "clarification-requested",
    "clarification-received",
    "consultation-opened",
    "consultation-closed",
    "extension-granted",
    "volume-deferred",
    "fee-notified",
    "fee-paid",
    "answer-issued",
    "request-withdrawn",
    "request-transferred",
    "review-filed",
    "review-decided",
]


@st.composite
def histories(draw: st.DrawFn) -> list[RequestFact]:
    day = START + timedelta(days=draw(st.integers(0, 90)))
    found: list[RequestFact] = [make("request-received", 0, day, **draw(data_of("request-received", day)))]
    for number, name in enumerate(draw(st.lists(st.sampled_from(KINDS), max_size=7)), 1):
        on = day + timedelta(days=draw(st.integers(0, 60)))
        found.append(make(name, number, on, **draw(data_of(name, on))))
    for number in range(draw(st.integers(0, 4))):
        target = draw(st.sampled_from(found))
        on = day + timedelta(days=draw(st.integers(0, 90)))
        ref = Ref(source=target.source, id=target.id)
        if isinstance(target, f.FactCorrected | f.FactRetracted) or draw(st.booleans()):
            found.append(make("fact-retracted", 100 + number, on, amends=ref, reason="by mistake"))
        else:
            name = target.id.partition("/")[0]
            moved = draw(data_of(name, on))
            plain = {k: v.isoformat() if isinstance(v, date) else v for k, v in moved.items() if v is not None}
            plain = {k: str(v) if isinstance(v, Decimal) else v for k, v in plain.items()}
            found.append(make("fact-corrected", 100 + number, on, amends=ref, data=plain))
    return found


@settings(max_examples=250)
@given(histories(), st.randoms(use_true_random=False))
def test_any_order_and_any_redelivery_end_in_the_same_case(facts: list[RequestFact], order: Random) -> None:
    shuffled = facts + order.choices(facts, k=3)
    order.shuffle(shuffled)
    answers = iter(sorted((each for each in shuffled if isinstance(each, f.AnswerIssued)), key=facts.index))
    shuffled = [next(answers) if isinstance(each, f.AnswerIssued) else each for each in shuffled]
    one, other = played(facts), played(shuffled)
    assert {fact.ref for fact in one.facts} == {fact.ref for fact in other.facts}
    today = date(2026, 6, 1)
    assert look(one, WORLD, today).view == look(other, WORLD, today).view
    assert one.view == other.view


@settings(max_examples=100)
@given(histories())
def test_a_redelivered_fact_decides_nothing(facts: list[RequestFact]) -> None:
    case = played(facts)
    for fact in facts:
        again, events = decide(case, fact, WORLD, NOW, {})
        assert (again, events) == (case, [])


@settings(max_examples=100)
@given(histories())
def test_each_case_event_follows_the_one_before_and_the_clock_says_nothing_twice(facts: list[RequestFact]) -> None:
    case, numbers = Case(subject="r"), []
    for fact in facts:
        case, events = decide(case, fact, WORLD, NOW, {})
        numbers += [event.sequence for event in events]
    case, events, _ = tick(case, WORLD, NOW)
    numbers += [event.sequence for event in events]
    assert numbers == list(range(1, len(numbers) + 1))
    assert tick(case, WORLD, NOW)[:2] == (case, [])
