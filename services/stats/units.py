"""An organ's year by its units, from the counters: what each was given, did, gave back, was late with, and its cards.

A number is opened by the changes that it is the sum of, now or as of an instant, so that it always adds up.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from services.events.vocabulary import Label
from services.runtime.database import Conn
from services.stats.cells import Cell, Number, plain, value
from services.stats.kinds import column
from services.stats.score import Points
from services.stats.store import SCHEMA

UNIT_KINDS = ("unit-received", "unit-ended", "unit-late", "card")
KINDS = (*UNIT_KINDS, "duty")
READ_SECONDS = 10.0
MEASURES: Mapping[str, Label] = {
    "received": Label("收到", "Received"),
    "completed": Label("办毕", "Done"),
    "returned": Label("退回", "Returned"),
    "days_average": Label("平均用时（工作日）", "Average working days"),
    "days_longest": Label("最长用时（工作日）", "Longest working days"),
    "days_total": Label("用时合计（工作日）", "Working days in all"),
    "late": Label("逾期环节", "Late steps"),
    "yellow": Label("黄牌", "Yellow cards"),
    "red": Label("红牌", "Red cards"),
}
"""What a unit's year says, in the order in which it is printed."""
OPENED: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "received": ("unit-received", {}),
    "completed": ("unit-ended", {"how": "completed"}),
    "returned": ("unit-ended", {"how": "returned"}),
    "late": ("unit-late", {}),
    "yellow": ("card", {"card": "yellow"}),
    "red": ("card", {"card": "red"}),
}
"""The numbers that can be opened: which cells they are the sum of."""


class UnitYear(Struct, frozen=True, kw_only=True):
    """A unit's year; ``unit`` is empty for the office itself."""

    unit: str
    name: Label
    received: int = 0
    """Steps that it was given in the year."""
    completed: int = 0
    returned: int = 0
    days_average: float | None = None
    """Working days from the assignment to its completion, of those completed in the year; None where none was."""
    days_longest: int | None = None
    days_total: int = 0
    """Working days for which it had the steps that it gave up in the year, however it did."""
    late: int = 0
    """Steps whose last day passed in the year while it had them."""
    yellow: int = 0
    red: int = 0
    score: Number | UnsetType = UNSET
    """By the file of points, where one is configured."""


class DutyYear(Struct, frozen=True, kw_only=True):
    """The organ's duties of one kind whose last day lies in the year."""

    kind: str
    in_time: int = 0
    late: int = 0
    open: int = 0


class Year(Struct, frozen=True, kw_only=True):
    """An organ's year by its units."""

    organ: str
    name: Label
    year: int
    as_of: str
    units: tuple[UnitYear, ...]
    duties: tuple[DutyYear, ...]


class Behind(Struct, frozen=True, kw_only=True):
    """The requests that a unit's number counts, each with how often."""

    organ: str
    year: int
    as_of: str
    unit: str
    measure: str
    number: int
    requests: list["Counted"]
    next: str | None = None


class Counted(Struct, frozen=True):
    request: str
    count: int
    explanation: str
    """Where the tracker explains its dates."""


async def cells(conn: Conn, organ: str, year: int, before: datetime | None) -> dict[Cell, Number]:
    """The counters of the work inside an organ's office, now or as they were known before an instant."""
    names = ", ".join(Cell._fields)
    if before is None:
        sql = f"SELECT {names}, count FROM {SCHEMA}.cell WHERE organ = $1 AND year = $2 AND kind = ANY($3::text[])"
        rows = await conn.fetch(f"{sql} AND count <> 0", organ, year, list(KINDS), timeout=READ_SECONDS)
    else:
        rows = await conn.fetch(
            f"SELECT {names}, sum(delta) FROM {SCHEMA}.cell_change WHERE organ = $1 AND year = $2 "
            f"AND kind = ANY($3::text[]) AND recorded_at < $4 GROUP BY {names} HAVING sum(delta) <> 0",
            *(organ, year, list(KINDS), before),
            timeout=READ_SECONDS,
        )
    return {Cell(*row[:7]): plain(row[7]) for row in rows}


