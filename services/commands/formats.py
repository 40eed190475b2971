"""The formats of the data files that an office can write: statutes, calendars, forms, scenarios, maps."""

from typing import Any

from services.registers.map_file import RegisterMap
from services.stats.forms.shape import Form
from services.statute.calendar_file import CalendarFile
from services.statute.data_file import json_schema
from services.statute.profile import Profile
from services.tracker.core.scenarios import ScenarioFile

_SHAPES: dict[str, type] = {
    "statute": Profile,
    "calendar": CalendarFile,
    "form": Form,
    "scenario": ScenarioFile,
    "map": RegisterMap,
}
TITLES = {
    "statute": "A statute: what one version of it says about time",
    "calendar": "A calendar: a weekend, days off and working days, and how far they are published",
    "form": "A form of annual report: its tables, what each row counts, and what must add up",
    "scenario": "Scenarios of the law: what happened, and what has to come out of it",
    "map": "A map: which column of a register becomes which field of which fact",
}
"""What each format describes, by its name."""


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a format, one of :data:`TITLES`."""
    return json_schema(_SHAPES[name], TITLES[name])
