"""Facts about the work inside an office: its units, and who was given a step of a request."""

from datetime import date

from services.events.data import Data
from services.events.envelope import Event, type_of
from services.events.vocabulary import Code, Label, Text


class UnitData(Data, frozen=True, kw_only=True):
    code: Code
    organ: Code
    name: Label
    parent: Code | None = None
    """The unit that this one is a part of."""


class AssignmentOpenedData(Data, frozen=True, kw_only=True):
    assignment: Code
    unit: Code
    step: Code
    """A step of the procedure."""
    assigned_on: date
    due_on: date | None = None
    """A day that whoever assigns it sets, in place of the procedure's limit."""


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


class UnitRegistered(Event, frozen=True, kw_only=True, tag=type_of("unit-registered")):
    data: UnitData


class AssignmentOpened(Event, frozen=True, kw_only=True, tag=type_of("assignment-opened")):
    data: AssignmentOpenedData


class AssignmentAccepted(Event, frozen=True, kw_only=True, tag=type_of("assignment-accepted")):
    data: AssignmentAcceptedData


class AssignmentReturned(Event, frozen=True, kw_only=True, tag=type_of("assignment-returned")):
    data: AssignmentReturnedData


class AssignmentCompleted(Event, frozen=True, kw_only=True, tag=type_of("assignment-completed")):
    data: AssignmentCompletedData
