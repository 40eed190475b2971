"""A year's report: a form filled from the cells, with its arithmetic checked. Pure."""

from collections.abc import Collection, Mapping
from typing import Literal

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from services.events.vocabulary import Label
from services.stats.cells import Cell, Number, of_year, plain, value, values
from services.stats.forms.form import Counts, Filter, Form
from services.stats.kinds import KINDS
from services.stats.response_times import DaysTaken, days_taken
from services.stats.rules import Check, Place, check

Lang = Literal["zh", "en"]


class ReportRow(Struct, frozen=True):
    id: str
    label: Label
    cells: dict[str, Number]
    """By column; whole numbers are ``int``."""


class ReportTable(Struct, frozen=True):
    id: str
    rows: tuple[ReportRow, ...]


class Report(Struct, frozen=True):
    """What ``GET /v1/annual`` answers in JSON."""

    form: str
    organ: str
    year: int
    as_of: str
    """The local date in the organ's zone for which it was made, or the instant that was asked for."""
    tables: tuple[ReportTable, ...]
    checks: tuple[Check, ...]
    days_taken: DaysTaken | UnsetType = UNSET
    """Until the first and until the final response; beside the form, left out where there are none, and no part of a
    publication."""

    def numbers(self) -> dict[Place, dict[str, Number]]:
        """The numbers of each row by table and row."""
        return {(table.id, row.id): row.cells for table in self.tables for row in table.rows}


def make_report(
    form: Form,
    organ: str,
    year: int,
    as_of: str,
    cells: Mapping[Cell, Number],
    *,
    organs: Collection[str] = (),
    previous: Report | None = None,
) -> Report:
    """``form`` filled for one organ's year, or for several ``organs`` together under the name of one.

    ``cells`` may hold others' too, lacks those that are 0, and has what was carried in the years before.
    ``previous`` is the same form a year earlier; without it the rules that look back are left out.
    """
    by_kind: dict[str, list[tuple[Cell, Number]]] = {}
    counted = of_year(cells, organs or {organ}, year, organ)
    for cell, number in counted.items():
        by_kind.setdefault(cell.kind, []).append((cell, number))
    tables = []
    for table in form.tables:
        rows = []
        for row in table.rows:
            found: dict[str, Number] = {}
            taken: dict[int, list[tuple[Cell, Number]]] = {}
            for column in table.columns_of(row):
                counts = row.counting(column)
                assert counts is not None
                if id(counts) not in taken:
                    taken[id(counts)] = [c for c in by_kind.get(counts.kind, ()) if _takes(counts, c[0])]
                found[column.id] = plain(sum(n for c, n in taken[id(counts)] if _within(column.where, c)))
            rows.append(ReportRow(row.id, row.label, found))
        tables.append(ReportTable(table.id, tuple(rows)))
    report = Report(form.id, organ, year, as_of, tuple(tables), (), days_taken(counted.items()))
    known = {value(cell, "measure") for cell in counted if cell.kind == "level-known"}
    checks = check(form, report.numbers(), previous.numbers() if previous else None, known)
    return replace(report, checks=(*checks, *_contradictions(counted)))


CONTRADICTIONS = "no-contradictions"
"""A check of every form: it stands in a report where it does not hold, and names the requests."""
NAMED = 20
"""How many requests it names."""


def _contradictions(counted: Mapping[Cell, Number]) -> list[Check]:
    requests = sorted(value(cell, "request") for cell in counted if cell.kind == "contradicting")
    if not requests:
        return []
    more = f" and {len(requests) - NAMED} more" if len(requests) > NAMED else ""
    return [Check(CONTRADICTIONS, False, f"facts contradict one another in {', '.join(requests[:NAMED])}{more}")]


def make_with_previous(
    form: Form,
    organ: str,
    year: int,
    as_of: str,
    cells: Mapping[Cell, Number],
    organs: Collection[str] = (),
) -> Report:
    """The same from the cells of all years; what is known of the year before is compared."""
    own = organs or {organ}
    earlier = any(cell.organ in own and cell.year < year for cell in cells)
    previous = make_report(form, organ, year - 1, as_of, cells, organs=own) if earlier else None
    return make_report(form, organ, year, as_of, cells, organs=own, previous=previous)


def fits(counts: Counts, where: Filter, cell: Cell) -> bool:
    """Whether a cell has the values that ``counts`` and a column's ``where`` want in the dimensions that it has."""
    return _takes(counts, cell) and _within(where, cell)


def contributes(counts: Counts, where: Filter, cell: Cell, year: int) -> bool:
    """Whether a change of the raw ``cell`` is felt by the number that ``counts`` (in a column's ``where``) asks for."""
    kind = KINDS[counts.kind]
    counted = cell.kind in kind.signs or cell.kind in kind.latest_of
    return counted and kind.covers(cell.year, year) and fits(counts, where, cell)


def _takes(counts: Counts, cell: Cell) -> bool:
    return _within(counts, cell) and not _names(counts.except_, cell)


def _within(wanted: Filter, cell: Cell) -> bool:
    for name, own in values(cell):
        given = getattr(wanted, name, None)
        if given is not None and own not in given:
            return False
    return True


def _names(left_out: Filter, cell: Cell) -> bool:
    for name, own in values(cell):
        given = getattr(left_out, name, None)
        if given is not None and own in given:
            return True
    return False


def failures(form: Form, report: Report, severity: str = "error") -> list[Check]:
    """The checks of a severity that don't hold."""
    rules = {rule.rule for rule in form.checks if rule.severity == severity}
    if severity == "error":
        rules.add(CONTRADICTIONS)
    return [c for c in report.checks if not c.ok and c.rule in rules]


def said(label: Label, lang: Lang) -> str:
    """A label in one language."""
    return label.zh if lang == "zh" else label.en
