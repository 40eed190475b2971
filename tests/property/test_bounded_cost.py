"""What is counted step by step comes out as the plain way of counting all at once: clocks, amendments, replies."""

from bisect import insort
from collections import defaultdict
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from services.events.codec import replace_data
from services.events.facts import FactCorrected, FactRetracted, RequestFact
from services.events.refusals import Refused
from services.events.vocabulary import Ref
from services.statute import clock as clocks
from services.statute.calendars import shipped
from services.statute.clock import Clock, Interval
from services.statute.ledger import Ledger
from services.tracker.core import amend as amending
from services.tracker.core.amend import Amended, Amendments, amend
from services.words.remark import Remark, remark
from tests.law_cases import SOURCE, make

DAY = timedelta(days=1)
START = date(2025, 3, 3)
CN = shipped("CN")
UNITS = st.sampled_from(["working-day", "calendar-day", "week", "working-week", "month"])
MOVES = st.lists(
    st.tuples(
        st.sampled_from(["stop", "stop", "stop", "stop", "restart", "grow", "lengthen", "put-off"]),
        st.integers(0, 4),
        st.one_of(st.none(), st.integers(0, 12)),
        st.booleans(),
        st.integers(1, 6),
        UNITS,
    ),
    max_size=14,
)


def plainly(clock: Clock, move: tuple[Any, ...], on: date) -> Clock:
    """The same move on the clock as one value."""
    kind, _, length, after, amount, unit = move
    first = on + DAY if after else on
    match kind:
        case "stop":
            last = None if length is None else first + length * DAY
            return replace(clock, excluded=(*clock.excluded, Interval(first, last)))
        case "restart":
            start = on + (length or 0) * DAY
            if start <= clock.start:
                return clock
            kept = tuple(g for g in clock.excluded if g.last is None or g.last > start)
            return replace(clock, start=start, excluded=kept, deferred=None)
        case "grow":
            return replace(clock, budget=clock.budget + amount)
        case "lengthen":
            return replace(clock, beyond=(*clock.beyond, (amount, unit)))
        case _:
            return replace(clock, deferred=(on, on + (length or 0) * 3 * DAY))


def stepwise(ledger: Ledger, move: tuple[Any, ...], on: date) -> None:
    kind, _, length, after, amount, unit = move
    first = on + DAY if after else on
    match kind:
        case "stop":
            ledger.stop(on, Interval(first, None if length is None else first + length * DAY))
        case "restart":
            if (start := on + (length or 0) * DAY) > ledger.start:
                ledger.restart(start)
        case "grow":
            ledger.grow(amount)
        case "lengthen":
            ledger.lengthen(amount, unit)
        case _:
            ledger.put_off(on, on + (length or 0) * 3 * DAY)


@settings(max_examples=600)
@given(MOVES, UNITS, st.sampled_from(["none", "next-working-day"]), st.booleans(), st.data())
def test_a_clock_moved_step_by_step_is_due_when_the_whole_clock_is(
    moves: list[tuple[Any, ...]], unit: Any, roll: Any, whole_days: bool, data: st.DataObject
) -> None:
    clock = Clock(START, data.draw(st.integers(1, 20)), unit, (), roll, whole_days)
    ledger, on = Ledger(clock, CN), START
    for move in moves:
        on += move[1] * DAY
        clock = plainly(clock, move, on)
        stepwise(ledger, move, on)
        if data.draw(st.booleans()):  # asked at some steps only: what was not asked for is counted later
            assert ledger.due() == clocks.due_on(clock, CN)
    assert ledger.clock == clock
    assert ledger.due() == clocks.due_on(clock, CN)
    ledger.settle(clock)
    assert ledger.due() == clocks.due_on(clock, CN)


