"""Deriving a case is linear in its facts: four times the facts take nowhere near sixteen times as long."""

import time
from collections.abc import Callable
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from services.events.facts import RequestFact
from services.events.vocabulary import Ref
from services.statute import decisions
from services.tracker.core import apply
from services.tracker.core.account import account
from services.tracker.core.amend import DEEPEST
from services.tracker.core.case import Case
from services.tracker.core.limit import CASE_FACTS
from services.tracker.core.strands import Shelf
from services.tracker.core.view import look
from tests.law_cases import NOW, SOURCE, WORLD, make

DAY = timedelta(days=1)
FEW, MANY = 250, 1000
MOST = 9.0
"""How much longer the many may take: linear work takes 4 times as long, quadratic 16."""
START = date(2025, 3, 3)
BEFORE_2019 = date(2019, 4, 30)


def received(on: date) -> RequestFact:
    found: RequestFact = make(
        "request-received", 0, on, organ="o", channel="in-person", applicant="business", submitted_on=on
    )
    return found


def opened(n: int, on: date, **values: Any) -> Any:
    base = {"consultation": f"c{n}", "party": "third-party", "sent_on": on}
    return make("consultation-opened", n, on, **base | values)


def closed(n: int, on: date) -> Any:
    return make("consultation-closed", n, on, consultation=f"c{n}", closed_on=on, reply="agreed")