def units_of(cells: Mapping[Cell, Number], known: Iterable[str], names: Any, points: Points | None) -> list[UnitYear]:
    """The year of each unit, those registered (``known``) and those that the counters name; ``names`` gives a name."""
    sums: dict[str, dict[str, Any]] = {unit: {} for unit in known}
    for cell, number in cells.items():
        if cell.kind not in UNIT_KINDS:
            continue
        own, count = sums.setdefault(value(cell, "unit"), {}), int(number)
        match cell.kind:
            case "unit-received":
                _add(own, "received", count)
            case "unit-late":
                _add(own, "late", count)
            case "card":
                _add(own, value(cell, "card"), count)
            case _:
                _ended(own, value(cell, "how"), value(cell, "days"), count)
    return [_year(unit, names(unit), own, points) for unit, own in sorted(sums.items())]


def _add(own: dict[str, Any], name: str, count: int) -> None:
    own[name] = own.get(name, 0) + count


def _ended(own: dict[str, Any], how: str, days: str, count: int) -> None:
    if how in ("completed", "returned"):
        _add(own, how, count)
    if not days:
        return
    _add(own, "days_total", int(days) * count)
    if how == "completed":
        _add(own, "days_completed", int(days) * count)
        _add(own, "counted", count)
        own["days_longest"] = max(own.get("days_longest", 0), int(days))


def _year(unit: str, name: Label, own: dict[str, Any], points: Points | None) -> UnitYear:
    counted = own.pop("counted", 0)
    days = own.pop("days_completed", 0)
    average = round(days / counted, 2) if counted else None
    made = UnitYear(unit=unit, name=name, days_average=average, **own)
    if points is None:
        return made
    return UnitYear(unit=unit, name=name, days_average=average, score=points.of(made), **own)


def duties_of(cells: Mapping[Cell, Number]) -> list[DutyYear]:
    """The duties of the year by their kind."""
    sums: dict[str, dict[str, int]] = {}
    for cell, number in cells.items():
        if cell.kind == "duty":
            _add(sums.setdefault(value(cell, "duty"), {}), value(cell, "how").replace("-", "_"), int(number))
    return [DutyYear(kind=kind, **own) for kind, own in sorted(sums.items())]


async def behind(
    conn: Conn, organ: str, year: int, unit: str, measure: str, before: datetime | None, after: str, limit: int
) -> tuple[int, list[tuple[str, int]]]:
    """What a unit's number counts: the number, and a page of requests behind ``after``, each with how often."""
    kind, narrowed = OPENED[measure]
    conditions = [f"kind = $3 AND {column(kind, 'unit')} = $4 AND ($5::timestamptz IS NULL OR recorded_at < $5)"]
    values: list[Any] = [organ, year, kind, unit, before]
    for name, wanted in narrowed.items():
        values.append(wanted)
        conditions.append(f"{column(kind, name)} = ${len(values)}")
    where = f"organ = $1 AND year = $2 AND {' AND '.join(conditions)}"
    whole = await conn.fetchval(
        f"SELECT coalesce(sum(delta), 0)::bigint FROM {SCHEMA}.cell_change WHERE {where}", *values, timeout=READ_SECONDS
    )
    rows = await conn.fetch(
        f"SELECT subject, sum(delta)::bigint AS count FROM {SCHEMA}.cell_change WHERE {where} "
        f"AND subject > ${len(values) + 1} GROUP BY subject HAVING sum(delta) <> 0 ORDER BY subject "
        f"LIMIT ${len(values) + 2}",
        *(*values, after, limit),
        timeout=READ_SECONDS,
    )
    return whole, [(row["subject"], row["count"]) for row in rows]


def printed(year: Year) -> tuple[list[Label], list[list[Any]]]:
    """The units' table as cells: the heads, and a line for each unit."""
    scored = any(unit.score is not UNSET for unit in year.units)
    heads = [Label("单位", "Unit"), *MEASURES.values(), *([Label("得分", "Score")] if scored else [])]
    lines: list[list[Any]] = []
    for unit in year.units:
        line: list[Any] = [unit.name, *(getattr(unit, name) for name in MEASURES)]
        lines.append([*line, unit.score] if scored else line)
    return heads, lines


def total(units: Collection[UnitYear], measure: str) -> int:
    """A number of all units together; no average."""
    return sum(getattr(unit, measure) or 0 for unit in units)
