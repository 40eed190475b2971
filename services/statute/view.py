"""What the law makes of a request's facts: plain values, and the decisions that lead from one view to the next."""

from dataclasses import dataclass
from datetime import date
from typing import Any


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact as the law reads it: the contract's name for it, what names it for ever, and its data.

    ``data`` has the attributes that the contract lists for ``name``.
    """

    name: str
    source: str
    id: str
    data: Any


@dataclass(frozen=True, slots=True)
class Review:
    """A reconsideration, lawsuit or complaint against the handling of a request, as far as its facts say."""

    review: str
    organ: str
    kind: str
    filed_on: date
    first_handling_disputed: bool = False
    decided_on: date | None = None
    result: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """A request as it stands on a day; every date is derived from the facts, the profile and the calendar."""

    state: str = "waiting"
    waiting_for: str = ""
    flags: tuple[str, ...] = ()
    """What the law says against some of the facts; they are kept, and cure nothing."""
    organ: str = ""
    channel: str = ""
    applicant: str = ""
    submitted_on: date | None = None
    received_on: date | None = None
    statute: str = ""
    calendar: str = ""
    """The calendar's id and version that the dates were computed with."""
    due_on: date | None = None
    provisional: bool = False
    extended: int = 0
    stopped_since: date | None = None
    stopped_for: str = ""
    warned: tuple[tuple[date, int], ...] = ()
    """The rungs of the warning ladder that lie behind: the day, and the units that were left on it."""
    overdue_from: date | None = None
    answered_on: date | None = None
    closed_on: date | None = None
    closing: str = ""
    """How the request ended: answered, withdrawn, transferred, abandoned or retracted."""
    outcome: str = ""
    timeliness: str = ""
    working_days: int | None = None
    reviews: tuple[Review, ...] = ()
    rejected: tuple[tuple[str, str, str], ...] = ()
    """Facts that can't be what they say: source, id and reason."""
    wake_on: date | None = None
    """The next day on which the clock alone changes this view."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One thing that follows: the contract's name for the case event, the day it holds from, and its values."""

    name: str
    on: date
    values: dict[str, Any]
