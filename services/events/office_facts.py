"""Facts about the work inside an office: its units, and who was given a step of a request."""

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta

from services.events.data import Data
from services.events.envelope import Event, type_of
from services.events.vocabulary import Code, Days, Label, Text


class UnitData(Data, frozen=True, kw_only=True):
    code: Code
    organ: Code
    name: Label
    parent: Code | None = None
    """The unit that this one is a part of."""


class TimeLimit(Data, frozen=True, kw_only=True):
    """So many units."""

    amount: Days
    unit: Literal["working-day", "calendar-day", "week", "working-week", "month"]


class SpecialStep(Data, frozen=True, kw_only=True):
    """A hearing, an inspection, an expert review: its days do not count."""

    code: Code
    name: Label
    limit: TimeLimit | None = None
    """The most that does not count."""


class ItemData(Data, frozen=True, kw_only=True):
    code: Code
    organ: Code
    name: Label
    statute: Code
    limit: TimeLimit | None = None
    """Its own statutory limit, in place of the statute's."""
    committed: TimeLimit | None = None
    """The shorter one that the office promises."""
    special_steps: Annotated[tuple[SpecialStep, ...], Meta(max_length=50)] = ()


class SpecialStepOpenedData(Data, frozen=True, kw_only=True):
    step: Code
    """A special step of the request's item."""
    opened_on: date


class SpecialStepClosedData(Data, frozen=True, kw_only=True):
    step: Code
    closed_on: date


class AssignmentOpenedData(Data, frozen=True, kw_only=True):
    assignment: Code
    unit: Code
    step: Code
    """A step of the procedure."""
    assigned_on: date
    due_on: date | None = None
    """A day that whoever assigns it sets, in place of the procedure's limit."""
    continues: Code | None = None
    """The assignment that was given back and goes on with this one; left out: the one of that step given back last."""


class AssignmentAcceptedData(Data, frozen=True, kw_only=True):
    assignment: Code
    accepted_on: date


class AssignmentReturnedData(Data, frozen=True, kw_only=True):
    assignment: Code
    returned_on: date
    reason: Text


class AssignmentCompletedData(Data, frozen=True, kw_only=True):
    assignment: Code
    completed_on: date


class DutyOpenedData(Data, frozen=True, kw_only=True):
    duty: Code
    organ: Code
    kind: Code
    """One of the kinds that the organ's statute has under ``[[duties]]``."""
    event_on: date
    """The day of what the duty counts from."""
    about: Code | None = None
    """What it concerns: a record, a document."""


class DutyDoneData(Data, frozen=True, kw_only=True):
    duty: Code
    """One that was opened by a fact, or by a review: ``<review>:<kind>`` then."""
    done_on: date


class UnitRegistered(Event, frozen=True, kw_only=True, tag=type_of("unit-registered")):
    data: UnitData


class ItemRegistered(Event, frozen=True, kw_only=True, tag=type_of("item-registered")):
    data: ItemData


class SpecialStepOpened(Event, frozen=True, kw_only=True, tag=type_of("special-step-opened")):
    data: SpecialStepOpenedData


class SpecialStepClosed(Event, frozen=True, kw_only=True, tag=type_of("special-step-closed")):
    data: SpecialStepClosedData


class AssignmentOpened(Event, frozen=True, kw_only=True, tag=type_of("assignment-opened")):
    data: AssignmentOpenedData


class AssignmentAccepted(Event, frozen=True, kw_only=True, tag=type_of("assignment-accepted")):
    data: AssignmentAcceptedData


class AssignmentReturned(Event, frozen=True, kw_only=True, tag=type_of("assignment-returned")):
    data: AssignmentReturnedData


class AssignmentCompleted(Event, frozen=True, kw_only=True, tag=type_of("assignment-completed")):
    data: AssignmentCompletedData


class DutyOpened(Event, frozen=True, kw_only=True, tag=type_of("duty-opened")):
    data: DutyOpenedData


class DutyDone(Event, frozen=True, kw_only=True, tag=type_of("duty-done")):
    data: DutyDoneData
