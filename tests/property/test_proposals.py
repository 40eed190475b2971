"""What a fact is said to move before it is posted is what it moves in the counters, whatever the request's history."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.commands import offline
from services.stats.cells import Cell, Number
from services.stats.fold import Fold
from services.tracker.core import apply
from services.tracker.core.case import Case
from services.tracker.core.proposal import proposal
from services.tracker.core.reference_data import ReferenceData
from services.tracker.core.strands import Shelf
from tests.support import fact

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ORGAN = {"code": "a", "name": {"zh": "a", "en": "a"}, "timezone": "Asia/Shanghai", "calendar": "CN", "statute": "CN"}
RECEIVED = {"organ": "a", "channel": "in-person", "applicant": "business"}
DAYS = st.dates(date(2023, 11, 1), date(2026, 2, 27)).map(date.isoformat)
_OFFICE = ("unit-received", "unit-ended", "unit-late", "card", "duty")
"""What counts of the work inside an office, in no report of a year."""


@st.composite
def _saids(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    day = draw(DAYS)
    later = (date.fromisoformat(day) + timedelta(draw(st.integers(0, 400)))).isoformat()
    later = min(later, "2026-02-28")
    review = {"review": "v", "organ": "a"}
    saids: list[tuple[str, dict[str, Any]]] = [
        ("request-received", RECEIVED | {"submitted_on": day}),
        ("answer-issued", {"outcome": "granted", "answered_on": later, "service": "posted"}),
        ("answer-issued", {"outcome": "does-not-exist", "answered_on": later, "service": "posted"}),
        ("request-withdrawn", {"withdrawn_on": later}),
        ("extension-granted", {"decided_on": day, "notified_on": day, "amount": 20}),
        ("clarification-requested", {"requested_on": day, "respond_by": later}),
        ("review-filed", review | {"kind": "reconsideration", "filed_on": day}),
        ("review-decided", {"review": "v", "decided_on": later, "result": "upheld"}),
        ("review-decided", {"review": "v", "decided_on": later, "result": "corrected"}),
    ]
    said: tuple[str, dict[str, Any]] = draw(st.sampled_from(saids))
    return said


@st.composite
def _histories(draw: st.DrawFn) -> list[Any]:
    """Facts of one request, the last of which may correct or take back one of the others."""
    saids = [("request-received", RECEIVED | {"submitted_on": draw(DAYS)}), *draw(st.lists(_saids(), max_size=5))]
    facts = [fact(name, "r", data, id=str(at)) for at, (name, data) in enumerate(saids)]
    at = draw(st.integers(0, len(saids) - 1))
    amends = {"source": facts[at].source, "id": facts[at].id}
    how = draw(st.sampled_from(("none", "taken-back", "corrected")))
    if how == "taken-back":
        facts.append(fact("fact-retracted", "r", {"amends": amends, "reason": "x"}, id="last"))
    elif how == "corrected":
        same = _saids().filter(lambda said: said[0] == saids[at][0])
        facts.append(fact("fact-corrected", "r", {"amends": amends, "data": draw(same)[1]}, id="last"))
    return facts


def _cells(facts: list[Any]) -> dict[Cell, Number]:
    """What is counted once the clock has gone through it as well."""
    _, events = offline.run([fact("organ-registered", "a", ORGAN, id="organ"), *facts], NOW)
    fold = Fold()
    for event in events:
        fold.apply(event)
    return fold.cells


@given(_histories())
def test_the_years_that_a_fact_is_said_to_move_are_those_whose_counters_move(facts: list[Any]) -> None:
    reference, shelf = ReferenceData(), Shelf()
    reference.learn(fact("organ-registered", "a", ORGAN, id="organ"))
    for each in facts[:-1]:
        apply.run([each], shelf, reference, NOW)
    told = proposal(shelf.cases.get("r", Case(subject="r")), facts[-1], reference, NOW)
    before, after = _cells(facts[:-1]), _cells(facts)
    moved = {cell for cell in {*before, *after} if before.get(cell, 0) != after.get(cell, 0)}
    years = {cell.year for cell in moved if cell.kind not in _OFFICE}
    if told.moves_ended:
        assert years <= set(told.years), moved
    else:
        assert told.years == []
        assert min(years, default=NOW.year) == NOW.year, moved
