"""What holds for every due date, whatever the statute, the calendar and the history."""

from datetime import date, timedelta
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from services.statute import clock as clocks
from services.statute.assessment import assess, assess_under, read
from services.statute.calendars import shipped
from services.statute.clock import Clock, Interval
from services.statute.profile_tables import Unit
from services.statute.state import Fact, RequestState
from services.statute.status import status
from services.statute.versions import profiles
from tests.law import consulted, extended, fact, received, view

CN = shipped("CN")
days = st.dates(date(2009, 1, 1), date(2026, 6, 30))
units: st.SearchStrategy[Unit] = st.sampled_from(["working-day", "calendar-day", "week", "working-week", "month"])
lengths = st.integers(1, 60)


@st.composite
def gaps(draw: st.DrawFn, start: date, most: int = 4) -> tuple[Interval, ...]:
    found = []
    for _ in range(draw(st.integers(0, most))):
        first = start + timedelta(days=draw(st.integers(-5, 120)))
        found.append(Interval(first, first + timedelta(days=draw(st.integers(0, 40)))))
    return tuple(found)


@st.composite
def running(draw: st.DrawFn) -> Clock:
    start = draw(days)
    return Clock(
        start,
        draw(st.integers(1, 30)),
        draw(units),
        draw(gaps(start)),
        draw(st.sampled_from(["none", "next-working-day"])),
        draw(st.booleans()),
    )


@given(running())
def test_a_due_date_never_falls_on_a_day_that_the_rule_forbids(clock: Clock) -> None:
    due = clocks.due_on(clock, CN)
    assert due is not None
    if clock.unit in ("working-day", "working-week") or clock.roll == "next-working-day":
        assert CN.is_working(due)
    assert due > clock.start
    if clock.unit in ("working-day", "working-week"):
        assert not any(g.last is not None and g.first <= due <= g.last for g in clock.excluded if due > clock.start)


@given(running(), st.data())
def test_more_suspension_never_moves_a_due_date_earlier(clock: Clock, data: st.DataObject) -> None:
    before = clocks.due_on(clock, CN)
    more = Clock(
        clock.start,
        clock.budget,
        clock.unit,
        clock.excluded + data.draw(gaps(clock.start)),
        clock.roll,
        clock.whole_days,
    )
    after = clocks.due_on(more, CN)
    assert before is not None
    assert after is not None
    assert after >= before


@given(days, lengths, st.lists(st.tuples(st.integers(0, 80), st.integers(0, 30)), max_size=4))
def test_the_budget_is_used_up_on_the_due_date_and_not_the_day_before(
    start: date, budget: int, pauses: list[tuple[int, int]]
) -> None:
    excluded = tuple(Interval(start + timedelta(days=a), start + timedelta(days=a + length)) for a, length in pauses)
    clock = Clock(start, budget, "working-day", excluded)
    due = clocks.due_on(clock, CN)
    assert due is not None
    assert clocks.used(clock, CN, due) == budget
    assert clocks.used(clock, CN, due - timedelta(days=1)) == budget - 1


@given(days, lengths)
def test_counting_by_the_table_agrees_with_counting_day_by_day(start: date, amount: int) -> None:
    day, left = start, amount
    while left:
        day += timedelta(days=1)
        left -= CN.why_off(day) is None
    assert CN.add(start, amount) == day
    assert CN.count(start, day) == amount


@given(days, st.integers(1, 48))
def test_a_month_ends_on_the_day_of_the_same_number_or_the_last_of_the_month(day: date, months: int) -> None:
    end = clocks.add_months(day, months)
    assert (end.year * 12 + end.month) - (day.year * 12 + day.month) == months
    assert end.day == day.day or (end.day < day.day and (end + timedelta(days=1)).day == 1)


@given(days, st.integers(1, 10), st.integers(1, 10))
def test_an_extension_in_two_parts_equals_one_where_the_law_allows_two(on: date, first: int, second: int) -> None:
    told = on.isoformat()
    request = received(told)
    profile = profiles()["CN-2019"]
    twice = replace(profile.extension, count=2)
    other = replace(profile, extension=twice)
    one = assess_under(read([request, extended(told, first + second)]), other, CN, on).state
    two = assess_under(read([request, extended(told, first), extended(told, second)]), other, CN, on).state
    assert (one.due_on, one.extended) == (two.due_on, two.extended)


