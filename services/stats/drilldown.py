"""What is behind a number of a report: the requests, reviews or tallies that it counts, in pages.

A page looks at a bounded number of rows in the order of an index, so it may be short, or empty, where few of many fit;
there is more as long as ``next`` is there.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NoBase64
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from services.events.vocabulary import Label
from services.runtime.database import Conn
from services.runtime.paths import part
from services.runtime.problems import ProblemError
from services.stats import drilldown_queries as queries
from services.stats.annual import Asked, answer
from services.stats.cells import Number
from services.stats.cells import plain as plainly
from services.stats.drilldown_queries import Key, Listed, Opened
from services.stats.params import wrong

READ_SECONDS = 10.0
CURSOR_LENGTH = 3000
_DAYS = ("received_on", "closed_on", "filed_on", '"on"')


class RequestItem(Struct, frozen=True):
    """A request behind a number, as it stands now."""

    request: str
    organ: str
    channel: str
    applicant: str
    received_on: date | None
    due_on: date | None
    closed_on: date | None
    outcome: str | None
    timeliness: str | None
    working_days: int | None
    explanation: str
    """Where the tracker explains its dates, with the law behind each."""


class ReviewItem(Struct, frozen=True):
    subject: str
    review: str
    organ: str
    kind: str
    filed_on: date
    decided_on: date | None
    result: str | None


class TallyItem(Struct, frozen=True):
    organ: str
    measure: str
    on: date
    count: Number
    source: str
    id: str


class KnownItem(Struct, frozen=True):
    """What counted then, where the number is one of the past: whose events, and how much (of a level, its value)."""

    subject: str
    count: Number


class Behind(Struct, frozen=True):
    """One page of what a number counts; exactly one of the lists is there."""

    form: str
    organ: str
    year: int
    as_of: str
    table: str
    row: str
    column: str
    number: Number
    name: Label | None = None
    """The organ's."""
    labels: tuple[Label, ...] = ()
    """The number's printed names, from the table down to the column."""
    requests: list[RequestItem] | UnsetType = UNSET
    reviews: list[ReviewItem] | UnsetType = UNSET
    tallies: list[TallyItem] | UnsetType = UNSET
    known: list[KnownItem] | UnsetType = UNSET
    next: str | None = None
    """The cursor of the next page."""


async def _rows(conn: Conn, asked: Listed, limit: int) -> tuple[list[Any], Key]:
    """The rows that fit, at most ``limit``, and the key to go on behind where there may be more."""
    rows = await conn.fetch(asked.sql, *asked.values, timeout=READ_SECONDS)
    fitting = [row for row in rows if row["fits"]][:limit]
    more = len(rows) > limit or any(row["place"] == queries.LOOKED for row in rows)
    last = fitting[-1] if len(fitting) == limit else rows[-1] if rows else None
    return fitting, tuple(last[name.strip('"')] for name in asked.key) if more and last is not None else ()


async def known(conn: Conn, asked: Opened, before: datetime, after: Key, limit: int) -> tuple[list[KnownItem], Key]:
    """What counted for a number as it was known before an instant, by organ and subject, and the key to go on behind.

    At most :data:`~services.stats.drilldown_queries.LOOKED` changes are looked at, and all of the last subject's.
    """
    last: Any = None
    if asked.is_level:
        sql, values = queries.levels_known(asked, before, after, limit)
    else:
        sql, values = queries.changes(asked.organs, after)
        last = await conn.fetchrow(sql, *values, timeout=READ_SECONDS)
        if last is None:
            return [], ()
        sql, values = queries.counted(asked, before, after, tuple(last))
    rows = await conn.fetch(sql, *values, timeout=READ_SECONDS)
    items = [KnownItem(row["subject"], plainly(row["count"])) for row in rows[:limit]]
    if len(rows) > limit:
        return items, (rows[limit - 1]["organ"], rows[limit - 1]["subject"])
    return items, () if last is None else tuple(last)


async def page(conn: Conn, asked: Asked, at: tuple[str, str, str], after: str, limit: int, url: str) -> Behind:
    """One page of what the number at table, row and column counts. Raises :class:`ProblemError` (404; 400 for an
    ``after`` that no page gave)."""
    table_id, row_id, column_id = at
    table = asked.form.table(table_id)
    row = next((r for r in table.rows if r.id == row_id), None) if table else None
    where = next((c for c in table.columns if c.id == column_id), None) if table else None
    counts = row.counting(where) if row and where else None
    if counts is None or where is None:
        raise ProblemError(404, f"form {asked.form.id!r} has no number at {table_id}/{row_id}/{column_id}")
    report = (await answer(conn, asked)).report
    number = report.numbers()[table_id, row_id][column_id]
    number_of = (asked.form.id, asked.organ, asked.year, asked.as_of, table_id, row_id, column_id, number)
    given = Opened(counts, where.where, asked.organs, asked.year, asked.law)
    if asked.before is not None:
        key = read_cursor(after, ("organ", "subject"))
        seen, more = await known(conn, given, asked.before, key, limit)
        return Behind(*number_of, known=seen, next=_cursor(more))
    key = read_cursor(after, queries.key_of(counts))
    rows, more = await _rows(conn, queries.listed(given, key, limit), limit)
    following = _cursor(more)
    match queries.rows_of(counts).table:
        case "review":
            return Behind(*number_of, reviews=[ReviewItem(*row[:7]) for row in rows], next=following)
        case "tally":
            tallies = [TallyItem(r[0], r[1], r[2], plainly(Decimal(r[3])), r[4], r[5]) for r in rows]
            return Behind(*number_of, tallies=tallies, next=following)
        case _:
            requests = [RequestItem(*(*row[:10], f"{url}{part(row['subject'])}")) for row in rows]
            return Behind(*number_of, requests=requests, next=following)


def _cursor(key: Key) -> str | None:
    return urlsafe_b64encode(msgspec.json.encode(key)).decode() if key else None


def read_cursor(text: str, key: Sequence[str]) -> Key:
    """Where the page before ended. Raises :class:`ProblemError` (400) for what no page gave."""
    if not text:
        return ()
    shape: Any = tuple.__class_getitem__(tuple(date if name in _DAYS else str for name in key))
    try:
        if len(text) > CURSOR_LENGTH:
            raise ValueError("too long")
        position: Key = msgspec.json.decode(urlsafe_b64decode(text.encode("ascii")), type=shape)
        parts = [part for part in position if isinstance(part, str)]
        if any("\x00" in part or not 1 <= len(part) <= 500 for part in parts):
            raise ValueError("no name")
        return position
    except (ValueError, NoBase64, msgspec.MsgspecError, RecursionError):
        raise wrong("query.after", text, "what an earlier page gave as next") from None
