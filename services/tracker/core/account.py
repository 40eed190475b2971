"""Why a case's dates are what they are, and what they would be if the law were read another way. Pure."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from msgspec.structs import replace

from services.events.facts import TallyRecorded
from services.statute.account import Line
from services.statute.due import readings_of
from services.statute.errors import StatuteError
from services.statute.explain import explain, remarked
from services.statute.office import duties
from services.statute.readings import Reading
from services.statute.state import RequestState
from services.statute.versions import profiles
from services.tracker.core.case import Case
from services.tracker.core.reference_data import ReferenceData
from services.tracker.core.view import look


def account(case: Case, reference_data: ReferenceData, today: date, each_day: bool = False) -> list[dict[str, Any]]:
    """Why the case's dates are what they are, as plain values; empty while the request or its organ is unknown."""
    looked = look(_without_tallies(case), reference_data, today)
    if looked.view.state == "duty":
        return [line.plain() for line in _duty_lines(looked.view)]
    if looked.assessment is None:
        lacking = looked.view.awaits
        return [remarked(lacking).plain()] if lacking is not None and lacking.code in LACKING else []
    state = looked.assessment.state
    organ = reference_data.organs[state.organ]
    changes = reference_data.changes(organ.calendar)
    return [
        line.plain()
        for line in explain(
            looked.assessment, reference_data.calendar(organ.calendar), today, changes=changes, each_day=each_day
        )
    ]


def _duty_lines(view: RequestState) -> Iterator[Line]:
    yield from duties.explained(view.duties, profiles()[view.statute])
    yield from (remarked(each) for each in view.remarks)


def _without_tallies(case: Case) -> Case:
    return replace(case, facts=tuple([f for f in case.facts if not isinstance(f, TallyRecorded)]))


def other_readings(case: Case, reference_data: ReferenceData, today: date) -> tuple[Reading, ...]:
    """The due date by each other reading of what the law leaves open; none while the law can't be asked."""
    assessed = look(_without_tallies(case), reference_data, today).assessment
    if assessed is None or assessed.timeline.received is None:
        return ()
    organ = reference_data.organs[assessed.state.organ]
    statute = assessed.timeline.received.data.statute or organ.statute
    try:
        return readings_of(assessed, statute, reference_data.calendar(organ.calendar), today)
    except StatuteError:
        return ()  # a reading that leads out of the calendar has no date to be shown


LACKING = frozenset({"unknown-statute", "no-version", "unknown-calendar", "out-of-range", "count-out-of-range"})
"""What a case waits for where the law's files lack something."""
