"""Clocks by themselves: units, month ends, rolls, extensions from the expiry, deferrals."""

from datetime import date

import pytest

from services.statute import clock as clocks
from services.statute.calendars import shipped
from services.statute.clock import Clock, Interval
from services.statute.profile_tables import Roll, Start, Unit

CN = shipped("CN")


def day(text: str) -> date:
    return date.fromisoformat(text)


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ("2025-01-31", 1, "2025-02-28"),
        ("2024-01-31", 1, "2024-02-29"),
        ("2024-01-30", 1, "2024-02-29"),
        ("2025-01-28", 1, "2025-02-28"),
        ("2025-02-28", 1, "2025-03-28"),
        ("2024-02-29", 12, "2025-02-28"),
        ("2024-02-29", 48, "2028-02-29"),
        ("2024-12-31", 2, "2025-02-28"),
        ("2025-10-31", 1, "2025-11-30"),
        ("2025-12-15", 1, "2026-01-15"),
        ("2025-06-30", 6, "2025-12-30"),
    ],
)
def test_months_end_on_the_same_number_or_on_the_last_day(start: str, months: int, end: str) -> None:
    assert clocks.add_months(day(start), months) == day(end)
    assert clocks.add("month", CN, day(start), months) == day(end)


@pytest.mark.parametrize(
    ("first", "months", "end"),
    [
        ("2025-03-01", 1, "2025-03-31"),
        ("2025-02-01", 1, "2025-02-28"),
        ("2024-02-01", 1, "2024-02-29"),
        ("2025-01-31", 1, "2025-02-28"),
        ("2025-01-01", 12, "2025-12-31"),
    ],
)
def test_a_month_that_starts_with_a_day_ends_the_day_before_its_number_or_with_the_month(
    first: str, months: int, end: str
) -> None:
    zero = clocks.day_zero(day(first), "same-day", CN)
    assert clocks.due_on(Clock(zero, months, "month", whole_days=True), CN) == day(end)


@pytest.mark.parametrize(
    ("unit", "amount", "end"),
    [
        ("working-day", 20, "2025-03-31"),
        ("working-week", 4, "2025-03-31"),
        ("calendar-day", 30, "2025-04-02"),
        ("week", 4, "2025-03-31"),
        ("month", 1, "2025-04-03"),
    ],
)
def test_each_unit_from_one_monday(unit: Unit, amount: int, end: str) -> None:
    assert clocks.due_on(Clock(day("2025-03-03"), amount, unit), CN) == day(end)


@pytest.mark.parametrize(
    ("rule", "event", "zero"),
    [
        ("next-day", "2025-03-08", "2025-03-08"),
        ("same-day", "2025-03-08", "2025-03-07"),
        ("next-working-day", "2025-03-07", "2025-03-09"),
        ("next-working-day", "2025-03-08", "2025-03-09"),
        ("next-working-day", "2025-03-10", "2025-03-10"),
    ],
)
def test_the_day_before_day_one(rule: Start, event: str, zero: str) -> None:
    assert clocks.day_zero(day(event), rule, CN) == day(zero)


@pytest.mark.parametrize(("roll", "end"), [("none", "2025-04-05"), ("next-working-day", "2025-04-07")])
def test_a_last_day_off_is_moved_on_only_where_the_rule_says_so(roll: Roll, end: str) -> None:
    assert clocks.due_on(Clock(day("2025-03-06"), 30, "calendar-day", roll=roll), CN) == day(end)


def test_an_extension_from_the_expiry_counts_from_the_day_that_was_rolled_to() -> None:
    budget = Clock(day("2025-03-06"), 40, "calendar-day", roll="next-working-day")
    expiry = Clock(day("2025-03-06"), 30, "calendar-day", roll="next-working-day", beyond=((10, "calendar-day"),))
    assert clocks.due_on(budget, CN) == day("2025-04-15")
    assert clocks.due_on(expiry, CN) == day("2025-04-17")
    other_unit = Clock(day("2025-03-06"), 1, "month", beyond=((10, "working-day"),))
    assert clocks.due_on(other_unit, CN) == day("2025-04-18")


def test_a_gap_in_a_month_moves_its_end_by_the_days_left() -> None:
    gap = Interval(day("2025-03-11"), day("2025-03-20"))
    assert clocks.due_on(Clock(day("2025-03-03"), 1, "month", (gap,)), CN) == day("2025-04-13")


def test_a_gap_during_an_extension_from_the_expiry_counts_once() -> None:
    first, second = Interval(day("2025-03-10"), day("2025-03-12")), Interval(day("2025-04-10"), day("2025-04-12"))
    clock = Clock(day("2025-03-03"), 30, "calendar-day", (first, second), beyond=((10, "calendar-day"),))
    assert clocks.due_on(clock, CN) == day("2025-04-18")


def test_an_open_gap_leaves_no_date_and_one_after_the_end_leaves_it_alone() -> None:
    start = day("2025-03-03")
    assert clocks.due_on(Clock(start, 20, "working-day", (Interval(day("2025-03-31"), None),)), CN) is None
    assert clocks.due_on(Clock(start, 20, "working-day", (Interval(day("2025-04-01"), None),)), CN) == day("2025-03-31")


def test_a_deferral_holds_its_day_and_only_later_gaps_move_it() -> None:
    told, until = day("2025-03-10"), day("2025-06-29")
    early, late = Interval(day("2025-03-05"), day("2025-03-07")), Interval(day("2025-06-03"), day("2025-06-04"))

    def due(*gaps: Interval) -> date | None:
        return clocks.due_on(Clock(day("2025-03-03"), 20, "working-day", gaps, deferred=(told, until)), CN)

    assert due() == until
    assert due(early) == until
    assert due(late) == day("2025-07-01")
    assert due(Interval(day("2025-06-28"), day("2025-07-01"))) == day("2025-07-01")
