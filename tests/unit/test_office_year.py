"""A bureau's year from one log: two returns and the units' year, each equal to a recount that knows no cells."""

from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest

from services import samples
from services.commands import offline, reporting
from services.commands.office import handed_over, of_year
from services.events.codec import decode_fact, encode
from services.events.facts import Fact
from services.events.vocabulary import Label
from services.stats.cells import Cell, Number, recount
from services.stats.fold import Fold
from services.stats.score import Points
from services.stats.units import duties_of, units_of
from services.statute.calendars import shipped
from services.tracker.core.case import Case
from services.tracker.core.decide import decide
from services.tracker.core.reference_data import ReferenceData
from services.tracker.office_store import COLUMNS, open_work
from tests.support import ORGAN, fact

NOW = datetime(2025, 7, 1, tzinfo=UTC)
CALENDAR = shipped("CN")
UNITS = ("exit-entry", "records", "legal")


def office(subject: str, name: str, **data: Any) -> Fact:
    found: Fact = fact(f"assignment-{name}", subject, data)
    return found


def received(subject: str, day: str, **more: Any) -> Fact:
    data = {"organ": "gz-psb", "channel": "in-person", "applicant": "natural-person", "submitted_on": day, **more}
    found: Fact = fact("request-received", subject, data)
    return found


def story(subject: str) -> list[Any]:
    """From the counter to the yellow card and back: returned, given again, late by two days, reviewed, extended."""
    return [
        received(subject, "2025-03-03"),
        office(
            subject, "opened", assignment=f"{subject}/1", unit="exit-entry", step="opinion", assigned_on="2025-03-04"
        ),
        office(subject, "returned", assignment=f"{subject}/1", returned_on="2025-03-05", reason="another unit's"),
        office(subject, "opened", assignment=f"{subject}/2", unit="records", step="opinion", assigned_on="2025-03-06"),
        office(subject, "accepted", assignment=f"{subject}/2", accepted_on="2025-03-06"),
        office(subject, "completed", assignment=f"{subject}/2", completed_on="2025-03-13"),
        office(
            subject, "opened", assignment=f"{subject}/3", unit="legal", step="legal-review", assigned_on="2025-03-14"
        ),
        office(subject, "completed", assignment=f"{subject}/3", completed_on="2025-03-19"),
        fact("extension-granted", subject, {"decided_on": "2025-03-27", "notified_on": "2025-03-28", "amount": 10}),
        fact("answer-issued", subject, {"outcome": "granted", "answered_on": "2025-04-10", "service": "handed"}),
    ]


def year() -> list[Fact]:
    """Twelve requests of the story, and one of each of ten items, every third late by its promise."""
    facts: list[Fact] = [fact("organ-registered", "gz-psb", ORGAN)]
    facts += [
        fact("unit-registered", code, {"code": code, "organ": "gz-psb", "name": {"zh": code, "en": code}})
        for code in UNITS
    ]
    items: list[Any] = [decode_fact(line) for line in samples.items()]
    items = [item for item in items if type(item).__name__ == "ItemRegistered"]
    facts += items
    for number in range(12):
        facts += story(f"R{number:02}")
    for number, item in enumerate(items[:10]):
        code: Any = item.data.code
        promised = item.data.committed.amount if item.data.committed is not None else 5
        facts.append(received(f"L{number}", "2025-03-03", item=code))
        ended = CALENDAR.add(date(2025, 3, 3), promised + (number % 3 == 0))
        answer = {"outcome": "refused" if number % 2 else "granted", "answered_on": ended, "service": "handed"}
        facts.append(fact("answer-issued", f"L{number}", answer))
    return facts


@pytest.fixture(scope="module")
def folded() -> tuple[ReferenceData, Fold, list[Fact]]:
    facts = year()
    world, events = offline.run(facts, NOW)
    counted = Fold()
    for event in events:
        counted.apply(event)
    return world, counted, facts


def cells(counted: Fold) -> dict[Cell, Number]:
    return {c: n for c, n in counted.cells.items() if c.organ == "gz-psb" and c.year == 2025}


def test_the_counters_are_the_sum_of_the_rows(folded: tuple[ReferenceData, Fold, list[Fact]]) -> None:
    _, counted, _ = folded
    assert counted.cells == recount(counted.rows())


def test_the_units_year_equals_a_recount_from_the_facts(folded: tuple[ReferenceData, Fold, list[Fact]]) -> None:
    _, counted, facts = folded
    units = {u.unit: u for u in units_of(cells(counted), UNITS, lambda code: Label(code, code), None)}
    given: Counter[str] = Counter()
    how: Counter[tuple[str, str]] = Counter()
    days: dict[str, list[int]] = {}
    opened: dict[str, Any] = {}
    for each in facts:
        data: Any = each.data
        match type(each).__name__:
            case "AssignmentOpened":
                opened[data.assignment] = data
                given[data.unit] += 1
            case "AssignmentReturned":
                how[opened[data.assignment].unit, "returned"] += 1
            case "AssignmentCompleted":
                unit = opened[data.assignment].unit
                how[unit, "completed"] += 1
                days.setdefault(unit, []).append(CALENDAR.count(opened[data.assignment].assigned_on, data.completed_on))
    for unit in UNITS:
        found, taken = units[unit], days.get(unit, [])
        assert (found.received, found.completed, found.returned) == (
            given[unit],
            how[unit, "completed"],
            how[unit, "returned"],
        )
        assert found.days_average == (round(sum(taken) / len(taken), 2) if taken else None)
        assert found.days_longest == (max(taken) if taken else None)
    # The opinion's five working days from 4 March end on the 11th, whoever has it: late by two days, once for each.
    assert {u: (units[u].late, units[u].yellow, units[u].red) for u in UNITS} == {
        "exit-entry": (0, 0, 0),
        "records": (12, 12, 0),
        "legal": (0, 0, 0),
    }


