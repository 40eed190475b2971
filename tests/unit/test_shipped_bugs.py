"""Deadline bugs that other systems shipped, one test each, named after the bug."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.events import facts as f
from services.events.cases import CaseEvent
from services.events.facts import RequestFact
from services.events.vocabulary import Label, Ref
from services.stats.fold import Fold
from services.statute import clock as clocks
from services.statute import due as dues
from services.statute.calendars import shipped
from services.statute.clock import Clock, Interval
from services.statute.errors import UnknownCalendar
from services.statute.status import STATUSES, status
from services.tracker import items, queries
from services.tracker.core import case
from services.tracker.core.case import Case
from services.tracker.core.decide import decide, tick
from services.tracker.core.reference_data import ReferenceData
from tests.law import FAR, consulted, due, extended, received, view
from tests.law_cases import NOW, SOURCE, make, world

CN = shipped("CN")
SHANGHAI = ZoneInfo("Asia/Shanghai")
MONDAY = date(2025, 3, 3)
"""A request received on it is due on 2025-03-31."""


def request(on: date, **values: object) -> RequestFact:
    found: RequestFact = make(
        "request-received",
        0,
        on,
        **{"organ": "o", "channel": "in-person", "applicant": "business", "submitted_on": on} | values,
    )
    return found


def posted(
    facts: Sequence[RequestFact], known: ReferenceData | None = None, now: datetime = NOW
) -> tuple[Case, list[CaseEvent]]:
    known, found, events = known or world(), Case(subject="r"), list[CaseEvent]()
    for fact in facts:
        found, more = decide(found, fact, known, now, {})
        events += more
    return found, events


def names(events: Sequence[CaseEvent]) -> list[str]:
    return [type(event).__name__ for event in events]


def at(day: str, hour: int = 12) -> datetime:
    return datetime.combine(date.fromisoformat(day), datetime.min.time(), SHANGHAI).replace(hour=hour)


def notice(number: int, days_off: Sequence[str], year: int, calendar: str = "CN") -> f.CalendarPublished:
    data = f.CalendarData(
        calendar=calendar,
        year=year,
        days_off=tuple(map(date.fromisoformat, days_off)),
        working_days=(),
        notice=f"notice {number}",
        published_on=date(2025, 3, number),
    )
    return f.CalendarPublished(specversion="1.0", id=f"n{number}", source=SOURCE, subject=calendar, data=data)


def test_due_today_falls_in_no_bucket() -> None:
    days = [date(2025, 3, 28), date(2025, 3, 31), date(2025, 4, 1)]
    found = [status(view([received("2025-03-03")], day.isoformat()), day) for day in days]
    assert found == ["open", "due-today", "overdue"]
    assert set(found) < set(STATUSES)


def test_a_missed_daily_run_loses_the_overdue_event() -> None:
    known = world()
    found, _ = posted([request(MONDAY)], known, at("2025-03-03"))
    found, events, _ = tick(found, known, at("2025-07-01"))
    assert names(events) == ["DeadlineApproaching"] * 4 + ["RequestOverdue"]
    assert events[-1].time == at("2025-04-01", 0)
    assert tick(found, known, at("2025-07-02"))[1] == []


def test_holidays_cached_or_silently_exhausted() -> None:
    last = CN.published_through
    near, far = view([received((last - timedelta(days=60)).isoformat())]), view([received(last.isoformat())])
    assert (near.provisional, view([received(last.isoformat())], last.isoformat()).provisional) == (False, True)
    assert far.due_on is not None
    known = world()
    before, _ = posted([request(last)], known, datetime.combine(last, datetime.min.time(), UTC))
    known.learn(notice(1, [f"{last.year + 1}-01-0{d}" for d in range(1, 9)], last.year + 1))
    after, events, _ = tick(before, known, datetime.combine(last, datetime.min.time(), UTC))
    assert names(events) == ["DueDateSet"]
    assert not after.view.provisional


def test_a_calendar_edit_ignores_open_cases() -> None:
    known = world()
    found, _ = posted([request(MONDAY)], known, at("2025-03-03"))
    off = [d.isoformat() for d in CN.off if d.year == 2025]
    known.learn(notice(4, [*off, "2025-03-20", "2025-03-21"], 2025))
    found, events, _ = tick(found, known, at("2025-03-05"))
    (change,) = events
    assert (change.data.old_due_on, change.data.due_on) == (date(2025, 3, 31), date(2025, 4, 2))  # type: ignore[union-attr]
    assert "notice 4" in change.data.article  # type: ignore[union-attr]


def test_one_nations_holidays_for_all() -> None:
    with pytest.raises(UnknownCalendar, match="'XX'"):
        shipped("XX")
    known = world()
    data = f.OrganData(code="q", name=Label(zh="机关", en="Organ"), timezone="UTC", calendar="XX", statute="CN")
    known.learn(f.OrganRegistered(specversion="1.0", id="q", source=SOURCE, subject="q", data=data))
    found, _ = posted([request(MONDAY, organ="q")], known)
    assert (found.view.due_on, found.view.waiting_for) == (None, "organ-registered q")
    known.organs["q"] = data
    found, _ = posted([request(MONDAY, organ="q")], known)
    assert (found.view.due_on, found.view.waiting_for == "unknown-calendar XX") == (None, True)
    start, amount = date(2025, 8, 20), 5
    assert len({shipped(name).add(start, amount) for name in ("UK", "SCT", "ENG")}) >= 2


def test_overdue_at_clock_time_or_next_day_in_different_screens() -> None:
    known = world()
    found, _ = posted([request(MONDAY)], known, at("2025-03-03"))
    for now, expected in ((at("2025-03-31", 23), "due-today"), (at("2025-04-01", 0), "overdue")):
        today = now.date()
        assert status(found.view, today) == expected
        assert queries.detail(found, known, now).status == expected
        assert dues.due("CN", [case.lawful(x) for x in found.facts], today).status == expected
        assert ("RequestOverdue" in names(tick(found, known, now)[1])) == (expected == "overdue")


def test_month_arithmetic_off_by_one_at_month_ends_and_leap_years() -> None:
    starts = {"2024-01-31": "2024-02-29", "2025-01-31": "2025-02-28", "2024-02-29": "2024-03-29"}
    for start, end in starts.items():
        assert clocks.due_on(Clock(date.fromisoformat(start), 1, "month"), CN) == date.fromisoformat(end)
    two_steps = clocks.add_months(clocks.add_months(date(2025, 1, 31), 1), 1)
    assert clocks.add_months(date(2025, 1, 31), 2) == date(2025, 3, 31) != two_steps


def test_an_extension_drifts_from_an_exclusive_bound() -> None:
    base = due([received("2025-03-03")])
    assert base is not None
    extended_due = due([received("2025-03-03"), extended("2025-03-10", 10)])
    assert extended_due is not None
    assert CN.count(date.fromisoformat(base), date.fromisoformat(extended_due)) == 10
    assert due([received("2025-03-03"), extended(base, 10)]) == extended_due


def test_pausing_a_late_case_grants_it_new_days() -> None:
    late = view([received("2025-03-03"), *consulted("2025-04-02", "2025-04-10")])
    assert (str(late.due_on), str(late.overdue_from)) == ("2025-03-31", "2025-04-01")
    clock = Clock(MONDAY, 20, "working-day", (Interval(date(2025, 4, 1), None),))
    assert clocks.due_on(clock, CN) == date(2025, 3, 31)


def test_a_late_extension_cures_a_breach() -> None:
    late = view([received("2025-03-03"), extended("2025-04-01", 20)], "2025-04-02")
    assert (str(late.due_on), status(late, date(2025, 4, 2)), late.extended) == ("2025-03-31", "overdue", 0)
    assert "cures nothing" in late.flags[0]


def test_two_implementations_of_the_same_arithmetic_disagree() -> None:
    assert vars(items)["status"] is status  # one rule, used by both
    for offset in range(0, 400, 7):
        on = date(2025, 1, 1) + timedelta(days=offset)
        found, _ = posted([request(on)])
        assert found.view.due_on == dues.due("CN", [case.lawful(x) for x in found.facts], date(2026, 6, 1)).due_on


def test_a_retroactive_correction_differs_from_in_order_history() -> None:
    wrong, right = request(MONDAY), request(date(2025, 3, 5))
    moved = {"organ": "o", "channel": "in-person", "applicant": "business", "submitted_on": "2025-03-05"}
    amendment = make("fact-corrected", 1, date(2025, 5, 1), amends=Ref(source=wrong.source, id=wrong.id), data=moved)
    answer = make(
        "answer-issued", 2, date(2025, 4, 1), outcome="granted", answered_on=date(2025, 4, 1), service="posted"
    )
    late, _ = posted([wrong, answer, amendment])
    early, _ = posted([amendment, answer, wrong])
    clean, _ = posted([right, answer])
    assert late.view == early.view
    assert (
        (late.view.due_on, late.view.timeliness)
        == (clean.view.due_on, clean.view.timeliness)
        == (date(2025, 4, 2), "in-time")
    )


def test_redelivery_changes_state() -> None:
    known = world()
    found, _ = posted([request(MONDAY)], known)
    assert decide(found, request(MONDAY), known, NOW, {}) == (found, [])


def test_reopening_rewrites_a_published_year() -> None:
    answer = make(
        "answer-issued", 1, date(2024, 12, 30), outcome="granted", answered_on=date(2024, 12, 30), service="posted"
    )
    taken_back = make(
        "fact-retracted", 2, date(2025, 6, 2), amends=Ref(source=SOURCE, id=answer.id), reason="never sent"
    )
    _, first = posted([request(date(2024, 12, 2)), answer])
    found, events = posted([request(date(2024, 12, 2)), answer, taken_back])
    assert events[: len(first)] == first  # what was decided, and counted for 2024, stays in the log as it was
    assert "RequestReopened" in names(events)
    assert min(e.time for e in events[len(first) :] if type(e).__name__ == "RequestReopened" and e.time) >= at(
        "2025-06-02", 0
    )
    assert found.view.closing == ""


def test_a_report_drops_the_last_day_or_mixes_utc_and_local_dates() -> None:
    _, events = posted([request(date(2024, 12, 31))], now=at("2024-12-31", 23))
    opened = events[0]
    assert opened.time is not None
    assert opened.time.astimezone(SHANGHAI).date() == date(2024, 12, 31)
    assert opened.time.astimezone(UTC).date() == date(2024, 12, 30)
    fold = Fold()
    for event in events:
        fold.apply(event)
    assert {cell.year for cell in fold.cells if cell.kind == "received"} == {2024}


def test_years_that_cross_december() -> None:
    answer = make(
        "answer-issued", 1, date(2025, 1, 2), outcome="granted", answered_on=date(2025, 1, 2), service="posted"
    )
    _, events = posted([request(date(2024, 12, 18)), answer])
    fold = Fold()
    for event in events:
        fold.apply(event)
    years = {cell.kind: cell.year for cell, number in fold.cells.items() if number}
    assert (years["received"], years["closed"]) == (2024, 2025)
    assert due([received("2024-12-18")]) == "2025-01-16"


def test_a_draft_is_overdue() -> None:
    draft = view([received("2025-03-03", channel="online")], FAR)
    assert (status(draft, date(2030, 1, 1)), draft.overdue_from, draft.due_on) == ("unconfirmed", None, None)
    known = world()
    found, _ = posted([request(MONDAY, channel="online")], known)
    assert tick(found, known, NOW)[1] == []


def test_a_stored_status_waits_for_a_job_that_nobody_runs() -> None:
    known = world()
    found, _ = posted([request(MONDAY)], known, at("2025-03-03"))
    assert [status(found.view, date.fromisoformat(d)) for d in ("2025-03-31", "2025-04-01")] == ["due-today", "overdue"]


def test_an_engine_that_nothing_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    class Called(Exception):
        pass

    def settle(*_: object) -> None:
        raise Called

    monkeypatch.setattr("services.statute.assessment.assess", settle)
    monkeypatch.setattr("services.statute.due.assess", settle)
    with pytest.raises(Called):
        decide(Case(subject="r"), request(MONDAY), world(), NOW, {})
    with pytest.raises(Called):
        dues.due("CN", [received("2025-03-03")], MONDAY)
