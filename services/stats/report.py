"""A year's report: a form filled from the cells, with its arithmetic checked. Pure."""

from collections.abc import Collection, Mapping
from typing import Literal

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from services.events.vocabulary import Label
from services.stats import left_out
from services.stats.beside import CarriedLevel, Timely, carried_levels, other_laws, timely
from services.stats.cells import Cell, Law, Number, of_year, plain, value
from services.stats.contested import ONE_LEVEL, one_level_a_day
from services.stats.fitting import takes, within
from services.stats.forms.form import Form
from services.stats.left_out import Place
from services.stats.response_times import DaysTaken, days_taken
from services.stats.rules import Check, check

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
    in_time: Timely | UnsetType = UNSET
    """How much was in time, of what; beside the form, too, and so are the next two."""
    carried_levels: tuple[CarriedLevel, ...] | UnsetType = UNSET
    """The numbers that rest on a level of an earlier year; left out where there are none."""
    other_laws: dict[str, int] | UnsetType = UNSET
    """How many requests received in the year are under laws that the form does not count; left out where none are."""

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
    law: Law | None = None,
) -> Report:
    """``form`` filled for one organ's year, or for several ``organs`` together under the name of one.

    ``cells`` may hold others' too, lacks those that are 0, and has what was carried in the years before.
    ``previous`` is the same form a year earlier; without it the rules that look back are left out. ``law`` is what the
    form counts; without it that of its statute, reviews under an organ's code included that don't say theirs.
    """
    law = law or Law(form.statutes)
    by_kind: dict[str, list[tuple[Cell, Number]]] = {}
    own = organs or {organ}
    counted = of_year(cells, own, year, organ, law)
    for cell, number in counted.items():
        by_kind.setdefault(cell.kind, []).append((cell, number))
    tables = []
    for table in form.tables:
        rows = []
        for row in table.rows:
            by_column: dict[str, Number] = {}
            taken: dict[int, list[tuple[Cell, Number]]] = {}
            for column in table.columns_of(row):
                counts = row.counting(column)
                assert counts is not None
                if id(counts) not in taken:
                    taken[id(counts)] = [c for c in by_kind.get(counts.kind, ()) if takes(counts, c[0])]
                by_column[column.id] = plain(sum(n for c, n in taken[id(counts)] if within(column.where, c)))
            rows.append(ReportRow(row.id, row.label, by_column))
        tables.append(ReportTable(table.id, tuple(rows)))
    report = Report(
        form.id,
        organ,
        year,
        as_of,
        tuple(tables),
        (),
        days_taken(counted.items()),
        timely(counted.items()),
        carried_levels(form, cells, own, year) or UNSET,
        other_laws(cells, own, year, law) or UNSET,
    )
    known = {value(cell, "measure") for cell in counted if cell.kind == "level-known"}
    before = previous.numbers() if previous else None
    checks = check(form, report.numbers(), before, known, left_out.of(form, by_kind))
    return replace(report, checks=(*checks, *_contradictions(counted), *one_level_a_day(form, cells, own, year)))


CONTRADICTIONS = "no-contradictions"
"""A check of every form: it stands in a report where it does not hold, and names the requests."""
PUBLISHED = "published"
"""The comparison with the latest publication, as a check beside the form's."""
AS_PUBLISHED = Label(" 不等于公布数，公布日期 ", " not = published on ")
NAMED = 20
"""How many requests it names."""
CONTRADICTORY = Label("以下申请的各项事实相互矛盾：", "facts contradict one another in ")


def _contradictions(counted: Mapping[Cell, Number]) -> list[Check]:
    requests = sorted(value(cell, "request") for cell in counted if cell.kind == "contradicting")
    if not requests:
        return []
    named, left = ", ".join(requests[:NAMED]), len(requests) - NAMED
    more = Label(f" 等另 {left} 件", f" and {left} more") if left > 0 else Label("", "")
    return [
        Check(
            CONTRADICTIONS,
            False,
            f"{CONTRADICTORY.en}{named}{more.en}",
            f"{CONTRADICTORY.zh}{named}{more.zh}",
        )
    ]


def make_with_previous(
    form: Form,
    organ: str,
    year: int,
    as_of: str,
    cells: Mapping[Cell, Number],
    organs: Collection[str] = (),
    law: Law | None = None,
) -> Report:
    """The same from the cells of all years; what is known of the year before is compared."""
    own = organs or {organ}
    covered = law or Law(form.statutes)
    earlier = any(cell.organ in own and cell.year < year and covered.counts(cell) for cell in cells)
    previous = make_report(form, organ, year - 1, as_of, cells, organs=own, law=law) if earlier else None
    return make_report(form, organ, year, as_of, cells, organs=own, previous=previous, law=law)


def failures(form: Form, report: Report, severity: str = "error") -> list[Check]:
    """The checks of a severity that don't hold."""
    rules = {rule.rule for rule in form.checks if rule.severity == severity}
    rules.add(CONTRADICTIONS if severity == "error" else ONE_LEVEL)
    return [c for c in report.checks if not c.ok and c.rule in rules]


def in_language(label: Label, lang: Lang) -> str:
    """A label in one language."""
    return label.zh if lang == "zh" else label.en