def test_both_returns_equal_a_recount(folded: tuple[ReferenceData, Fold, list[Fact]]) -> None:
    _, _, facts = folded
    lines = [encode(each) for each in facts]
    made = reporting.make(lines, "cn-licensing", "gz-psb", 2025, NOW)
    rows = made.report.numbers()
    items = [each.data.item for each in facts if type(each).__name__ == "RequestReceived" and each.data.item]  # type: ignore[union-attr]
    assert rows["licensing", "received"]["total"] == len(items) == 10
    assert {c: n for c, n in rows["licensing", "received"].items() if n and c != "total"} == Counter(items)
    assert rows["licensing", "granted"]["total"] == 5 and rows["licensing", "refused"]["total"] == 5
    assert rows["licensing", "in-time"]["total"] == 10
    kept = {item: int(number % 3 != 0) for number, item in enumerate(items)}
    assert {item: rows["licensing", "in-committed-time"][item] for item in items} == kept
    assert rows["licensing", "in-committed-time"]["total"] == sum(kept.values())
    disclosure = reporting.make(lines, "", "gz-psb", 2025, NOW)
    assert disclosure.report.form == "cn-2021"
    printed = {place: {c: n for c, n in row.items() if n} for place, row in disclosure.report.numbers().items()}
    # Received, granted, and all results: the twelve of the story, each by a person, and nothing else.
    asked = sum(type(each).__name__ == "RequestReceived" and not each.data.item for each in facts)  # type: ignore[union-attr]
    told = {"natural-person": asked, "total": asked}
    assert {place: row for place, row in printed.items() if row} == {
        ("requests", number): told for number in ("1", "3.1", "3.7")
    }
    assert disclosure.report.other_laws == {"CN-LICENSING": 10}
    assert len(made.form.tables[0].columns) == 35


def test_a_score_is_by_the_file_of_points(folded: tuple[ReferenceData, Fold, list[Fact]]) -> None:
    _, counted, _ = folded
    points = Points(title=Label("考核", "score"), late=-6, yellow=-1.5)  # type: ignore[arg-type]
    found = {u.unit: u.score for u in units_of(cells(counted), UNITS, lambda code: Label(code, code), points)}
    # The office itself: four promises that were not kept, a yellow card each.
    assert found == {"": 100 - 4 * 1.5, "exit-entry": 100, "records": 100 - 12 * 7.5, "legal": 100}


def test_another_organs_request_takes_its_work_along() -> None:
    facts = [f for f in year() if f.subject in ("gz-psb", *UNITS, "R00")]
    other = {**ORGAN, "code": "sz-psb"}
    receipt = next(f for f in facts if type(f).__name__ == "RequestReceived")
    data = msgspec.to_builtins(receipt.data) | {"organ": "sz-psb"}
    moved = fact("fact-corrected", "R00", {"amends": {"source": receipt.source, "id": receipt.id}, "data": data})
    _, events = offline.run([facts[0], fact("organ-registered", "sz-psb", other), *facts[1:], moved], NOW)
    counted = Fold()
    for event in events:
        counted.apply(event)
    assert counted.cells == recount(counted.rows())
    assert {c.organ for c in counted.cells} == {"sz-psb"}


def test_a_closed_units_steps_are_handed_over_and_gain_no_day() -> None:
    world = ReferenceData([fact("organ-registered", "gz-psb", ORGAN)])
    case = Case(subject="R")
    for one in story("R")[:5]:
        case, _ = decide(case, one, world, datetime(2025, 3, 7, tzinfo=UTC), {})
    (row,) = open_work(case, 0)
    step = msgspec.json.decode(row[COLUMNS.index("body")]) | {"request": "R", "organ": "gz-psb"}
    facts = list(handed_over([step], "legal", date(2025, 3, 7), "closed"))
    assert facts == list(handed_over([step], "legal", date(2025, 3, 7), "closed"))
    for one in facts:
        case, _ = decide(case, one, world, datetime(2025, 3, 7, tzinfo=UTC), {})
    (found,) = case.view.steps
    assert (found.unit, found.due_on, len(found.holdings)) == ("legal", date(2025, 3, 11), 3)
    assert not [r for r in case.view.remarks if r.code.startswith(("assignment-", "step-"))]


def test_a_years_duties_are_opened_by_the_law_of_its_last_day() -> None:
    organs = [{"code": "a", "statute": "CN"}, {"code": "b", "statute": "UK"}]
    found = [(f.subject, f.data.event_on) for f in of_year(organs, 2024)]  # type: ignore[union-attr]
    assert found == [("a/annual-report/2024", date(2024, 12, 31))]
    facts = list(of_year(organs, 2013))
    _, events = offline.run([fact("organ-registered", "a", {**ORGAN, "code": "a"}), *facts], NOW)
    counted = Fold()
    for event in events:
        counted.apply(event)
    assert [(d.kind, d.late) for d in duties_of({c: n for c, n in counted.cells.items() if c.year == 2014})] == [
        ("annual-report", 1)
    ]
    assert counted.cells == recount(counted.rows())
