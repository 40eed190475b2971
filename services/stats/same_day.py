"""A year up to a day, beside the year before up to the same day: by the days on which things happened in law.

What was known on that day last year is another question, which ``as_of`` answers: a register that was entered later
would make last year small. Whole months come from the counters, the days of the last one from the rows.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Literal

from msgspec import Struct

from services.runtime.database import Conn
from services.stats import reading
from services.stats.annual import Asked
from services.stats.cells import Cell, Number, of_year, value
from services.stats.kinds import COUNTED_STATES
from services.stats.store import SCHEMA

READ_SECONDS = 10.0
ENDS = {"in-time": "in_time", "late": "late"}


class Through(Struct, frozen=True):
    """A year's requests from 1 January through a day."""

    year: int
    through: date
    received: int = 0
    ended: int = 0
    in_time: int = 0
    """Of those ended: within the limit."""
    late: int = 0


class SameDay(Struct, frozen=True):
    """A year beside the one before, both through the same day."""

    organ: str
    form: str
    this: Through
    last: Through
    basis: Literal["legal-dates"] = "legal-dates"
    """Both count by the day of receipt and the day of the end, as they are known now, whenever that was entered."""


def same_day(day: date) -> date:
    """The same day a year before; 28 February for the 29th."""
    return date(day.year - 1, day.month, min(day.day, 28) if day.month == 2 else day.day)


def months_before(cells: Mapping[Cell, Number], asked: Asked, through: date) -> Counter[str]:
    """What the counters say of the months before that of ``through``."""
    found: Counter[str] = Counter()
    for cell, number in of_year(cells, asked.organs, through.year, "", asked.law).items():
        if cell.kind not in ("received", "pace") or value(cell, "month") >= f"{through.month:02}":
            continue
        if cell.kind == "received":
            found["received"] += int(number)
            continue
        found["ended"] += int(number)
        if (how := ENDS.get(value(cell, "pace").removesuffix("-extended"))) is not None:
            found[how] += int(number)
    return found


ROWS = (
    f"SELECT (SELECT count(*) FROM {SCHEMA}.request WHERE organ = ANY($1::text[]) AND statute = ANY($2::text[]) "
    "AND received_on BETWEEN $3 AND $4 AND state = ANY($5::text[])) AS received, count(*) AS ended, "
    "count(*) FILTER (WHERE timeliness = 'in-time') AS in_time, count(*) FILTER (WHERE timeliness = 'late') AS late "
    f"FROM {SCHEMA}.request WHERE organ = ANY($1::text[]) AND statute = ANY($2::text[]) "
    f"AND closed_on BETWEEN $3 AND $4 AND received_on IS NOT NULL AND state = ANY($5::text[])"
)


async def through(conn: Conn, asked: Asked, day: date) -> Through:
    """A year's requests through a day."""
    found = months_before(await reading.year_cells(conn, asked.organs, day.year), asked, day)
    organs, laws = list(asked.organs), sorted(asked.law.statutes)
    row = await conn.fetchrow(ROWS, organs, laws, day.replace(day=1), day, list(COUNTED_STATES), timeout=READ_SECONDS)
    assert row is not None
    return Through(day.year, day, **{name: found[name] + number for name, number in row.items()})


async def beside(conn: Conn, asked: Asked, day: date) -> SameDay:
    """The two years, in one reading of the tables where ``conn`` is in such a transaction."""
    this = await through(conn, asked, day)
    last = same_day(day)
    return SameDay(asked.organ, asked.form.id, this, await through(conn, replace(asked, year=last.year), last))
