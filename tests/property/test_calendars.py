"""Counting by look-up against a loop over the days, over random weekends, days off and working days."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.statute.calendar import Calendar, Notice
from services.statute.calendars import calendar_ids, shipped

DAY = timedelta(days=1)
BEGIN, END = date(2019, 6, 1), date(2021, 6, 30)
"""Where the days off lie; counts start and end around them."""


def days_between(first: date, last: date) -> st.SearchStrategy[date]:
    """One number each, where Hypothesis's own dates are made of three."""
    return st.integers(0, (last - first).days).map(lambda n: first + n * DAY)


days = days_between(BEGIN - 40 * DAY, END + 40 * DAY)
sets = st.frozensets(st.integers(0, (END - BEGIN).days), max_size=60).map(
    lambda numbers: frozenset(BEGIN + n * DAY for n in numbers)
)
weekends = st.frozensets(st.integers(0, 6), max_size=6)


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    off, on = draw(sets), draw(sets)
    return Calendar(
        id="random",
        version="1",
        weekend=draw(weekends),
        off=dict.fromkeys(off - on, "off"),
        on=dict.fromkeys(on, "on"),
        published_through=date(2021, 12, 31),
    )


def works(calendar: Calendar, day: date) -> bool:
    """By the definition: worked if listed as worked, else off if listed or on a weekend."""
    return day in calendar.on or (day not in calendar.off and day.weekday() not in calendar.weekend)


def stepped(calendar: Calendar, day: date, days: int) -> date:
    step = DAY if days > 0 else -DAY
    while days:
        day += step
        if works(calendar, day):
            days -= 1 if days > 0 else -1
    return day


@given(calendars(), days)
def test_a_working_day_is_what_the_lists_say(calendar: Calendar, day: date) -> None:
    assert calendar.is_working(day) == works(calendar, day)
    assert (calendar.why_off(day) is None) == works(calendar, day)


@given(calendars(), days, st.integers(-40, 40))
def test_adding_agrees_with_a_loop(calendar: Calendar, day: date, amount: int) -> None:
    assert calendar.add(day, amount) == stepped(calendar, day, amount)


@given(calendars(), days, days)
def test_counting_agrees_with_a_loop(calendar: Calendar, one: date, other: date) -> None:
    first, last = sorted((one, other))
    naive = sum(works(calendar, first + n * DAY) for n in range(1, (last - first).days + 1))
    assert calendar.count(first, last) == naive
    assert calendar.count(last, first) == -naive


@given(calendars(), days, st.integers(0, 60))
def test_counting_undoes_adding(calendar: Calendar, day: date, amount: int) -> None:
    end = calendar.add(day, amount)
    assert calendar.count(day, end) == amount
    assert amount == 0 or calendar.is_working(end)
    if amount and calendar.is_working(day):
        assert calendar.add(end, -amount) == day


@given(calendars(), days, days, days)
def test_counting_is_additive(calendar: Calendar, one: date, two: date, three: date) -> None:
    assert calendar.count(one, two) + calendar.count(two, three) == calendar.count(one, three)


@given(calendars(), days, st.integers(0, 40), st.integers(0, 40))
def test_adding_is_additive(calendar: Calendar, day: date, first: int, second: int) -> None:
    assert calendar.add(calendar.add(day, first), second) == calendar.add(day, first + second)


@given(calendars(), days, st.integers(1, 30), sets)
def test_more_days_off_never_bring_a_date_forward(
    calendar: Calendar, day: date, amount: int, more: frozenset[date]
) -> None:
    notices = [
        Notice(
            year,
            frozenset(d for d in (*calendar.off, *more) if d.year == year),
            frozenset(d for d in calendar.on if d.year == year and d not in more),
            "more",
            date(2019, 1, 1),
        )
        for year in (2019, 2020, 2021)
    ]
    assert calendar.with_notices(notices, "2").add(day, amount) >= calendar.add(day, amount)


@given(calendars(), st.integers(2019, 2021), sets, sets, st.permutations(range(3)))
def test_notices_hold_by_their_date_whatever_their_order(
    calendar: Calendar, year: int, off: frozenset[date], on: frozenset[date], order: list[int]
) -> None:
    given = [
        Notice(year, off, frozenset(), "a", date(2019, 1, 1)),
        Notice(year, on, frozenset(), "b", date(2019, 1, 2)),
        Notice(year, off - on, on, "c", date(2019, 1, 2), order=1),
    ]
    found = calendar.with_notices([given[n] for n in order], "2")
    assert found == calendar.with_notices(given[2:], "2")
    assert all(found.is_working(d) for d in on)
    assert not any(found.is_working(d) for d in off - on)


@given(st.sampled_from(calendar_ids()), st.dates(date(1990, 1, 1), date(2100, 1, 1)), st.integers(1, 60))
def test_a_shipped_calendar_agrees_with_a_loop_too(calendar_id: str, day: date, amount: int) -> None:
    calendar = shipped(calendar_id)
    assert calendar.add(day, amount) == stepped(calendar, day, amount)
