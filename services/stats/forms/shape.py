"""What a form of annual report is made of: tables, rows and columns, which counts feed each, and what must add up.

A row says what it ``counts``: a kind of cell and, for each
dimension that matters, the values taken (or, under ``except``, left out). A column may narrow that further, and a row
whose columns count different things says so column by column, under ``cells``.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct
from msgspec.structs import force_setattr, replace

from services.events.vocabulary import Label
from services.statute.versions import versions

DEFAULT_STATUTE = "CN"

CountedKind = Literal[
    "received",
    "closed",
    "pace",
    "carried-in",
    "carried-out",
    "overdue",
    "committed",
    "item-received",
    "item-closed",
    "review",
    "review-each-year",
    "tally",
]
"""The kinds of cells that a row may count: those of :data:`services.stats.kinds.ASKED_KINDS`."""
Values = tuple[str, ...]


class Filter(Struct, frozen=True, forbid_unknown_fields=True):
    """Values of a cell's dimensions, each by its name in :mod:`services.stats.kinds`; None: any."""

    channel: Values | None = None
    applicant: Values | None = None
    outcome: Values | None = None
    timeliness: Values | None = None
    pace: Values | None = None
    review: Values | None = None
    result: Values | None = None
    disputed: Values | None = None
    measure: Values | None = None
    item: Values | None = None


class Counts(Filter, frozen=True, forbid_unknown_fields=True, rename={"except_": "except"}):
    """Which cells a row is the sum of."""

    kind: CountedKind = "received"
    except_: Filter = Filter()


class Column(Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    label: Label
    where: Filter = Filter()
    groups: tuple[Label, ...] = ()
    """The headings that it stands under, the widest first."""


class FormRow(Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    label: Label
    counts: Counts | None = None
    """None where ``cells`` says it column by column."""
    cells: dict[str, Counts] = {}
    groups: tuple[Label, ...] = ()
    """The headings that it stands under, the widest first."""
    level: Annotated[int, Meta(ge=0, le=4)] = 0
    """How deep the row stands under those above it."""
    unit: Label | None = None
    unconfirmed: bool = False
    """The printed form was not seen for this row: its wording and what it counts are from memory."""

    def counting(self, column: Column) -> Counts | None:
        """What its number in ``column`` counts; None where it has none there."""
        counts = self.cells.get(column.id) if self.cells else self.counts
        if counts is not None and column.where.item is not None and counts.kind in _BY_ITEM:
            return replace(counts, kind=_BY_ITEM[counts.kind])
        return counts


_BY_ITEM: dict[CountedKind, CountedKind] = {"received": "item-received", "closed": "item-closed"}
"""The cells that are counted by item, for the column of one item."""


class FormTable(Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    title: Label
    head: Label
    """The heading of the column of labels."""
    columns: Annotated[tuple[Column, ...], Meta(min_length=1)]
    rows: Annotated[tuple[FormRow, ...], Meta(min_length=1)]
    layout: Literal["rows", "line", "blocks"] = "rows"
    """How it is printed: its rows one under the other; side by side in one line; or in blocks by their first heading,
    each with the columns that its rows have."""
    note: Label | None = None
    """What is printed in the corner."""
    columns_from: Literal["items"] | None = None
    """Before those in the file a column for each of these that the organ has."""

    def columns_of(self, row: FormRow) -> tuple[Column, ...]:
        """The columns in which ``row`` has a number."""
        return tuple(c for c in self.columns if row.counting(c) is not None)


class Rule(Struct, frozen=True, forbid_unknown_fields=True):
    """In each column, the rows on the left together stand in ``relation`` to those on the right together.

    ``over = "columns"``: in each row, the columns. A term may have ``-`` before it, and ``previous:`` for the same form
    a year earlier; a rule with such a term is left out where nothing is known of that year.

    ``whole``: the numbers on the left are whole; there is no right side. ``given-with``: the levels on the left were
    given (0 is given, too) where the sum on the right is more than 0. ``told``: no review that the numbers on the left
    count was decided in the report's year and filed in an earlier one, which leaves its result in no year's table
    (:attr:`Form.reviews`); there is no right side. ``placed``: each request that the rows on the left count some of is
    counted by one of them; there is no right side, and it is about rows only.
    """

    rule: str
    label: Label
    table: str
    left: Annotated[tuple[str, ...], Meta(min_length=1)]
    relation: Literal["=", "<=", "whole", "given-with", "told", "placed"]
    right: tuple[str, ...] = ()
    over: Literal["rows", "columns"] = "rows"
    only: tuple[str, ...] = ()
    """The columns (or, over columns, the rows) that it is about; none: all."""
    severity: Literal["error", "warning"] = "error"

    @property
    def looks_back(self) -> bool:
        return any(Term.read(t).previous for t in (*self.left, *self.right))


class Term(Struct, frozen=True):
    """One side's summand, as a rule names it."""

    id: str
    minus: bool = False
    previous: bool = False

    @classmethod
    def read(cls, text: str) -> "Term":
        minus = text.startswith("-")
        rest = text.removeprefix("-")
        return cls(rest.removeprefix("previous:"), minus, rest.startswith("previous:"))


class Years(Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    from_: int
    through: int | None = None


class Form(Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    title: Label
    source: str
    years: Years
    """The report years that the form was made for."""
    tables: Annotated[tuple[FormTable, ...], Meta(min_length=1)]
    statute: str = DEFAULT_STATUTE
    """The law under which the form is filed: it counts requests and reviews under its versions, and no others."""
    reviews: Literal["filing", "filing-and-decision"] = "filing"
    """Where a review counts that is decided in a year after that of its filing: in the year of the filing alone, as
    pending; or once more in the year of the decision, under its result. No official text says which."""
    checks: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        if self.reviews == "filing-and-decision":
            force_setattr(self, "tables", tuple(_each_year(table) for table in self.tables))

    @property
    def statutes(self) -> frozenset[str]:
        """Its statute, with the versions. Raises :class:`~services.statute.errors.UnknownStatute`."""
        return frozenset({self.statute, *(version.id for version in versions(self.statute))})

    def table(self, table_id: str) -> FormTable | None:
        return next((t for t in self.tables if t.id == table_id), None)


def _each_year(table: FormTable) -> FormTable:
    """The table with its reviews counted in the year of a later decision as well."""

    def once_more(counts: Counts) -> Counts:
        return replace(counts, kind="review-each-year") if counts.kind == "review" else counts

    rows = (
        replace(
            row,
            counts=row.counts and once_more(row.counts),
            cells={column: once_more(counts) for column, counts in row.cells.items()},
        )
        for row in table.rows
    )
    return replace(table, rows=tuple(rows))
