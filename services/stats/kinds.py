"""What a cell counts: one table of kinds, each with its named dimensions. Pure.

A cell is stored in places ``a``, ``b`` and ``c``; which dimension stands in which follows from the order here, and
nowhere else is it written down. What follows from this table: making a cell and reading one by name
(:mod:`services.stats.cells`), what a form may ask for, the SQL that finds the rows behind a number and the counters of
a dimension, and the tables in ``docs/reports.md``. Not so the audit's recount (``snapshot.py``): it has to find what
is wrong here, so it says in its own words what a cell is.

A kind's places are part of what is stored: a dimension may be added behind the others, never moved.
"""

from typing import get_args

from services.events.vocabulary import APPLICANTS, CHANNELS, MEASURES, OUTCOMES, ReviewKind, ReviewResult
from services.stats.kind import Dimension, Kind, Rows

PENDING = "pending"
FIRST_HANDLING = "first-handling-disputed"
PACES = tuple(f"{t}{e}" for t in ("in-time", "late", "unlimited") for e in ("", "-extended"))
"""``unlimited``: an end that no limit is measured against, a withdrawal say."""
COUNTED_STATES = ("open", "stopped", "answered", "closed")
PLACES = ("a", "b", "c")
"""The columns that hold a cell's dimensions."""


def pace(timeliness: str, extended: bool) -> str:
    """One of :data:`PACES`: how a request ended by the clock, and whether its limit had been extended."""
    return f"{timeliness or 'unlimited'}{'-extended' if extended else ''}"


_COUNTED = f"state IN ({', '.join(repr(state) for state in COUNTED_STATES)})"
_IN_YEAR = "BETWEEN make_date($2, 1, 1) AND make_date($2, 12, 31)"
_RECEIVED_BEFORE = f"{_COUNTED} AND received_on < make_date({{0}}, 1, 1)"
_NOT_ENDED_BEFORE = "(closed_on IS NULL OR closed_on >= make_date({0}, 1, 1))"


def _pending(first_of: str, also: str = "") -> Rows:
    """The requests that were pending when the year ``first_of`` began."""
    where = _RECEIVED_BEFORE.format(first_of)
    return Rows("request", "received_on", where, _NOT_ENDED_BEFORE.format(first_of) + also)


_RECEIVED = Rows("request", "received_on", f"received_on {_IN_YEAR} AND {_COUNTED}")
_CLOSED = Rows("request", "closed_on", f"closed_on {_IN_YEAR} AND {_COUNTED} AND received_on IS NOT NULL")
"""Whatever its state now: one that was answered has ended, and stays so while a review orders another answer."""

