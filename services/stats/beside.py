"""What stands beside the form's tables: how much was in time, levels of earlier years, what is under another law. Pure.

None of it is part of the form or of a publication; all of it is printed as tables behind the form's own.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from decimal import Decimal

from msgspec import UNSET, Struct, UnsetType

from services.events.vocabulary import Label
from services.stats.cells import Cell, Law, Number, levels, plain, value
from services.stats.forms.shape import Column, Counts, Form, FormRow, FormTable

_COUNT = Column("count", Label("数量", "Number"))
_HEAD = Label("项目", "Item")
_ANY = Counts(kind="closed")
Table = tuple[FormTable, dict[str, dict[str, Number]]]


class Timely(Struct, frozen=True):
    """How much was in time, of what: the share and its base."""

    in_time: int
    """Answered in the year, within the limit."""
    late: int
    """Answered in the year, after it."""
    overdue: int
    """Past the limit and not ended when the year ended, or now where the year goes on."""
    base: int
    """The three together. What ended without an answer, a withdrawal say, is not in it."""
    share: float
    """``in_time`` of ``base``."""


class CarriedLevel(Struct, frozen=True):
    """A number of the form that is, or contains, a level of an earlier year because it was not entered again."""

    table: str
    row: str
    column: str
    number: Number
    """How much of it."""
    organs: int
    """Of how many organs."""
    since: date
    """The day for which the oldest of them was reported."""


def timely(cells: Iterable[tuple[Cell, Number]]) -> Timely | UnsetType:
    """From the cells of one year; ``UNSET`` where nothing is measured against a limit."""
    counts = {"in-time": 0, "late": 0, "overdue": 0}
    for cell, number in cells:
        if cell.kind == "overdue":
            counts["overdue"] += int(number)
        elif cell.kind == "closed" and (how := value(cell, "timeliness")):
            counts[how] += int(number)
    base = sum(counts.values())
    if not base:
        return UNSET
    return Timely(counts["in-time"], counts["late"], counts["overdue"], base, counts["in-time"] / base)


def carried_levels(
    form: Form, cells: Mapping[Cell, Number], organs: Collection[str], year: int
) -> tuple[CarriedLevel, ...]:
    """The form's numbers that rest on levels of earlier years."""
    old = [(cell, number) for cell, number in levels(cells, organs, year).items() if cell.year < year]
    carried = []
    for table in form.tables if old else ():
        for row in table.rows:
            for column in table.columns_of(row):
                counts = row.counting(column)
                if counts is None or counts.kind != "tally":
                    continue
                felt = [(c, n) for c, n in old if value(c, "measure") in (counts.measure or ())]
                if felt:
                    since = min(date.fromisoformat(value(cell, "day")) for cell, _ in felt)
                    number = plain(sum(n for _, n in felt))
                    carried.append(CarriedLevel(table.id, row.id, column.id, number, len(felt), since))
    return tuple(carried)


def other_laws(cells: Mapping[Cell, Number], organs: Collection[str], year: int, law: Law) -> dict[str, int]:
    """How many requests of the year are under statutes that the form does not count, by version."""
    by_law: dict[str, int] = {}
    for cell, number in sorted(cells.items()):
        if cell.kind == "received" and cell.year == year and cell.organ in organs and not law.counts(cell):
            by_law[cell.statute] = by_law.get(cell.statute, 0) + int(number)
    return by_law


def as_tables(
    form: Form,
    in_time: Timely | UnsetType,
    carried: tuple[CarriedLevel, ...] | UnsetType,
    others: dict[str, int] | UnsetType,
) -> list[Table]:
    """What there is of it, as tables like those of the form with their numbers."""
    tables = []
    if not isinstance(in_time, UnsetType):
        percent = plain(Decimal(str(in_time.share * 100)).quantize(Decimal("0.1")))
        rows: list[tuple[str, Label, Number]] = [
            ("in-time", Label("按期答复", "Answered in time"), in_time.in_time),
            ("late", Label("逾期答复", "Answered late"), in_time.late),
            ("overdue", Label("逾期尚未办结", "Overdue and not ended"), in_time.overdue),
            ("base", Label("合计（比率的基数）", "Together: the base of the share"), in_time.base),
            ("share", Label("按期率（%，占合计）", "Share in time (% of the base)"), percent),
        ]
        tables.append(_table("timeliness", Label("按期情况", "In time"), rows))
    if not isinstance(carried, UnsetType):
        rows = [(f"{c.table}.{c.row}.{c.column}", _named(form, c), c.number) for c in carried]
        tables.append(_table("carried-levels", Label("沿用以前年度的现行有效数", "Levels carried over"), rows))
    if not isinstance(others, UnsetType):
        rows = [(law, Label(f"本年收到，适用 {law}", f"received under {law}"), n) for law, n in others.items()]
        tables.append(
            _table("other-laws", Label("适用其他法律、不计入本表的", "Under other laws, not counted here"), rows)
        )
    return tables


def _table(table_id: str, title: Label, rows: list[tuple[str, Label, Number]]) -> Table:
    made = tuple(FormRow(row_id, label, counts=_ANY) for row_id, label, _ in rows)
    return FormTable(table_id, title, _HEAD, (_COUNT,), made), {row_id: {"count": n} for row_id, _, n in rows}


def _named(form: Form, carried: CarriedLevel) -> Label:
    table = form.table(carried.table)
    assert table is not None
    row = next(r for r in table.rows if r.id == carried.row).label
    column = next(c for c in table.columns if c.id == carried.column).label
    return Label(
        f"{row.zh}：{column.zh}（{carried.organs} 个机关本年未填，沿用以前的数，最早 {carried.since}）",
        f"{row.en}: {column.en} (not entered this year by {carried.organs} organs; oldest of {carried.since})",
    )
