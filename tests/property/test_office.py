"""Properties of the work inside an office: the days add up, no date of the request moves, order changes nothing."""

from datetime import date, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.statute import assessment
from services.statute.calendars import shipped
from services.statute.office.days import day_ledger, waited_for
from services.statute.office.items import Item, ItemLimit, Special
from services.statute.state import Fact
from services.words.catalogue import sentences
from services.words.remark import remark
from tests.law import clarified, consulted, fact, received

FIRST = date(2025, 3, 3)
CALENDAR = shipped("CN")
days = st.integers(-3, 60).map(lambda n: FIRST + timedelta(days=n))
STEPS = ("opinion", "legal-review", "sign", "unknown")


@st.composite
def assignments(draw: st.DrawFn) -> list[Fact]:
    found: list[Fact] = []
    for n in range(draw(st.integers(0, 6))):
        on, left = draw(days), draw(st.none() | days)
        values: dict[str, Any] = {"assignment": f"a{n}", "unit": draw(st.sampled_from("uvw")), "assigned_on": on}
        due, before = draw(st.none() | days), draw(st.none() | st.sampled_from([f"a{k}" for k in range(6)]))
        values["continues"] = before
        found.append(fact("assignment-opened", step=draw(st.sampled_from(STEPS)), due_on=due, **values))
        if left is not None and draw(st.booleans()):
            found.append(fact("assignment-returned", assignment=f"a{n}", returned_on=left, reason="x"))
        elif left is not None:
            found.append(fact("assignment-completed", assignment=f"a{n}", completed_on=left))
    return found


@st.composite
def histories(draw: st.DrawFn) -> list[Fact]:
    found = [received("2025-03-03")]
    if draw(st.booleans()):
        asked, came = draw(days), draw(st.none() | days)
        found += clarified(
            asked.isoformat(), (asked + timedelta(days=10)).isoformat(), came.isoformat() if came else None
        )
    for n in range(draw(st.integers(0, 2))):
        sent, closed = draw(days), draw(st.none() | days)
        party = draw(st.sampled_from(("third-party", "other-organ")))
        found += consulted(sent.isoformat(), closed.isoformat() if closed else None, f"c{n}", party)
    for _ in range(draw(st.integers(0, 2))):
        step = draw(st.sampled_from(("hearing", "visit", "none")))
        found.append(fact("special-step-opened", step=step, opened_on=draw(days)))
        if draw(st.booleans()):
            found.append(fact("special-step-closed", step=step, closed_on=draw(days)))
    if draw(st.booleans()):
        found.append(fact("answer-issued", answered_on=draw(days)))
    return found


HEARING = Special("听证", "hearing", ItemLimit(5, "working-day"))
ITEM = Item("i", None, ItemLimit(10, "working-day"), {"hearing": HEARING, "visit": Special("检查", "visit")})


def judged(facts: list[Fact], today: date) -> assessment.Assessment:
    """By the one law that knows special steps where there are any."""
    timeline = assessment.read(facts)
    timeline.item = ITEM
    special = any(fact.name.startswith("special-step") for fact in facts)
    return assessment.assess(timeline, "CN-LICENSING" if special else "CN", CALENDAR, today)


@settings(max_examples=150, deadline=None)
@given(histories(), assignments(), st.integers(0, 90))
def test_the_days_add_up_and_each_is_somebodys(law: list[Fact], office: list[Fact], after: int) -> None:
    today = FIRST + timedelta(days=after)
    ledger = day_ledger(judged(law + office, today), CALENDAR, today)
    assert sum(used.days for used in ledger.used) == ledger.elapsed == sum(part.days for part in ledger.parts)
    assert ledger.since is not None
    assert ledger.through is not None
    day = ledger.since
    for part in ledger.parts:
        assert part.first == day + timedelta(days=1), "no gap and no overlap"
        assert (part.unit != "") == (part.who == "unit")
        day = part.last
    assert day == ledger.through
    assert ledger.elapsed == sum(
        CALENDAR.is_working(ledger.since + timedelta(days=n))
        for n in range(1, (ledger.through - ledger.since).days + 1)
    )


@settings(max_examples=150, deadline=None)
@given(histories(), assignments(), st.integers(0, 90), st.randoms(use_true_random=False))
def test_what_an_office_does_inside_moves_no_date_of_the_request(
    law: list[Fact], office: list[Fact], after: int, random: Any
) -> None:
    today = FIRST + timedelta(days=after)
    bare, whole = judged(law, today), judged(law + office, today)
    for name in bare.state.__struct_fields__:
        if name not in ("steps", "rungs", "wake_on", "remarks"):
            assert getattr(bare.state, name) == getattr(whole.state, name), name
    assert set(bare.state.remarks) <= set(whole.state.remarks)
    shuffled = law + office
    random.shuffle(shuffled)
    assert judged(shuffled, today).state == whole.state, "in whatever order the facts came"


@settings(max_examples=150, deadline=None)
@given(histories(), assignments())
def test_looking_only_on_the_days_that_the_view_names_misses_nothing(law: list[Fact], office: list[Fact]) -> None:
    """What a look on each day says of steps and rungs changes only on days that ``wake_on`` had named."""
    facts = law + office
    last = max(assessment.legal_date(f) for f in facts)
    state = judged(facts, last).state
    for n in range(1, 60):
        today = last + timedelta(days=n)
        now = judged(facts, today).state
        if state.wake_on is None or today < state.wake_on:
            assert (now.steps, now.rungs) == (state.steps, state.rungs), today
        else:
            state = now


@settings(max_examples=100, deadline=None)
@given(histories(), st.integers(0, 90))
def test_an_extension_moves_no_promise_and_the_promise_is_never_later(law: list[Fact], after: int) -> None:
    today = FIRST + timedelta(days=after)
    state = judged(law, today).state
    if state.due_on is not None and state.committed_due_on is not None:
        assert state.committed_due_on <= state.due_on
    longer = fact("extension-granted", notified_on="2025-03-04", amount=10)
    extended = judged([*law, longer], today).state
    if state.state == extended.state == "open" and {m[0] for m in state.moves} <= {m[0] for m in extended.moves}:
        in_both = [m for m in extended.moves if m in state.moves]
        if len(in_both) + 1 == len(extended.moves):  # nothing counts that had come too late before
            assert extended.committed_due_on == state.committed_due_on


def test_every_stop_is_somebodys_time() -> None:
    for code in sentences():
        if code.startswith("stopped-"):
            assert waited_for(remark(code, party="third-party"))
