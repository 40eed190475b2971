"""What the tracker says about the rules beyond the plain limit: lapses, rejections, calendars."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from services.events import facts as f
from services.events.cases import CaseEvent
from services.events.facts import RequestFact
from services.statute import assessment
from services.statute.calendars import shipped
from services.statute.versions import profiles
from services.tracker.core.account import account
from services.tracker.core.case import Case
from services.tracker.core.decide import decide, tick
from services.tracker.core.reference_data import ReferenceData
from tests.law_cases import NOW, SOURCE, make, world

SHANGHAI = ZoneInfo("Asia/Shanghai")
MONDAY = date(2025, 3, 3)


def request(on: date) -> RequestFact:
    values = {"organ": "o", "channel": "in-person", "applicant": "business", "submitted_on": on}
    found: RequestFact = make("request-received", 0, on, **values)
    return found


def posted(facts: Sequence[RequestFact], known: ReferenceData, now: datetime = NOW) -> tuple[Case, list[CaseEvent]]:
    case, events = Case(subject="r"), list[CaseEvent]()
    for fact in facts:
        case, more = decide(case, fact, known, now, {})
        events += more
    return case, events


def on(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), datetime.min.time(), SHANGHAI)


def test_a_lapse_is_a_closing_by_the_clock_with_its_outcome_and_no_cause() -> None:
    known = world()
    notice = make(
        "clarification-requested", 1, date(2025, 3, 6), requested_on=date(2025, 3, 6), respond_by=date(2025, 3, 20)
    )
    case, _ = posted([request(MONDAY), notice], known, on("2025-03-06"))
    assert tick(case, known, on("2025-03-20"))[1] == []
    case, events, look_again = tick(case, known, on("2025-03-25"))
    (closed,) = events
    assert (type(closed).__name__, closed.time, closed.data.cause) == ("RequestClosed", on("2025-03-21"), None)
    assert closed.data.request is not None
    assert (closed.data.request.state, closed.data.request.outcome) == ("closed", "clarification-lapsed")
    assert look_again is None


def test_the_applicants_date_is_announced_with_the_stop() -> None:
    known = world()
    notice = make(
        "clarification-requested", 1, date(2025, 3, 6), requested_on=date(2025, 3, 6), respond_by=date(2025, 3, 20)
    )
    _, events = posted([request(MONDAY), notice], known, on("2025-03-06"))
    stopped, reply = events[-2:]
    assert (type(stopped).__name__, stopped.data.article) == ("ClockStopped", "条例(2019) 第三十条")  # type: ignore[union-attr]
    assert (reply.data.limit, reply.data.due_on) == ("clarification-reply", date(2025, 3, 20))  # type: ignore[union-attr]


def test_an_unlawful_fact_is_rejected_by_name_where_the_profile_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    strict = profiles()["CN-2019"].with_settings({"unlawful-facts": "reject"}, "test")
    monkeypatch.setattr(assessment, "profile_for", lambda statute, day: strict)
    day = date(2025, 3, 10)
    late = make("extension-granted", 1, day, decided_on=day, notified_on=day, amount=30)
    case, events = posted([request(MONDAY), late], world())
    rejected = events[-1]
    assert type(rejected).__name__ == "FactRejected"
    assert rejected.data.cause == late.ref
    assert rejected.data.fact == late
    assert case.view.due_on == date(2025, 3, 31)


def calendar(calendar_id: str, year: int, days_off: Sequence[date], number: int = 1) -> f.CalendarPublished:
    data = f.CalendarData(
        calendar=calendar_id,
        year=year,
        days_off=tuple(days_off),
        working_days=(),
        notice=f"notice {number}",
        published_on=date(2025, 3, 9 + number),
    )
    return f.CalendarPublished(specversion="1.0", id=f"{number}", source=SOURCE, subject=calendar_id, data=data)


def test_a_notice_in_the_middle_of_the_limit_is_in_the_account_with_both_dates() -> None:
    known = world()
    case, _ = posted([request(MONDAY)], known, on("2025-03-03"))
    off = [day for day in shipped("CN").off if day.year == 2025]
    known.learn(calendar("CN", 2025, [*off, date(2025, 3, 20)]))
    case, events, _ = tick(case, known, on("2025-03-12"))
    assert [e.data.due_on for e in events] == [date(2025, 4, 1)]  # type: ignore[union-attr]
    (change,) = [x for x in account(case, known, date(2025, 3, 12)) if x["kind"] == "calendar-change"]
    assert (change["from"], change["to"], change["article"]) == ("2025-03-31", "2025-04-01", "notice 1")


def test_only_the_name_of_the_last_notice_is_the_calendars_version() -> None:
    first, second = world(), world()
    first.learn(calendar("CN", 2026, [], 1))
    first.calendar("CN")
    for known in (first, second):
        if known is second:
            known.learn(calendar("CN", 2026, [], 1))
        known.learn(calendar("CN", 2027, [], 2))
    assert first.calendar("CN").version == second.calendar("CN").version
    assert "notice 2 (2025-03-11)" in first.calendar("CN").version
    assert replace(first.calendar("CN"), version="") == replace(second.calendar("CN"), version="")
