"""Where everything stands in a printed table: cells on a grid, merged as the official form merges them. Pure.

The page, the spreadsheet and the document all print these same cells.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from services.events.vocabulary import Label
from services.stats.beside import as_tables
from services.stats.cells import Number
from services.stats.forms.form import Column, Form, FormRow, FormTable
from services.stats.report import Report
from services.stats.response_times import as_table

Role = Literal["head", "group", "label", "unit", "number", "empty"]
UNIT = Label("单位", "Unit")
EMPTY = Label("—", "—")


class Spot(NamedTuple):
    """One printed cell: its place (from 0), how far it reaches, and what stands in it."""

    row: int
    column: int
    rows: int
    columns: int
    role: Role
    text: Label | None = None
    number: Number | None = None
    names: tuple[str, str] | None = None
    """Of a number: the form's row and column."""
    level: int = 0
    unconfirmed: bool = False


class Grid(NamedTuple):
    """A table's cells, row by row, the first ``head`` rows being its heading."""

    spots: tuple[Spot, ...]
    rows: int
    columns: int
    head: int
    labels: int
    """How many columns hold labels and units; the numbers come behind them."""

    def lines(self) -> list[list[Spot]]:
        """The cells that begin in each row, from left to right."""
        by_row: list[list[Spot]] = [[] for _ in range(self.rows)]
        for spot in sorted(self.spots, key=lambda s: (s.row, s.column)):
            by_row[spot.row].append(spot)
        return by_row


Numbers = Mapping[str, Mapping[str, Number]]
"""By row and column."""


def printed(report: Report, form: Form) -> list[tuple[FormTable, Numbers]]:
    """The form's tables with a report's numbers, and behind them what there is beside the form."""
    numbers = report.numbers()
    tables: list[tuple[FormTable, Numbers]] = [
        (table, {row.id: numbers[table.id, row.id] for row in table.rows}) for table in form.tables
    ]
    tables += as_tables(form, report.in_time, report.carried_levels, report.other_laws)
    days = as_table(report.days_taken)
    return [*tables, days] if days else tables


def grid(table: FormTable, numbers: Numbers) -> Grid:
    """The table's cells with a report's numbers in them."""
    match table.layout:
        case "rows":
            return _rows(table, numbers)
        case "line":
            return _line(table, numbers)
        case "blocks":
            return _blocks(table, numbers)


def _number(row: FormRow, column: Column, numbers: Numbers, at: tuple[int, int], reach: int = 1) -> Spot:
    value = numbers[row.id].get(column.id)
    if value is None:
        return Spot(*at, 1, reach, "empty", EMPTY)
    return Spot(*at, 1, reach, "number", None, value, (row.id, column.id))


def _headings(columns: Sequence[Column], left: int, depth: int) -> list[Spot]:
    """The columns' headings over ``depth`` rows, each group over those that share it."""
    spots: list[Spot] = []
    for place in range(depth):
        done = 0
        while done < len(columns):
            column = columns[done]
            if place < len(column.groups):
                end = done
                while end < len(columns) and columns[end].groups[: place + 1] == column.groups[: place + 1]:
                    end += 1
                spots.append(Spot(place, left + done, 1, end - done, "head", column.groups[place]))
                done = end
            else:
                if place == len(column.groups):
                    spots.append(Spot(place, left + done, depth - place, 1, "head", column.label))
                done += 1
    return spots


def _rows(table: FormTable, numbers: Numbers) -> Grid:
    deep = max(len(row.groups) for row in table.rows) + 1
    head = max(len(column.groups) for column in table.columns) + 1
    units = any(row.unit for row in table.rows)
    labels = deep + units
    spots = [Spot(0, 0, head, deep, "head", table.note or table.head)]
    if units:
        spots.append(Spot(0, deep, head, 1, "head", UNIT))
    spots += _headings(table.columns, labels, head)
    for n, row in enumerate(table.rows):
        at = head + n
        for place, group in enumerate(row.groups):
            here = row.groups[: place + 1]
            if n and table.rows[n - 1].groups[: place + 1] == here:
                continue
            end = n
            while end < len(table.rows) and table.rows[end].groups[: place + 1] == here:
                end += 1
            spots.append(Spot(at, place, end - n, 1, "group", group))
        first = len(row.groups)
        # With groups of its own beside it, the label's depth shows by where it stands.
        level = 0 if deep > 1 else row.level
        reach = deep - first
        spots.append(Spot(at, first, 1, reach, "label", row.label, level=level, unconfirmed=row.unconfirmed))
        if units:
            spots.append(Spot(at, deep, 1, 1, "unit", row.unit))
        spots += [_number(row, c, numbers, (at, labels + i)) for i, c in enumerate(table.columns)]
    return Grid(tuple(spots), head + len(table.rows), labels + len(table.columns), head, labels)


def _line(table: FormTable, numbers: Numbers) -> Grid:
    deep = max(len(row.groups) for row in table.rows) + 1
    spots: list[Spot] = []
    wide = len(table.columns)
    for n, row in enumerate(table.rows):
        for place, group in enumerate(row.groups):
            if not n or table.rows[n - 1].groups[: place + 1] != row.groups[: place + 1]:
                same = sum(r.groups[: place + 1] == row.groups[: place + 1] for r in table.rows[n:])
                spots.append(Spot(place, n * wide, 1, same * wide, "head", group))
        first = len(row.groups)
        spots.append(Spot(first, n * wide, deep - first, wide, "head", row.label))
        for i, column in enumerate(table.columns):
            spots.append(Spot(deep, n * wide + i, 1, 1, "head", column.label))
            spots.append(_number(row, column, numbers, (deep + 1, n * wide + i)))
    return Grid(tuple(spots), deep + 2, wide * len(table.rows), deep + 1, 0)


def _blocks(table: FormTable, numbers: Numbers) -> Grid:
    wide = max(len(table.columns_of(row)) for row in table.rows)
    spots: list[Spot] = []
    at = 0
    for n, row in enumerate(table.rows):
        columns = table.columns_of(row)
        # The last column reaches to the table's right edge.
        reach = [1] * (len(columns) - 1) + [wide - len(columns) + 1]
        if not n or table.rows[n - 1].groups != row.groups:
            for group in row.groups:
                spots.append(Spot(at, 0, 1, 1 + wide, "head", group))
                at += 1
            spots.append(Spot(at, 0, 1, 1, "head", table.head))
            spots += [Spot(at, 1 + i, 1, reach[i], "head", c.label) for i, c in enumerate(columns)]
            at += 1
        spots.append(Spot(at, 0, 1, 1, "label", row.label, unconfirmed=row.unconfirmed))
        spots += [_number(row, c, numbers, (at, 1 + i), reach[i]) for i, c in enumerate(columns)]
        at += 1
    return Grid(tuple(spots), at, 1 + wide, 0, 1)
