"""What is written of a decision: the case, and each event as a row of the history."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.events.cases import CaseEvent
from services.events.codec import CASE_TYPES
from services.events.envelope import PREFIX, VERSION
from services.tracker.core.case import Case

Row = tuple[Any, ...]
"""The values of a table's columns, in their order."""

_NAMES: dict[type, str] = {s: tag.removeprefix(PREFIX).removesuffix(VERSION) for tag, s in CASE_TYPES.items()}


@dataclass(frozen=True, slots=True)
class Change:
    """A case to be written, with the instant at which the clock has to look at it again."""

    case: Case
    partition: int
    wake_at: datetime | None


def event_name(event: CaseEvent) -> str:
    """The contract's name of an event, e.g. ``due-date-set``."""
    return _NAMES[event.__class__]
