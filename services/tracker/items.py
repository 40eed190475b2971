"""What a list of requests shows of each, with its status as of today. Pure.

A status is never stored: it is worked out from the dates whenever it is asked for, so that no missed job can make it
wrong. The statuses part the time of a request without gap or overlap.
"""

from datetime import date
from typing import Any

from msgspec import Struct

from services.statute.errors import StatuteError
from services.statute.office.days import waited_for
from services.statute.state import Deadline, RequestState
from services.statute.status import STATUSES as STATUSES
from services.statute.status import Status as Status
from services.statute.status import status
from services.tracker.core.attention import OTHERS
from services.tracker.core.case import Case
from services.tracker.core.reference_data import ReferenceData
from services.tracker.listing import pending_reviews
from services.tracker.snapshot import AT_WORK
from services.words.catalogue import Said, said

UNFINISHED: tuple[Status, ...] = ("overdue", "due-today", "open", "stopped", "unconfirmed", "waiting")


class Waits(Struct, frozen=True, kw_only=True):
    """Somebody whom a request waits for: while its clock stands still, or while a review of it is pending."""

    limit: str
    """``clarification-reply``, ``consultation``, ``fee-payment`` or ``special-step``: whose limit runs instead; or the
    kind of a pending review."""
    whom: str = ""
    """``applicant``, ``third-party``, ``other-organ``, ``special-step`` or ``review`` (whoever decides that); empty of
    several asked at one time before a release that kept who each is."""
    about: str = ""
    """Which consultation, or which review."""
    since: date
    until: date | None = None
    """The last day of that limit; of a review none is known."""


class Held(Struct, frozen=True, kw_only=True):
    """A step inside the office that is not done."""

    step: str
    state: str
    """``assigned``, ``accepted`` or ``returned``."""
    assignment: str
    unit: str = ""
    """Who has it; empty: the office."""
    since: date
    due_on: date | None = None


class Item(Struct, frozen=True, kw_only=True):
    """A request in a list."""

    id: str
    status: Status
    organ: str
    channel: str = ""
    applicant: str = ""
    statute: str = ""
    submitted_on: date | None = None
    received_on: date | None = None
    due_on: date | None = None
    provisional: bool = False
    extended: int = 0
    stopped_for: str = ""
    overdue_from: date | None = None
    answered_on: date | None = None
    closed_on: date | None = None
    closing: str = ""
    outcome: str = ""
    timeliness: str = ""
    working_days: int | None = None
    waiting_for: str = ""
    flags: tuple[str, ...] = ()
    """What the law says against facts of it, in English."""
    remarks: list[Said] = []
    """The same as codes, with words in Chinese and English."""
    awaits: Said | None = None
    stop: Said | None = None
    """Why the clock stands still."""
    stopped_since: date | None = None
    item: str = ""
    committed_due_on: date | None = None
    days_left: int | None = None
    """Working days until the last day: 0 on it, negative behind it; None where nothing runs."""
    waits: list[Waits] = []
    """For whom it waits, since when, until when at most: while its clock stands still, or in a review."""
    held: list[Held] = []
    """Its steps inside the office that are not done, each with its holder."""


class Listed(Struct, frozen=True):
    """What a list needs of a case's body; its facts are passed over unread."""

    subject: str
    view: RequestState = RequestState()


_SAME = [
    name
    for name in Item.__struct_fields__
    if hasattr(RequestState(), name) and name not in ("remarks", "awaits", "stop")
]
WAITS = OTHERS
"""The limits that run for others while the answer's clock stands still."""
WHOM = {"clarification-reply": "applicant", "fee-payment": "applicant", "special-step": "special-step"}
"""Whose they are; of a consultation its limit says it."""


def fields_of(case: Case | Listed, today: date, reference_data: ReferenceData) -> dict[str, Any]:
    """What a request has in a list and by itself, as the fields of :class:`Item`."""
    view = case.view
    same = {name: getattr(view, name) for name in _SAME}
    same |= {
        "remarks": [said(each) for each in view.remarks],
        "awaits": said(view.awaits) if view.awaits else None,
        "stop": said(view.stop) if view.stop else None,
        "days_left": days_left(view, today, reference_data),
        "waits": waits_of(view, today),
        "held": [
            Held(
                step=each.step,
                state=each.state,
                assignment=each.assignment,
                unit=each.unit,
                since=each.since,
                due_on=each.due_on,
            )
            for each in view.steps
            if each.state in AT_WORK
        ],
    }
    overdue = view.overdue_from
    if overdue is None and status(view, today) == "overdue" and view.due_on is not None:
        overdue = date.fromordinal(view.due_on.toordinal() + 1)
    return same | {"id": case.subject, "status": status(view, today), "overdue_from": overdue}


def waits_of(view: RequestState, today: date) -> list[Waits]:
    """Whom a request waits for as of a day, since when and until when."""
    reviews = [
        Waits(limit=each.kind, whom="review", about=each.review, since=each.filed_on) for each in pending_reviews(view)
    ]
    if view.state != "stopped":
        return reviews
    clocks = [each for each in view.clocks if each.limit in WAITS and each.done_on is None]
    # Silence has ended what lies behind; where nothing else holds the clock, the law has no such end.
    clocks = [each for each in clocks if each.due_on is None or each.due_on >= today] or clocks
    return [_waits(each, view, len(clocks) == 1) for each in clocks] + reviews


def _waits(clock: Deadline, view: RequestState, is_alone: bool) -> Waits:
    """The wait for one limit of somebody else's. A case stored by an earlier release has the party of a consultation in
    the reason of its stop alone."""
    whom = WHOM.get(clock.limit, clock.party)
    if not whom and is_alone and view.stop is not None:
        whom = waited_for(view.stop)
    return Waits(limit=clock.limit, whom=whom, about=clock.about, since=clock.start, until=clock.due_on)


def days_left(view: RequestState, today: date, reference_data: ReferenceData) -> int | None:
    """Working days from today to a running request's last day; behind it they are negative."""
    if view.state != "open" or view.due_on is None or view.organ not in reference_data.organs:
        return None
    calendar = reference_data.calendar(reference_data.organs[view.organ].calendar)
    try:
        if today <= view.due_on:
            return calendar.count(today, view.due_on)
        return -calendar.count(view.due_on, today) or -1  # the day after a Friday is behind it, too
    except StatuteError:
        return None
