"""What can be said of cells that count the same thing: their dimensions, their year, the rows behind them. Pure.

The kinds that there are: :data:`services.stats.kinds.KINDS`.
"""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Dimension:
    """One thing by which the cells of a kind are distinguished."""

    name: str
    values: tuple[str, ...] = ()
    """The values that a form may ask for; none: a form can't ask for this dimension."""
    sql: str = ""
    """The value of a row behind the number, over the table of :class:`Rows` (``$2`` is the year)."""
    says: str = ""
    """What its values are, where the name alone doesn't say it."""
    open: bool = False
    """Whether any value may be asked for: they are not the contract's but an organ's own."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows that a number of the kind counts, one by one."""

    table: Literal["request", "review", "tally"]
    day: str
    """The column with the day by which they are listed."""
    where: str
    """Which rows count in year ``$2``."""
    fits: str = "true"
    """Which of those belong to the number, where no index in the order of the days decides it: the others are read
    and left out."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Cells that count the same thing."""

    name: str
    year: str
    """Which year they stand in."""
    dimensions: tuple[Dimension, ...]
    """In the order of the places."""
    counts: str
    """What their number is a number of."""
    rows: Rows | None = None
    """Where what they count is listed; a form counts only kinds that have this."""
    of: dict[str, int] = field(default_factory=dict)
    """The kinds of counters that it is the sum of, each with its sign; none: of those of its own kind."""
    years: Literal["same", "through", "before"] = "same"
    """The years of those counters: the report's, all through it, or all before it."""
    latest_of: tuple[str, ...] = ()
    """Kinds of counters of which the latest up to the year's end stand among them."""
    has_law: bool = True
    """Whether what it counts is under a statute, which each of its cells names."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(d.name for d in self.dimensions)

    @property
    def signs(self) -> dict[str, int]:
        """The kinds of counters that are summed, each with its sign."""
        return self.of or {self.name: 1}

    @property
    def asked(self) -> tuple[Dimension, ...]:
        """The dimensions whose values a form may ask for."""
        return tuple(d for d in self.dimensions if d.values or d.open)

    def feels(self, kind: str, counted: int, year: int) -> bool:
        """Whether counters of ``kind`` in the year ``counted`` are part of it in the report of ``year``."""
        if kind in self.latest_of:
            return counted <= year
        return kind in self.signs and self.covers(counted, year)

    def covers(self, counted: int, year: int) -> bool:
        """Whether the counters of the year ``counted`` that it sums belong to the report of ``year``."""
        return {"same": counted == year, "through": counted <= year, "before": counted < year}[self.years]
