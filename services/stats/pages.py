"""What is shown beside the numbers: the organs under an organ, years side by side, what a number is called. Pure."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, UnsetType

from services.events.vocabulary import Label
from services.stats.annual import Answer
from services.stats.cells import Number
from services.stats.forms.form import Form
from services.stats.report import Report


def revised(answer: Answer) -> dict[tuple[str, str, str], Number]:
    """The published number of each cell that has another now."""
    return {(r.table, r.row, r.column): r.published for r in answer.revised}


def cell_label(form: Form, table_id: str, row_id: str, column_id: str) -> tuple[Label, ...]:
    """The printed names of a number, from the table down to the column."""
    table = form.table(table_id)
    if table is None:
        return ()
    row = next(r for r in table.rows if r.id == row_id)
    column = next(c for c in table.columns if c.id == column_id)
    return (table.title, *row.groups, row.label, *column.groups[1:], column.label)


class Line(Struct, frozen=True):
    """One number of a form through several years."""

    table: str
    row: str
    column: str
    label: Label
    level: int
    numbers: list[Number]
    changes: list[Number]
    """Each year's less the one before it; the first year has none."""


class TableTitle(Struct, frozen=True):
    """A table by name, and what heads its labels."""

    id: str
    title: Label
    head: Label


class SideBySide(Struct, frozen=True):
    """Several years of an organ in one form."""

    form: str
    organ: str
    years: list[int]
    lines: list[Line]
    share_in_time: list[float | None]
    """Of each year's ``share_base``; none where that is 0."""
    share_base: list[int]
    """Each year: answered in time, answered late, past the limit and not ended when the year ended."""
    name: Label
    title: Label
    """The form's."""
    tables: list[TableTitle]


class OrganLine(Struct, frozen=True):
    """An organ's figures of a year."""

    organ: str
    name: Label
    received: int = 0
    ended: int = 0
    in_time: int = 0
    late: int = 0
    overdue: int = 0
    pending: int = 0


class OrgansOfYear(Struct, frozen=True):
    """The organs whose numbers make up a report, a page of them; ``sum`` is of all."""

    organ: str
    name: Label
    year: int
    sum: dict[str, int]
    organs: list[OrganLine]
    all: int
    """How many they are."""
    found: int
    """How many of them were looked for."""
    page: int
    pages: int


def side_by_side(form: Form, name: Label, reports: Sequence[Report]) -> SideBySide:
    """The years' reports line by line; of a table with a column ``total`` only that."""
    numbers = [report.numbers() for report in reports]
    lines = []
    for table in form.tables:
        whole = next((c for c in table.columns if c.id == "total"), None)
        for row in table.rows:
            for column in table.columns_of(row):
                if whole is not None and column is not whole:
                    continue
                values = [n[table.id, row.id][column.id] for n in numbers]
                one = len(table.columns_of(row)) == 1 or whole is not None
                label = row.label if one else _joined(row.label, column.label)
                changes = [b - a for a, b in itertools.pairwise(values)]
                lines.append(Line(table.id, row.id, column.id, label, row.level, values, changes))
    first = reports[0]
    tables = [TableTitle(table.id, table.title, table.head) for table in form.tables]
    years = [report.year for report in reports]
    timely = [None if isinstance(report.in_time, UnsetType) else report.in_time for report in reports]
    shares, bases = [t.share if t else None for t in timely], [t.base if t else 0 for t in timely]
    return SideBySide(first.form, first.organ, years, lines, shares, bases, name, form.title, tables)


def _joined(row: Label, column: Label) -> Label:
    return Label(f"{row.zh}：{column.zh}", f"{row.en}: {column.en}")


def paged(items: Sequence[Any], page: int, size: int) -> tuple[Sequence[Any], int]:
    """One page (from 1) of ``items``, and how many pages there are."""
    pages = max(1, -(-len(items) // size))
    place = min(max(page, 1), pages)
    return items[(place - 1) * size : place * size], pages


def matches(wanted: str, code: str, name: Label) -> bool:
    """Whether an organ's code or name has all words looked for."""
    text = f"{code} {name.zh} {name.en}".casefold()
    return all(word in text for word in wanted.casefold().split())


def totals(rows: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """The sum of organs' figures."""
    sums: dict[str, int] = {}
    for numbers in rows.values():
        for name, number in numbers.items():
            sums[name] = sums.get(name, 0) + number
    return sums
