"""The formats of the data files that an office can write: statutes, calendars, forms, scenarios, maps, and how it
works."""

from typing import Any

from services.registers.map_file import RegisterMap
from services.stats.forms.shape import Form
from services.statute.calendar_file import CalendarFile
from services.statute.data_file import json_schema
from services.statute.office.ladder import Ladder
from services.statute.office.procedure import Procedure
from services.statute.profile import Profile
from services.tracker.core.scenarios import ScenarioFile

_SHAPES: dict[str, type] = {
    "statute": Profile,
    "calendar": CalendarFile,
    "form": Form,
    "scenario": ScenarioFile,
    "map": RegisterMap,
    "procedure": Procedure,
    "ladder": Ladder,
}
TITLES = {
    "statute": "A statute: what one version of it says about time",
    "calendar": "A calendar: a weekend, days off and working days, and how far they are published",
    "form": "A form of annual report: its tables, what each row counts, and what must add up",
    "scenario": "Scenarios of the law: what happened, and what has to come out of it",
    "map": "A map: which column of a register becomes which field of which fact",
    "procedure": "A procedure: the steps that an office takes a request through, who does them, and by when",
    "ladder": "A ladder of supervision: warnings before a last day, cards after it",
}
"""What each format describes, by its name."""


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a format, one of :data:`TITLES`."""
    return json_schema(_SHAPES[name], TITLES[name])
