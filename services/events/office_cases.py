"""What case events say about the work inside an office: a step, who holds it, a rung of the ladder.

An event carries one step and at most one holding of it, so its size does not grow with the case.
"""

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, Struct

from services.events.vocabulary import Code, Text

OfficeLimit = Literal["committed", "step", "duty"]
"""Limits beside those of the request itself: a promise, a step, a duty of the organ; none moves the statutory one."""
StepState = Literal["assigned", "accepted", "returned", "completed", "ended"]
"""``returned``: it lies with the office until somebody is given it again; ``ended``: with the request."""
DutyState = Literal["open", "done", "ended"]
"""``ended``: with the review that opened it."""
CardLevel = Literal["yellow", "red"]


class StepNow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A step of a request as it stands after the event."""

    about: Code
    """What distinguishes it from the request's other steps: the assignment that opened it."""
    step: Code
    """Which step of the procedure it is."""
    state: StepState
    assignment: Code
    """The one that it was given by last."""
    started_on: date
    """The day that its limit counts from; who has it later gets no day back."""
    since: date
    """Since when it lies where it lies."""
    unit: Code | None = None
    """Who has it; none: the office."""
    due_on: date | None = None
    done_on: date | None = None
    overdue_from: date | None = None
    overdue_at: Code | None = None
    """The unit that had it on that day."""


class Holding(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The time for which one unit has a step."""

    assignment: Code
    unit: Code
    assigned_on: date
    accepted_on: date | None = None
    left_on: date | None = None
    how: Literal["returned", "completed", "ended"] | None = None
    """How it was given up; ``ended``: with the request."""
    working_days: Annotated[int, Meta(ge=0)] | None = None
    """Working days from the assignment until it was given up."""
    due_on: date | None = None
    """A day that was set with the assignment itself."""


class DutyNow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A duty of an organ as it stands after the event."""

    duty: Code
    organ: Code
    kind: Code
    event_on: date
    """The day of what it counts from."""
    statute: Code
    """The version of the statute whose rule it is."""
    article: Text
    state: DutyState
    due_on: date | None = None
    """The last day; none where no calendar reaches there."""
    provisional: bool = False
    done_on: date | None = None
    """The day on which it was done, or ended."""
    overdue_from: date | None = None
    about: Code | None = None
    """What it concerns; of one that a review opened, the review."""


class CardNow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A card, and what it is for."""

    card: CardLevel
    limit: Code
    """``answer``, ``committed``, ``step`` or ``duty``."""
    on: date
    due_on: date
    about: Code | None = None
    """Which step, or which duty."""
    step: Code | None = None
    unit: Code | None = None
    """Who had it on that day; none: the office."""
    answer_by: date | None = None
    """The second deadline, if the ladder gives one."""
    organ: Code | None = None
    """Of a duty that belongs to no request: whose it is."""
