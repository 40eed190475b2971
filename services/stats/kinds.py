"""What a cell counts: one table of kinds, each with its named dimensions. Pure.

A cell is stored in places ``a``, ``b`` and ``c``; which dimension stands in which follows from the order here, and
nowhere else is it written down. What follows from this table: making a cell and reading one by name
(:mod:`services.stats.cells`), what a form may ask for, the SQL that finds the rows behind a number and the counters of
a dimension, and the tables in ``docs/reports.md``. Not so the audit's recount (``snapshot.py``): it has to find what
is wrong here, so it says in its own words what a cell is.

A kind's places are part of what is stored: a dimension may be added behind the others, never moved.
"""

from dataclasses import dataclass, field
from typing import Literal, get_args

from services.events.vocabulary import APPLICANTS, CHANNELS, MEASURES, OUTCOMES, ReviewKind, ReviewResult

PENDING = "pending"
FIRST_HANDLING = "first-handling-disputed"
PACES = tuple(f"{t}{e}" for t in ("in-time", "late", "unlimited") for e in ("", "-extended"))
"""``unlimited``: an end that no limit is measured against, a withdrawal say."""
COUNTED_STATES = ("open", "stopped", "answered", "closed")
ENDED_STATES = ("answered", "closed")
PLACES = ("a", "b", "c")
"""The columns that hold a cell's dimensions."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """One thing by which the cells of a kind are distinguished."""

    name: str
    values: tuple[str, ...] = ()
    """The values that a form may ask for; none: a form can't ask for this dimension."""
    sql: str = ""
    """The value of a row behind the number, over the table of :class:`Rows` (``$2`` is the year)."""
    says: str = ""
    """What its values are, where the name alone doesn't tell."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows that a number of the kind counts, one by one."""

    table: Literal["request", "review", "tally"]
    day: str
    """The column with the day by which they are listed."""
    where: str
    """Which rows count in year ``$2``."""


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
    """Kinds of counters of which the latest in the year stand among them."""

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
        return tuple(d for d in self.dimensions if d.values)

    def covers(self, counted: int, year: int) -> bool:
        """Whether the counters of the year ``counted`` belong to the report of ``year``."""
        return {"same": counted == year, "through": counted <= year, "before": counted < year}[self.years]


def pace(timeliness: str, extended: bool) -> str:
    """One of :data:`PACES`: how a request ended by the clock, and whether its limit had been extended."""
    return f"{timeliness or 'unlimited'}{'-extended' if extended else ''}"


_COUNTED, _ENDED = (f"state IN ({', '.join(repr(s) for s in states)})" for states in (COUNTED_STATES, ENDED_STATES))
_IN_YEAR = "BETWEEN make_date($2, 1, 1) AND make_date($2, 12, 31)"
_PENDING = (
    f"{_COUNTED} AND received_on < make_date({{0}}, 1, 1) AND NOT ({_ENDED} AND closed_on < make_date({{0}}, 1, 1))"
)
_RECEIVED = Rows("request", "received_on", f"received_on {_IN_YEAR} AND {_COUNTED}")
_CLOSED = Rows("request", "closed_on", f"closed_on {_IN_YEAR} AND {_ENDED} AND received_on IS NOT NULL")

_APPLICANT = Dimension("applicant", APPLICANTS, "applicant")
_MEASURE = Dimension("measure", MEASURES, "measure")
_DAYS = Dimension("days", says="used, in the limit's unit; empty: not known")
_PACE = Dimension(
    "pace",
    PACES,
    "coalesce(timeliness, 'unlimited') || CASE WHEN extended THEN '-extended' ELSE '' END",
    "`in-time`, `late` or `unlimited`, each also with `-extended`",
)
_LEVEL = (_MEASURE, Dimension("day", says="`YYYY-MM-DD`"), Dimension("tally", says="source and id of the fact"))
_CARRY = {"carried": 1, "carried-ended": -1}

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "received",
            "of the receipt",
            (Dimension("channel", CHANNELS, "channel"), _APPLICANT, Dimension("month", says="of the receipt, `01`...")),
            "requests received",
            _RECEIVED,
        ),
        Kind(
            "closed",
            "of the end",
            (
                Dimension("outcome", OUTCOMES, "coalesce(outcome, 'other')"),
                _APPLICANT,
                Dimension(
                    "timeliness",
                    ("in-time", "late", ""),
                    "coalesce(timeliness, '')",
                    "`in-time`, `late`; empty: no limit to measure against",
                ),
            ),
            "requests ended",
            _CLOSED,
        ),
        Kind(
            "pace",
            "of the end",
            (_DAYS, _PACE, Dimension("month", says="of the end, `01`...")),
            "requests ended",
            _CLOSED,
        ),
        Kind("first", "of the first response", (_DAYS,), "requests first responded to"),
        Kind("carried", "of the receipt", (_APPLICANT,), "requests that did not end in that year"),
        Kind("carried-ended", "of the end", (_APPLICANT,), "those of them that have ended"),
        Kind(
            "carried-in",
            "of the report",
            (_APPLICANT,),
            "requests pending when the year began",
            Rows("request", "received_on", _PENDING.format("$2")),
            of=_CARRY,
            years="before",
        ),
        Kind(
            "carried-out",
            "of the report",
            (_APPLICANT,),
            "requests pending when the year ended",
            Rows("request", "received_on", _PENDING.format("$2 + 1")),
            of=_CARRY,
            years="through",
        ),
        Kind(
            "review",
            "of the filing",
            (
                Dimension("review", get_args(ReviewKind), "kind", "its kind"),
                Dimension(
                    "result",
                    (*get_args(ReviewResult), PENDING),
                    "CASE WHEN decided_on <= make_date($2, 12, 31) THEN result ELSE 'pending' END",
                    "`pending` if not decided by the year's end",
                ),
                Dimension(
                    "disputed",
                    (FIRST_HANDLING, ""),
                    "CASE WHEN first_handling_disputed THEN 'first-handling-disputed' ELSE '' END",
                    f"`{FIRST_HANDLING}` or empty",
                ),
            ),
            "reviews filed",
            Rows("review", "filed_on", f"filed_on {_IN_YEAR}"),
        ),
        Kind(
            "tally",
            "of the tally's day",
            (_MEASURE,),
            "the sum of the tallies; of a level the latest",
            Rows("tally", '"on"', f'"on" {_IN_YEAR}'),
            latest_of=("level", "level-known"),
        ),
        Kind("level", "of the tally's day", _LEVEL, "the level that one tally says"),
        Kind("level-known", "of the tally's day", _LEVEL, "1 for each such tally: a level of 0 is not none"),
    )
}
"""By name, in the order in which the documentation shows them. Those with ``of`` are worked out for a report
(:func:`services.stats.cells.of_year`), the others are stored."""

ASKED_KINDS = tuple(kind.name for kind in KINDS.values() if kind.rows is not None)
"""What a row of a form may count."""
CARRY_KINDS = tuple(_CARRY)
LEVEL_KINDS = KINDS["tally"].latest_of
PLACE_OF = {kind.name: dict(zip(kind.names, range(len(PLACES)), strict=False)) for kind in KINDS.values()}
"""By kind and dimension: which of the places."""


def column(kind: str, dimension: str) -> str:
    """The column of the counters that holds a dimension. Raises ``KeyError`` where the kind has no such one."""
    return PLACES[PLACE_OF[kind][dimension]]
