"""Status, events, account, metrics and list filters of one history agree on every day that could part them.

Some hundreds of histories in ``make test``; ``make histories`` runs 100,000 (``HISTORIES``).
"""

import os
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings

from services.events.cases import CaseEvent, ClockResumed, ClockStopped, OverdueWithdrawn, RequestOverdue
from services.events.facts import RequestFact
from services.stats.snapshot import Unanswered
from services.statute.state import RequestState
from services.statute.status import status
from services.tracker.core.account import account
from services.tracker.core.case import Case
from services.tracker.core.decide import decide, tick
from tests.law_cases import NOW, WORLD
from tests.property.test_law_cases import histories

HISTORIES = int(os.environ.get("HISTORIES", "300"))
pytestmark = pytest.mark.timeout(max(300, HISTORIES // 10))
DAY = timedelta(days=1)
ZONE = ZoneInfo("Asia/Shanghai")
OPEN = ("open", "due-today", "overdue")


class Log:
    """What a reader of the case events knows: whether an overdue event stands, and whether the clock stands still."""

    def __init__(self) -> None:
        self.overdue: RequestOverdue | None = None
        self.stopped = False

    def take(self, events: list[CaseEvent]) -> None:
        for event in events:
            match event:
                case RequestOverdue():
                    self.overdue = event
                case OverdueWithdrawn():
                    assert self.overdue is not None, "nothing was overdue"
                    self.overdue = None
                case ClockStopped():
                    self.stopped = True
                case ClockResumed():
                    self.stopped = False
                case _:
                    pass


def listed(view: RequestState, today: date) -> str:
    """The filter of the list that finds the request, by the columns that it asks (``tracker/listing.py``)."""
    if view.state != "open" or view.due_on is None:
        return view.state
    return "overdue" if view.due_on < today else "due-today" if view.due_on == today else "open"


def agree(case: Case, log: Log, today: date) -> None:
    view = case.view
    now = status(view, today)
    assert now == listed(view, today)
    assert (log.overdue is not None) == (view.overdue_from is not None)
    row = Unanswered(view.organ, view.state, view.due_on, view.overdue_from, 1)
    if now in (*OPEN, "stopped"):
        assert row.is_overdue(today) == (now == "overdue")
    if now == "stopped":
        assert log.overdue is None
        assert log.stopped
        assert view.due_on is None
    if now == "overdue":
        assert log.overdue is not None
        assert log.overdue.data.due_on == view.due_on
    if now in OPEN:
        assert view.due_on is not None
    lines = [line for line in account(case, WORLD, today) if line["limit"] == "answer"]
    kinds = [line["kind"] for line in lines]
    if now in (*OPEN, "stopped"):
        assert ("overdue" in kinds) == (view.overdue_from is not None)
        assert ("stopped" in kinds) == (now == "stopped")
        dues = [line["to"] for line in lines if line["kind"] == "due"]
        assert dues == ([view.due_on.isoformat()] if view.due_on else [])


def days(case: Case, since: date) -> list[date]:
    """The days on which something can change, and those around them."""
    view = case.view
    found = {since, since + 400 * DAY}
    named = [view.due_on, view.overdue_from, view.wake_on, view.latest_due_on, view.received_on]
    named += [clock.due_on for clock in view.clocks]
    for day in named:
        if day is not None:
            found |= {day - DAY, day, day + DAY}
    return sorted(day for day in found if since <= day)


@settings(max_examples=HISTORIES, deadline=None, suppress_health_check=list(HealthCheck))
@given(histories())
def test_status_events_account_metrics_and_filters_agree_on_every_day(facts: list[RequestFact]) -> None:
    case, log = Case(subject="r"), Log()
    for fact in facts:
        case, events = decide(case, fact, WORLD, NOW, {})
        log.take(events)
        if case.view.received_on is not None:
            agree(case, log, case.as_of)
    for _ in range(3):  # what a day's look changes can name further days
        for day in days(case, case.as_of):
            if day < case.as_of:
                continue
            case, events, _ = tick(case, WORLD, datetime.combine(day, time(1), ZONE))
            log.take(events)
            if case.view.received_on is not None:
                agree(case, log, day)
