"""Two schemas compared, row by row, without holding either in memory."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from services.runtime.database import Conn

SHOWN = 20
"""Differences of one kind that are kept to be shown; all are counted."""
PREFETCH = 2000

Explain = Callable[[str, Any, Any], str | None]
"""How a column's two values differ (found, expected), in words; None if they are the same in effect."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it should be."""

    kind: str
    """What it is about: a table, a topic, ..."""
    where: str
    problem: str

    def __str__(self) -> str:
        return f"{self.kind} {self.where}: {self.problem}"


@dataclass
class TableDiff:
    """All differences: everything counted, the first of each kind kept."""

    counts: Counter[str] = field(default_factory=Counter)
    shown: list[Difference] = field(default_factory=list)

    def add(self, kind: str, where: str, problem: str) -> None:
        self.counts[kind] += 1
        if self.counts[kind] <= SHOWN:
            self.shown.append(Difference(kind, where, problem))

    def take(self, other: "TableDiff") -> None:
        """Add what another has."""
        for each in other.shown:
            if sum(known.kind == each.kind for known in self.shown) < SHOWN:
                self.shown.append(each)
        self.counts.update(other.counts)

    @property
    def total(self) -> int:
        return self.counts.total()


Where = Callable[[Any, Any], Awaitable[TableDiff]]
"""Among what a row that differs is counted, by its values as found and as expected, by the columns' names."""


class Share(NamedTuple):
    """One of so many parts of a table's rows, by their names: several processes compare one each."""

    number: int
    of: int


WHOLE = Share(0, 1)
_HASHES = (1 << 30) - 1


@dataclass(frozen=True)
class Table:
    """A table to be compared."""

    name: str
    key: Sequence[str]
    """Columns that name a row; text or whole numbers."""
    columns: Mapping[str, str]
    """What is compared: a name, and the SQL expression for it."""
    source: str = ""
    """What stands behind FROM, with ``{schema}``, where it is not just the table."""
    texts: frozenset[str] = frozenset()
    """Key columns that are text: put into one order for both, whatever the database's own is."""

    def query(self, schema: str, condition: str = "", share: Share = WHOLE) -> str:
        source = (self.source or f"{{schema}}.{self.name} t").format(schema=schema)
        order = ", ".join(f'{c} COLLATE "C"' if c in self.texts else c for c in self.key)
        digest = f"md5(ROW({', '.join(self.columns.values())})::text)"
        conditions = [condition] if condition else []
        if share != WHOLE:
            conditions.append(f"(hashtextextended({self.key[0]}::text, 0) & {_HASHES}) % {share.of} = {share.number}")
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        return f"SELECT {', '.join(self.key)}, {digest} FROM {source} {where} ORDER BY {order}"

    def row(self, schema: str) -> str:
        source = (self.source or f"{{schema}}.{self.name} t").format(schema=schema)
        wanted = " AND ".join(f"{c} = ${n}" for n, c in enumerate(self.key, 1))
        columns = ", ".join(f'{expression} AS "{name}"' for name, expression in self.columns.items())
        return f"SELECT {columns} FROM {source} WHERE {wanted}"


async def compare(
    table: Table,
    found: tuple[Conn, str],
    expected: tuple[Conn, str],
    differences: TableDiff,
    *,
    condition: str = "",
    leave_out: Callable[[tuple[Any, ...]], bool] = lambda key: False,
    explain: Explain = lambda name, is_, should: f"{name} is {is_!r}, expected {should!r}",
    advance: Callable[[int], None] = lambda count: None,
    where: Where | None = None,
    share: Share = WHOLE,
) -> int:
    """Note how ``table`` in ``found`` (connection and schema) differs from ``expected``; how many rows it should have.

    Call it with both connections in transactions of their own. ``condition`` narrows the rows found; ``where`` says
    among what a row that is on both sides is counted, if not among ``differences``; ``share`` is which of the rows.
    """
    size = len(table.key)
    ours = _rows(found[0], table.query(found[1], condition, share), size)
    theirs = _rows(expected[0], table.query(expected[1], share=share), size)
    is_, should, rows = await anext(ours, None), await anext(theirs, None), 0
    while is_ is not None or should is not None:
        if should is None or (is_ is not None and is_[0] < should[0]):
            assert is_ is not None
            if not leave_out(is_[0]):
                differences.add(table.name, _named(is_[0]), "is there, and should not be")
            is_ = await anext(ours, None)
            continue
        rows += 1
        if rows % PREFETCH == 0:
            advance(PREFETCH)
        if is_ is None or should[0] < is_[0]:
            if not leave_out(should[0]):
                differences.add(table.name, _named(should[0]), "is missing")
        else:
            if is_[1] != should[1] and not leave_out(is_[0]):
                await _note(table, is_[0], found, expected, differences, explain, where)
            is_ = await anext(ours, None)
        should = await anext(theirs, None)
    return rows


async def _rows(conn: Conn, query: str, size: int) -> AsyncIterator[tuple[tuple[Any, ...], str]]:
    async for row in conn.cursor(query, prefetch=PREFETCH):
        values = tuple(row)
        yield values[:size], values[size]


async def _note(
    table: Table,
    key: tuple[Any, ...],
    found: tuple[Conn, str],
    expected: tuple[Conn, str],
    differences: TableDiff,
    explain: Explain,
    where: Where | None,
) -> None:
    is_ = await found[0].fetchrow(table.row(found[1]), *key)
    should = await expected[0].fetchrow(table.row(expected[1]), *key)
    assert is_ is not None and should is not None
    texts = [
        text for name in table.columns if is_[name] != should[name] and (text := explain(name, is_[name], should[name]))
    ]
    if texts:
        among = await where(is_, should) if where is not None else differences
        among.add(table.name, _named(key), "; ".join(texts))


def _named(key: tuple[Any, ...]) -> str:
    return " ".join(str(part) for part in key)