def amended_plainly(facts: list[RequestFact]) -> Amended:
    """Amendments applied by plain recursion."""
    by_ref = {f.ref: f for f in facts}
    aimed: dict[Ref, list[FactCorrected | FactRetracted]] = defaultdict(list)
    for fact in facts:
        if isinstance(fact, FactCorrected | FactRetracted):
            insort(aimed[fact.data.amends], fact, key=lambda f: (f.time, f.source, f.id))
    rejected: set[Remark] = set()

    def refuse_below(ref: Ref) -> None:
        for amendment in aimed.get(ref, ()):
            rejected.add(remark("amendment-too-deep", amendment, most=amending.DEEPEST))
            refuse_below(amendment.ref)

    def settle(fact: RequestFact, above: frozenset[Ref]) -> RequestFact | None:
        current = fact
        if len(above) == amending.DEEPEST:
            refuse_below(fact.ref)
            return fact
        for amendment in aimed.get(fact.ref, ()):
            assert amendment.ref not in above  # each names one, so below a fact there is no ring
            live = settle(amendment, above | {fact.ref})
            if not isinstance(live, FactCorrected | FactRetracted) or live.data.amends != fact.ref:
                continue
            if isinstance(live, FactRetracted):
                return None
            try:
                current = replace_data(fact, live.data.data)
            except Refused as error:
                wrong = error.error
                told = {"field": wrong.field, "problem": wrong.problem, "expected": wrong.expected}
                rejected.add(remark("correction-refused", amendment, **told))
        return current

    plain = [f for f in facts if not isinstance(f, FactCorrected | FactRetracted)]
    settled = [(f, settle(f, frozenset())) for f in plain]
    return Amended(
        tuple(now for _, now in settled if now is not None),
        tuple(fact for fact, now in settled if now is None),
        tuple(sorted(rejected, key=lambda each: (each.fact.source, each.fact.id) if each.fact else ("", ""))),
        tuple(sorted(ref for ref in aimed if ref not in by_ref)),
    )


@st.composite
def amended_histories(draw: st.DrawFn) -> list[RequestFact]:
    """Facts with corrections and retractions of them, of one another in chains and rings, and of what never came."""
    count = draw(st.integers(1, 3))
    found: list[RequestFact] = [make("receipt-confirmed", n, START, confirmed_on=START) for n in range(count)]
    number = draw(st.integers(0, 12))
    names = [f"receipt-confirmed/{n}" for n in range(count)]
    kinds = [draw(st.sampled_from(["fact-corrected", "fact-retracted"])) for _ in range(number)]
    names += [f"{kind}/{n}" for n, kind in enumerate(kinds)] + ["never/1"]
    for n, kind in enumerate(kinds):
        target = draw(st.sampled_from([name for name in names if name != f"{kind}/{n}"]))
        on = START + draw(st.integers(0, 5)) * DAY
        ref = Ref(SOURCE, target)
        if kind == "fact-retracted":
            found.append(make(kind, n, on, amends=ref, reason="by mistake"))
            continue
        day = {"confirmed_on": (on + draw(st.integers(0, 3)) * DAY).isoformat()}
        again = {"source": SOURCE, "id": draw(st.sampled_from(names))}
        found.append(
            make(kind, n, on, amends=ref, data=draw(st.sampled_from([day, {"amends": again, "data": day}, {"x": 1}])))
        )
    return draw(st.permutations(found))


@settings(max_examples=600)
@given(amended_histories(), st.integers(0, 15), st.integers(1, 6))
def test_amendments_taken_one_by_one_or_all_at_once_come_out_as_by_recursion(
    facts: list[RequestFact], some: int, deepest: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(amending, "DEEPEST", deepest)
        compare_with_recursion(facts, some)


def compare_with_recursion(facts: list[RequestFact], some: int) -> None:
    expected = amended_plainly(facts)
    assert amend(facts) == expected
    kept = Amendments(facts[:some])
    for place, fact in enumerate(facts[some:], some + 1):
        kept.take(fact)
        assert kept.amended() == amended_plainly(facts[:place])
    assert kept.amended() == expected