def one_after_another(n: int, start: date) -> list[Any]:
    """Asked and answered, again and again, so that each moves the date a little further."""
    days = [start + 5 * i * DAY for i in range(n // 2)]
    return [x for i, day in enumerate(days) for x in (opened(i, day), closed(i, day + 4 * DAY))]


def nested(n: int, start: date) -> list[Any]:
    return [x for i in range(n // 2) for x in (opened(i, start + i % 9 * DAY), closed(i, start + (n - i) * DAY))]


def amendments(name: str, n: int, start: date, target: Callable[[int], str]) -> list[Any]:
    data = {"organ": "o", "channel": "post", "applicant": "business", "submitted_on": start.isoformat()}
    values: dict[str, Any] = {"reason": "by mistake"} if name == "fact-retracted" else {"data": data}
    return [make(name, i, start, amends=Ref(SOURCE, target(i)), **values) for i in range(n)]


def chain(name: str) -> Callable[[int], str]:
    return lambda i: f"{name}/{i - 1}" if i else "request-received/0"


KINDS: dict[str, Callable[[int, date], list[Any]]] = {
    "receipts": lambda n, on: [
        make("request-received", i + 1, on, organ="o", channel="post", applicant="business", submitted_on=on)
        for i in range(n)
    ],
    "confirmations": lambda n, on: [make("receipt-confirmed", i, on, confirmed_on=on) for i in range(n)],
    "consultations never closed": lambda n, on: [opened(i, on + i % 9 * DAY) for i in range(n)],
    "one consultation opened again": lambda n, on: [opened(i, on, consultation="c") for i in range(n)],
    "consultations one after another": one_after_another,
    "consultations nested": nested,
    "consultations overlapping": lambda n, on: [
        x for i in range(n // 2) for x in (opened(i, on + i * DAY), closed(i, on + (i + 3) * DAY))
    ],
    "closings of what was never opened": lambda n, on: [closed(i, on + i % 9 * DAY) for i in range(n)],
    "clarifications": lambda n, on: [
        make("clarification-requested", i, on, requested_on=on + i % 5 * DAY, respond_by=on + 20 * DAY)
        for i in range(n)
    ],
    "clarifications and answers to them": lambda n, on: [
        x
        for i in range(n // 2)
        for x in (
            make("clarification-requested", i, on, requested_on=on + 2 * i * DAY, respond_by=on + (2 * i + 9) * DAY),
            make("clarification-received", i, on, received_on=on + (2 * i + 1) * DAY),
        )
    ],
    "extensions": lambda n, on: [
        make("extension-granted", i, on, decided_on=on, notified_on=on, amount=1) for i in range(n)
    ],
    "deferrals": lambda n, on: [
        make("volume-deferred", i, on, notified_on=on + i % 3 * DAY, until=on + (40 + i) * DAY) for i in range(n)
    ],
    "deferrals among consultations": lambda n, on: [
        x
        for i in range(n // 2)
        for x in (
            opened(i, on, party="other-organ"),
            closed(i, on + 9 * DAY),
            make("volume-deferred", i, on, notified_on=on, until=on + (40 + i) * DAY),
        )
    ][:n],
    "fees": lambda n, on: [
        x
        for i in range(n // 2)
        for x in (
            make("fee-notified", i, on, notified_on=on + 2 * i * DAY, amount=5),
            make("fee-paid", i, on, paid_on=on + (2 * i + 1) * DAY),
        )
    ],
    "fees never paid": lambda n, on: [
        make("fee-notified", i, on, notified_on=on + i % 9 * DAY, amount=5) for i in range(n)
    ],
    "answers": lambda n, on: [
        make("answer-issued", i, on, outcome="granted", answered_on=on + i % 9 * DAY, service="posted")
        for i in range(n)
    ],
    "reviews": lambda n, on: [
        x
        for i in range(n // 2)
        for x in (
            make("review-filed", i, on, review=f"v{i}", organ="o", kind="reconsideration", filed_on=on + i * DAY),
            make("review-decided", i, on, review=f"v{i}", decided_on=on + (i + 9) * DAY, result="upheld"),
        )
    ],
    "corrections of one fact": lambda n, on: amendments("fact-corrected", n, on, lambda i: "request-received/0"),
    "corrections of what never came": lambda n, on: amendments("fact-corrected", n, on, lambda i: f"never/{i}"),
    "a chain of corrections": lambda n, on: amendments("fact-corrected", n, on, chain("fact-corrected")),
    "a chain of retractions": lambda n, on: amendments("fact-retracted", n, on, chain("fact-retracted")),
    "a ring of retractions": lambda n, on: amendments(
        "fact-retracted", n, on, lambda i: f"fact-retracted/{(i - 1) % n}"
    ),
}


def seconds(call: Callable[[], Any]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def derived(facts: list[Any], on: date) -> None:
    case = Case(subject="r", facts=tuple(facts))
    before = look(Case(subject="r", facts=tuple(facts[:-1])), WORLD, on)[0]
    looked = look(case, WORLD, on + 9 * DAY)
    view, profile = looked.view, looked.profile
    decisions.changes(before, view, profile, on)
    account(case, WORLD, on + 9 * DAY)


@pytest.mark.parametrize("start", [START, BEFORE_2019], ids=["one law", "across a change of law"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_case_of_four_times_the_facts_takes_about_four_times_as_long(kind: str, start: date) -> None:
    few, many = ([received(start), *KINDS[kind](n, start)] for n in (FEW, MANY))
    derived(few, start)
    # The best of several, so that what else the machine does bears on neither; of the many once is enough if it holds.
    bound = MOST * min(seconds(lambda: derived(few, start)) for _ in range(3))
    assert any(seconds(lambda: derived(many, start)) < bound for _ in range(10))


def test_amendments_of_amendments_have_effect_down_to_a_depth_and_are_refused_below_it() -> None:
    facts = [received(START), *amendments("fact-retracted", 5001, START, chain("fact-retracted"))]
    for count, state in ((DEEPEST - 1, "retracted"), (DEEPEST, "open"), (DEEPEST + 1, "open"), (5001, "open")):
        view = look(Case(subject="r", facts=tuple(facts[: 1 + count])), WORLD, START)[0]
        assert view.state == state
        assert [r.code for r in view.refused] == ["amendment-too-deep"] * max(0, count - DEEPEST)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", ["as they happened", "backwards", "any"])
def test_a_fact_makes_no_more_than_a_few_events(kind: str, order: str) -> None:
    """What a new fact puts out of effect, or back into it, is decided anew: it must not be all the rest."""
    posted = [received(START), *KINDS[kind](CASE_FACTS - 1, START)]
    if order == "any":
        Random(kind).shuffle(posted)
    found = apply.run(posted[::-1] if order == "backwards" else posted, Shelf(), WORLD, NOW)
    assert len(posted) <= len(found.events) + len(found.refused)
    assert len(found.events) <= 4 * len(posted)


def test_what_names_the_tallies_of_a_batch_is_gathered_once_for_a_subject() -> None:
    class Counted(tuple[Any, ...]):
        reads = 0

        def __iter__(self) -> Any:
            Counted.reads += 1
            return super().__iter__()

    facts = amendments("fact-corrected", 50, START, lambda i: f"never/{i}")
    case = Case(subject="r", facts=Counted(facts[:25]), apart=1, own=1)
    found = apply.strand_names(facts[25:], {"r": case})
    assert Counted.reads == 1
    assert found >= {("r", (SOURCE, f"never/{i}")) for i in range(50)}


def test_a_batch_of_one_subject_costs_at_most_ten_times_an_ordinary_batch() -> None:
    def batch_of(kind: str) -> list[Any]:
        return [received(START), *KINDS[kind](1999, START)]

    ordinary = [replace(fact, subject=f"r{i}") for i, fact in enumerate(batch_of("receipts"))]
    usual = min(seconds(lambda: apply.run(ordinary, Shelf(), WORLD, NOW)) for _ in range(3))
    batch = batch_of("consultations overlapping")
    assert any(seconds(lambda: apply.run(batch, Shelf(), WORLD, NOW)) < 10 * usual for _ in range(2))
