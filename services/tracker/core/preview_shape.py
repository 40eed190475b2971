"""The form of a preview's answer, for the OpenAPI document and for clients that are made from it.

The answer itself is written by :meth:`services.statute.due.Due.plain`; a test compares the two.
"""

from datetime import date
from typing import Any

from msgspec import UNSET, Struct, UnsetType, field

from services.events.office_cases import CardNow, DutyNow, StepNow
from services.statute.status import Status
from services.words.catalogue import Said


class Words(Struct, frozen=True):
    """A text in both languages."""

    zh: str
    en: str


class Explained(Struct, frozen=True, kw_only=True):
    """A line of the account: what happened between two days, and by which article."""

    limit: str
    kind: str
    first: date | None = field(name="from")
    last: date | None = field(name="to")
    days: int | None
    text: Words
    article: str
    basis: Words


class Clock(Struct, frozen=True, kw_only=True):
    """A time limit that runs or ran."""

    limit: str
    start: date
    due_on: date | None
    provisional: bool
    about: str


class OtherReading(Struct, frozen=True, kw_only=True):
    """The due date by another reading of an open point of the law."""

    setting: str
    value: str
    due_on: date | None
    source: Any


class Previewed(Struct, frozen=True, kw_only=True):
    """What would be due for a case that is given whole."""

    due_on: date | None
    status: Status
    provisional: bool
    received_on: date | None
    timeliness: str
    closing: str
    outcome: str
    due_on_other: date | None
    latest_due_on: date | None
    remarks: list[Said]
    clocks: list[Clock]
    readings: list[OtherReading]
    explanation: list[Explained]
    steps: list[StepNow] | UnsetType = UNSET
    cards: list[CardNow] | UnsetType = UNSET
    duties: list[DutyNow] | UnsetType = UNSET
    committed_due_on: date | UnsetType | None = UNSET
