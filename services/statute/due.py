"""One due date from a handful of facts: the pure function behind the command ``shixian due`` and the preview."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

from services.statute.account import Line
from services.statute.assessment import Assessment, assess, read
from services.statute.calendar import Calendar
from services.statute.calendars import shipped
from services.statute.errors import NoRequest
from services.statute.explain import explain
from services.statute.office.decisions import card_now, duty_now, step_now
from services.statute.office.items import Item
from services.statute.readings import Reading, readings
from services.statute.state import Deadline, Duty, Fact, Reached, Step
from services.statute.status import Status, status
from services.statute.timeline import legal_date
from services.statute.versions import versions
from services.words.catalogue import said
from services.words.remark import Remark

_ALWAYS = ("request-received", "receipt-confirmed")


@dataclass(frozen=True, slots=True)
class Due:
    """The answer's due date as of a day; None while the clock stands still or the receipt isn't confirmed."""

    due_on: date | None
    status: Status
    provisional: bool
    received_on: date | None
    timeliness: str
    closing: str
    outcome: str
    due_on_other: date | None
    """The due date under the statute's other version, where the request was pending when it changed."""
    latest_due_on: date | None
    """While the clock stands still: the due date if the reply comes on the last day that it can."""
    remarks: tuple[Remark, ...]
    clocks: tuple[Deadline, ...]
    """Every time limit, the answer's first."""
    readings: tuple[Reading, ...]
    """The due date by each other reading of an open point that gives another one."""
    explanation: tuple[Line, ...]
    steps: tuple[Step, ...] = ()
    committed: bool = False
    """Whether there is a promise at all."""
    committed_due_on: date | None = None
    duties: tuple[Duty, ...] = ()
    rungs: tuple[Reached, ...] = ()
    """What the ladder of supervision has come to by then."""

    def plain(self, line: Callable[[Line], Any] = Line.plain) -> dict[str, Any]:
        """The contract's form of it; ``line`` gives the form of each line of the account."""
        inside: dict[str, Any] = (
            {"steps": [step_now(s) for s in self.steps], "cards": cards(self.rungs)} if self.steps or self.rungs else {}
        )
        if self.duties:
            inside["duties"] = [duty_now(each) for each in self.duties]
        if self.committed:
            inside["committed_due_on"] = self.committed_due_on
        return {
            "due_on": self.due_on,
            "status": self.status,
            "provisional": self.provisional,
            "received_on": self.received_on,
            "timeliness": self.timeliness,
            "closing": self.closing,
            "outcome": self.outcome,
            "due_on_other": self.due_on_other,
            "latest_due_on": self.latest_due_on,
            "remarks": [said(each) for each in self.remarks],
            "clocks": [
                {
                    "limit": each.limit,
                    "start": each.start,
                    "due_on": each.due_on,
                    "provisional": each.provisional,
                    "about": each.about,
                }
                for each in self.clocks
            ],
            "readings": [each.plain() for each in self.readings],
            "explanation": [line(each) for each in self.explanation],
        } | inside


def due(
    statute: str,
    facts: Sequence[Fact],
    as_of: date,
    calendar: Calendar | None = None,
    *,
    each_day: bool = False,
    read_as: Mapping[str, str] = MappingProxyType({}),
    item: Item | None = None,
) -> Due:
    """The due date by what had happened by the end of ``as_of`` (a local date of the organ), explained.

    The calendar is the statute's own where none is given; ``read_as`` are settings read another way than the statute's
    file does, ``item`` is the service item that the request is for. A receipt counts even if it lies ahead.

    Raises :class:`NoRequest`, and another :class:`~services.statute.errors.StatuteError` for an unknown statute or
    dates outside the calendars.
    """
    happened = [f for f in facts if f.name in _ALWAYS or legal_date(f) <= as_of]
    timeline = read(happened)
    timeline.item = item
    if timeline.received is None:
        raise NoRequest()
    if calendar is None:
        calendar = shipped(versions(statute)[-1].calendar)
    assessed = assess(timeline, statute, calendar, as_of, read_as)
    view, lines = assessed.state, explain(assessed, calendar, as_of, each_day=each_day)
    return Due(
        due_on=view.due_on,
        status=status(view, as_of),
        provisional=view.provisional,
        received_on=view.received_on,
        timeliness=view.timeliness,
        closing=view.closing,
        outcome=view.outcome,
        due_on_other=view.due_on_other,
        latest_due_on=view.latest_due_on,
        remarks=view.remarks,
        clocks=view.clocks,
        readings=readings_of(assessed, statute, calendar, as_of, read_as),
        explanation=tuple(lines),
        steps=view.steps,
        duties=view.duties,
        rungs=view.rungs,
        committed=item is not None and item.committed is not None,
        committed_due_on=view.committed_due_on,
    )


def cards(rungs: Sequence[Reached]) -> list[dict[str, Any]]:
    """The cards among the rungs, as case events carry them."""
    return [card_now(rung) for rung in rungs if rung.level != "warning"]


def readings_of(
    assessed: Assessment,
    statute: str,
    calendar: Calendar,
    as_of: date,
    read_as: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Reading, ...]:
    """The other readings of what the law leaves open, for a case that was assessed so.

    Raises :class:`~services.statute.errors.StatuteError` where one of them leads out of the calendar.
    """

    def again(setting: str, value: str) -> date | None:
        return assess(assessed.timeline, statute, calendar, as_of, {**read_as, setting: value}).state.due_on

    return readings(assessed, again)
