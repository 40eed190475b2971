"""A year's report: a form filled from the cells, with its arithmetic checked. Pure."""

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from services.events.vocabulary import Label
from services.stats.cells import LEVEL_SUFFIX, Cell, Number, plain
from services.stats.form import DIMENSIONS, Counts, Filter, Form, Rule

Lang = Literal["zh", "en"]


class ReportRow(Struct, frozen=True):
    id: str
    label: Label
    cells: dict[str, Number]
    """By column; whole numbers are ``int``."""


class ReportTable(Struct, frozen=True):
    id: str
    rows: tuple[ReportRow, ...]


class Check(Struct, frozen=True):
    """One rule of the form's arithmetic, in one column, and whether it holds."""

    rule: str
    ok: bool
    detail: str
    """The rows compared and their numbers."""


class Report(Struct, frozen=True):
    """What ``GET /v1/annual`` answers in JSON."""

    form: str
    organ: str
    year: int
    as_of: str
    """The local date in the organ's zone for which it was made."""
    tables: tuple[ReportTable, ...]
    checks: tuple[Check, ...]


def make_report(form: Form, organ: str, year: int, as_of: str, cells: Mapping[Cell, Number]) -> Report:
    """``form`` filled for one organ's year; ``cells`` may hold others' too, and lacks those that are 0."""
    own = {cell: number for cell, number in cells.items() if cell.organ == organ and cell.year == year}
    levels = latest_levels(own)
    tables = tuple(
        ReportTable(
            table.id,
            tuple(
                ReportRow(row.id, row.label, {c.id: _count(row.counts, c.where, own, levels) for c in table.columns})
                for row in table.rows
            ),
        )
        for table in form.tables
    )
    numbers = {(t.id, r.id): r.cells for t in tables for r in t.rows}
    checks = [
        _check(rule, column.id, numbers)
        for rule in form.checks
        for table in form.tables
        if table.id == rule.table
        for column in table.columns
    ]
    return Report(form.id, organ, year, as_of, tables, tuple(checks))


def latest_levels(cells: Mapping[Cell, Number]) -> dict[str, Number]:
    """The latest level of each measure that is one; of two on the same day the one whose name comes last."""
    latest: dict[str, Cell] = {}
    for cell in cells:
        if cell.kind == "level-known" and (cell.a not in latest or cell[4:] > latest[cell.a][4:]):
            latest[cell.a] = cell
    return {measure: cells.get(cell._replace(kind="level"), 0) for measure, cell in latest.items()}


def _count(counts: Counts, where: Filter, cells: Mapping[Cell, Number], levels: Mapping[str, Number]) -> Number:
    total: Number = 0
    for cell, number in cells.items():
        if cell.kind == counts.kind and _takes(counts, where, cell):
            total += number
    if counts.kind == "tally":
        for measure in counts.measure or ():
            if measure.endswith(LEVEL_SUFFIX) and (where.measure is None or measure in where.measure):
                total += levels.get(measure, 0)
    return plain(total)


def _takes(counts: Counts, where: Filter, cell: Cell) -> bool:
    values = dict(zip((name for name, _ in DIMENSIONS[cell.kind]), cell[3:], strict=False))
    for name, value in values.items():
        for wanted in (getattr(counts, name), getattr(where, name)):
            if wanted is not None and value not in wanted:
                return False
        left_out = getattr(counts.except_, name)
        if left_out is not None and value in left_out:
            return False
    return True


def _check(rule: Rule, column: str, numbers: Mapping[tuple[str, str], Mapping[str, Number]]) -> Check:
    left = [numbers[rule.table, row][column] for row in rule.left]
    right = [numbers[rule.table, row][column] for row in rule.right]
    ok = sum(left) == sum(right) if rule.relation == "=" else sum(left) <= sum(right)
    relation = rule.relation if ok else f"not {rule.relation}"
    detail = f"{rule.table}/{column}: {_sum(rule.left, left)} {relation} {_sum(rule.right, right)}"
    return Check(rule.rule, ok, detail)


def _sum(rows: Sequence[str], numbers: Sequence[Number]) -> str:
    return " + ".join(f"{row} {number}" for row, number in zip(rows, numbers, strict=True))


def said(label: Label, lang: Lang) -> str:
    """A label in one language."""
    return label.zh if lang == "zh" else label.en