_APPLICANT = Dimension("applicant", APPLICANTS, "applicant")
_MEASURE = Dimension("measure", MEASURES, "measure")
_DAYS = Dimension("days", says="used, in the limit's unit; empty: not known")
_ITEM = Dimension("item", sql="coalesce(item, '')", says="the service item", open=True)
_UNIT = Dimension("unit", says="its code; empty: the office itself")
_STEP = Dimension("step", says="of the procedure")
_PACE = Dimension(
    "pace",
    PACES,
    "coalesce(timeliness, 'unlimited') || CASE WHEN extended THEN '-extended' ELSE '' END",
    "`in-time`, `late` or `unlimited`, each also with `-extended`",
)
_LEVEL = (_MEASURE, Dimension("day", says="`YYYY-MM-DD`"), Dimension("tally", says="source and id of the fact"))
_CARRY = {"carried": 1, "carried-ended": -1}
_BREACH = {"breached": 1, "breached-ended": -1}
_REVIEW = (
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
)
_FILED = f"filed_on {_IN_YEAR}"
_DECIDED_LATER = f"(filed_on < make_date($2, 1, 1) AND decided_on {_IN_YEAR})"

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
            _pending("$2"),
            of=_CARRY,
            years="before",
        ),
        Kind(
            "carried-out",
            "of the report",
            (_APPLICANT,),
            "requests pending when the year ended",
            _pending("$2 + 1"),
            of=_CARRY,
            years="through",
        ),
        Kind(
            "breached", "of the day after the limit", (_APPLICANT,), "requests past their limit, not ended in that year"
        ),
        Kind("breached-ended", "of the end", (_APPLICANT,), "those of them that have ended"),
        Kind(
            "overdue",
            "of the report",
            (_APPLICANT,),
            "requests past their limit and not ended when the year ended",
            _pending("$2 + 1", " AND coalesce(breached_from, overdue_from) < make_date($2 + 1, 1, 1)"),
            of=_BREACH,
            years="through",
        ),
        Kind(
            "committed",
            "of the end",
            (_APPLICANT, _ITEM),
            "requests answered within the limit that the organ commits itself to for their item; none without items",
            Rows("request", "closed_on", f"closed_on {_IN_YEAR} AND {_COUNTED}", "committed_timeliness = 'in-time'"),
        ),
        Kind(
            "item-received",
            "of the receipt",
            (_ITEM, Dimension("channel", CHANNELS, "channel"), _APPLICANT),
            "requests received for a service item",
            _RECEIVED,
        ),
        Kind(
            "item-closed",
            "of the end",
            (
                _ITEM,
                Dimension("outcome", OUTCOMES, "coalesce(outcome, 'other')"),
                Dimension("timeliness", ("in-time", "late", ""), "coalesce(timeliness, '')", "by the law's limit"),
            ),
            "requests for a service item ended",
            _CLOSED,
        ),
        Kind("review", "of the filing", _REVIEW, "reviews filed", Rows("review", "filed_on", _FILED)),
        Kind("review-later", "of the decision", _REVIEW, "reviews decided in a year after that of their filing"),
        Kind(
            "review-each-year",
            "of the filing; and of the decision, if later",
            _REVIEW,
            "reviews filed, and once more those of earlier years when they are decided",
            Rows("review", "filed_on", f"({_FILED} OR {_DECIDED_LATER})"),
            of={"review": 1, "review-later": 1},
        ),
        Kind(
            "tally",
            "of the tally's day",
            (_MEASURE,),
            "the sum of the tallies; of a level the latest",
            Rows("tally", '"on"', f'"on" {_IN_YEAR}'),
            latest_of=("level", "level-known"),
            has_law=False,
        ),
        Kind("level", "of the tally's day", _LEVEL, "the level that one tally says", has_law=False),
        Kind(
            "level-known",
            "of the tally's day",
            _LEVEL,
            "1 for each such tally: a level of 0 is not none",
            has_law=False,
        ),
        Kind("unit-received", "of the assignment", (_UNIT, _STEP), "steps given to a unit", has_law=False),
        Kind(
            "unit-ended",
            "of the day on which the unit gave it up",
            (
                _UNIT,
                Dimension("how", says="`completed`, `returned`, or `ended` with the request"),
                Dimension("days", says="working days for which the unit had it; empty: not known"),
            ),
            "steps that a unit had, and has no more",
            has_law=False,
        ),
        Kind(
            "unit-late",
            "of the day after the step's last",
            (_UNIT, _STEP),
            "steps past their last day, by who had them then",
            has_law=False,
        ),
        Kind(
            "card",
            "of the card",
            (
                _UNIT,
                Dimension("card", says="`yellow` or `red`"),
                Dimension("limit", says="what it is for: `answer`, `committed`, `step` or `duty`"),
            ),
            "cards that stand",
            has_law=False,
        ),
        Kind(
            "duty",
            "of the last day",
            (Dimension("duty", says="its kind"), Dimension("how", says="`open`, `in-time` or `late`")),
            "duties of the organ",
            has_law=False,
        ),
        Kind(
            "contradicting",
            "of the receipt; and of the end",
            (Dimension("request", says="its id"),),
            "1 for each request of which facts contradict one another",
        ),
    )
}
"""By name, in the order in which the documentation shows them. Those with ``of`` are worked out for a report
(:func:`services.stats.cells.of_year`), the others are stored."""

ASKED_KINDS = tuple(kind.name for kind in KINDS.values() if kind.rows is not None)
"""What a row of a form may count."""
CARRY_KINDS = (*_CARRY, *_BREACH)
"""The kinds of counters of which a report needs those of the years before as well."""
LEVEL_KINDS = KINDS["tally"].latest_of
PLACE_OF = {kind.name: dict(zip(kind.names, range(len(PLACES)), strict=False)) for kind in KINDS.values()}
"""By kind and dimension: which of the places."""


def column(kind: str, dimension: str) -> str:
    """The column of the counters that holds a dimension. Raises ``KeyError`` where the kind has no such one."""
    return PLACES[PLACE_OF[kind][dimension]]