@st.composite
def histories(draw: st.DrawFn) -> list[Fact]:
    """A request under the 2019 text with anything that can happen to it, in any order of the days."""
    start = draw(st.dates(date(2019, 5, 15), date(2025, 12, 31)))

    def on(most: int = 70) -> str:
        return (start + timedelta(days=draw(st.integers(0, most)))).isoformat()

    facts = [received(start.isoformat())]
    for kind in draw(st.lists(st.sampled_from("caexvfwpry"), max_size=6)):
        match kind:
            case "c":
                facts.append(fact("clarification-requested", requested_on=on(), respond_by=on()))
            case "r":
                facts.append(fact("clarification-received", received_on=on()))
            case "x":
                facts.append(extended(on(), draw(st.integers(1, 30))))
            case "v":
                facts.append(fact("volume-deferred", notified_on=on(), until=on(200)))
            case "f":
                facts.append(fact("fee-notified", notified_on=on()))
            case "p":
                facts.append(fact("fee-paid", paid_on=on()))
            case "a":
                facts.append(fact("answer-issued", answered_on=on()))
            case "w":
                facts.append(fact("request-withdrawn", withdrawn_on=on()))
            case _:
                key, party = draw(st.sampled_from("12")), draw(st.sampled_from(["third-party", "other-organ"]))
                opened = consulted(on(), on() if draw(st.booleans()) else None, key, party)
                facts += opened
    return facts


@settings(max_examples=150)
@given(histories())
def test_the_states_part_every_day_of_a_life_without_gap_or_overlap(facts: list[Fact]) -> None:
    draft = read(facts)
    start: date = facts[0].data.submitted_on
    seen: list[str] = []
    for offset in range(150):
        today = start + timedelta(days=offset)
        found = assess(draft, "CN", CN, today).state
        now = status(found, today)
        assert now in _right(found, today)
        seen.append(now)
    assert "waiting" not in seen


def _right(found: RequestState, today: date) -> list[str]:
    """Every status whose own definition holds; there must be one, and only one."""
    due, ended = found.due_on, found.closed_on is not None
    rules = {
        "answered": ended and found.closing == "answered",
        "closed": ended and found.closing != "answered",
        "stopped": not ended and found.stopped_since is not None,
        "open": not ended and found.stopped_since is None and (due is None or today < due),
        "due-today": not ended and found.stopped_since is None and due == today,
        "overdue": not ended and found.stopped_since is None and due is not None and today > due,
    }
    right = [name for name, holds in rules.items() if holds]
    assert len(right) == 1
    return right


@settings(max_examples=150)
@given(histories(), st.integers(1, 60), st.integers(0, 40), st.sampled_from(["consult", "clarify", "fee", "extend"]))
def test_what_comes_after_the_breach_keeps_the_breach(facts: list[Fact], after: int, length: int, kind: str) -> None:
    facts = [f for f in facts if f.name not in ("answer-issued", "request-withdrawn")]
    far = date(2026, 12, 1)
    before = assess(read(facts), "CN", CN, far).state
    if before.due_on is None or before.closing:
        return
    late = before.due_on + timedelta(days=after)
    end = late + timedelta(days=length)
    more = {
        "consult": consulted(late.isoformat(), end.isoformat(), "late"),
        "clarify": [
            fact("clarification-requested", requested_on=late.isoformat(), respond_by=end.isoformat()),
            fact("clarification-received", received_on=end.isoformat()),
        ],
        "fee": [
            fact("fee-notified", notified_on=late.isoformat()),
            fact("fee-paid", paid_on=end.isoformat()),
        ],
        "extend": [extended(late.isoformat(), 20)],
    }[kind]
    names = {f.name for f in more}
    if names & {f.name for f in facts if f.name.startswith(("clarification", "fee"))}:
        return  # a late reply could be the answer to an earlier notice
    found = assess(read([*facts, *more]), "CN", CN, far).state
    assert (found.due_on, found.overdue_from) == (before.due_on, before.overdue_from)


@settings(max_examples=150)
@given(histories(), st.integers(0, 60), st.integers(0, 40))
def test_another_consultation_never_moves_the_date_of_a_history_earlier(
    facts: list[Fact], after: int, length: int
) -> None:
    sent = facts[0].data.submitted_on + timedelta(days=after)
    more = consulted(sent.isoformat(), (sent + timedelta(days=length)).isoformat(), "another")
    far = date(2026, 12, 1)
    before, found = (assess(read(x), "CN", CN, far).state for x in (facts, [*facts, *more]))
    if before.due_on is not None and found.due_on is not None and before.closed_on == found.closed_on:
        assert found.due_on >= before.due_on


@settings(max_examples=100)
@given(histories(), st.randoms(use_true_random=False))
def test_the_order_in_which_facts_are_read_changes_nothing(facts: list[Fact], order: Random) -> None:
    shuffled = list(facts)
    order.shuffle(shuffled)
    far = date(2026, 12, 1)
    assert assess(read(shuffled), "CN", CN, far).state == assess(read(facts), "CN", CN, far).state


@given(days)
def test_a_request_received_on_a_day_off_is_due_with_one_of_the_last_working_day_before(on: date) -> None:
    if CN.is_working(on) or on < date(2019, 6, 1):
        return
    last = CN.add(on, -1)
    if last < date(2019, 5, 15):
        return
    assert view([received(on.isoformat())]).due_on == view([received(last.isoformat())]).due_on
