"""What is behind a number of a report: the requests, reviews or tallies that it counts, in pages.

A page looks at a bounded number of rows in the order of an index, so it may be short, or empty, where few of many fit;
there is more as long as ``next`` is there.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NoBase64
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from services.events.vocabulary import LEVELS, Label
from services.runtime.database import Conn
from services.runtime.paths import part
from services.runtime.problems import ProblemError
from services.stats.annual import Asked, answer
from services.stats.cells import Law, Number
from services.stats.cells import plain as plainly
from services.stats.forms.form import Counts, Filter
from services.stats.kinds import KINDS, Kind, Rows, column
from services.stats.params import wrong
from services.stats.store import SCHEMA

LOOKED = 20_000
"""Rows looked at for a page."""
READ_SECONDS = 10.0
CURSOR_LENGTH = 3000
Key = tuple[Any, ...]
_DAYS = ("received_on", "closed_on", "filed_on", '"on"')
_TABLES: dict[str, tuple[str, tuple[str, ...]]] = {
    "request": (
        "subject, organ, channel, applicant, received_on, due_on, closed_on, outcome, timeliness, working_days",
        ("subject",),
    ),
    "review": ("subject, review, organ, kind, filed_on, decided_on, result", ("subject", "review")),
    "tally": ('organ, measure, "on", count, source, id', ("source", "id")),
}
"""Columns of an item, and what its pages are ordered by behind organ and day; an index has that order."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A query for a page."""

    sql: str
    values: list[Any]
    key: tuple[str, ...]


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


def _conditions(counts: Counts, where: Filter, first: int, columns: dict[str, str]) -> tuple[str, list[Any]]:
    """The SQL condition for the values that are asked for, with its parameters from ``$first`` on.

    ``columns`` says for each dimension what it is in SQL.
    """
    texts: list[str] = []
    values: list[Any] = []
    for name, text in columns.items():
        for given, negated in ((counts, ""), (where, ""), (counts.except_, "NOT ")):
            wanted = getattr(given, name, None)
            if wanted is not None:
                values.append(list(wanted))
                texts.append(f"{negated}({text} = ANY(${first + len(values) - 1}::text[]))")
    return " AND ".join(texts) or "true", values


@dataclass(frozen=True, slots=True)
class Opened:
    """A number that is to be opened: what it counts, of whom, in which year."""

    counts: Counts
    where: Filter
    organs: Collection[str]
    year: int
    law: Law

    @property
    def kind(self) -> Kind:
        return KINDS[self.counts.kind]

    @property
    def is_level(self) -> bool:
        """A form has no number that is a level and a sum at once."""
        return self.counts.kind == "tally" and any(m in LEVELS for m in self.counts.measure or ())

    def measures(self) -> list[str]:
        """The measures of a tally."""
        left_out = self.counts.except_.measure or ()
        return [m for m in self.counts.measure or () if m in (self.where.measure or (m,)) and m not in left_out]

    def statutes(self) -> list[str]:
        """The laws whose requests and reviews it counts; the empty one stands for reviews that don't say theirs."""
        return ["", *sorted(self.law.statutes)]

    def own(self) -> list[str]:
        """The organs whose reviews count that don't say their law."""
        return sorted(set(self.organs) - self.law.foreign)


def listed(asked: Opened, after: Key, limit: int) -> Listed:
    """The query for what is behind a number, in the order of organ, day and names.

    At most :data:`LOOKED` rows of each law are looked at; each row that fits is given, and the last that was looked at
    even if it does not (``fits``), so that the next page goes on behind it.
    """
    if asked.is_level:
        return _levels(asked, after, limit)
    rows, key = _rows_of(asked.counts), _key(asked.counts)
    columns, _ = _TABLES[rows.table]
    named = ", ".join(key)
    first = 6 if asked.kind.has_law else 4
    texts, values = _conditions(asked.counts, asked.where, first, {d.name: d.sql for d in asked.kind.asked})
    beyond = ""
    if after:
        places = [f"${first + len(values) + n}" for n in range(len(key))]
        beyond = f" AND ({named}) > ({', '.join(places)})"
    looked = (
        f"SELECT *, ({rows.fits} AND {texts}) IS TRUE AS fits FROM {SCHEMA}.{rows.table} AS t "
        f"WHERE organ = ANY({{}}) AND {rows.where}{beyond} ORDER BY {named} LIMIT {LOOKED}"
    )
    laws: list[Any] = []
    if asked.kind.has_law:
        # The law stands in the index, so that the few requests under one aren't looked for among millions of another.
        of_law = looked.replace("WHERE", "WHERE statute = law AND", 1)
        each = of_law.format("CASE law WHEN '' THEN $5::text[] ELSE $1::text[] END")
        laterally = f"unnest($4::text[]) AS law CROSS JOIN LATERAL ({each}) AS t"
        looked = f"SELECT t.* FROM {laterally} ORDER BY {named} LIMIT {LOOKED}"
        laws = [asked.statutes(), asked.own()]
    else:
        looked = looked.format("$1::text[]")
    sql = (
        f"SELECT {columns}, fits, place FROM (SELECT *, row_number() OVER (ORDER BY {named}) AS place FROM ("
        f"{looked}) AS looked) AS numbered WHERE fits OR place = {LOOKED} ORDER BY {named} LIMIT $3"
    )
    return Listed(sql, [sorted(asked.organs), asked.year, limit + 1, *laws, *values, *after], key)


def _levels(asked: Opened, after: Key, limit: int) -> Listed:
    """The same of a level: the tally that counts of each organ and measure, the latest up to the year's end."""
    columns, _ = _TABLES["tally"]
    key = _key(asked.counts)
    named = ", ".join(key)
    beyond = f"WHERE ({named}) > ({', '.join(f'${5 + n}' for n in range(len(key)))}) " if after else ""
    sql = (
        f"SELECT {columns}, true AS fits, 0 AS place FROM (SELECT latest.* FROM unnest($1::text[]) AS o "
        "CROSS JOIN unnest($4::text[]) AS m CROSS JOIN LATERAL ("
        f'SELECT * FROM {SCHEMA}.tally AS t WHERE organ = o AND measure = m AND "on" <= make_date($2, 12, 31) '
        f"ORDER BY \"on\" DESC, source || ' ' || id DESC LIMIT 1) AS latest) AS level "
        f"{beyond}ORDER BY {named} LIMIT $3"
    )
    return Listed(sql, [sorted(asked.organs), asked.year, limit + 1, asked.measures(), *after], key)


def _rows_of(counts: Counts) -> Rows:
    rows = KINDS[counts.kind].rows
    assert rows is not None
    return rows


def _key(counts: Counts) -> tuple[str, ...]:
    """The order of the pages."""
    rows = _rows_of(counts)
    return ("organ", rows.day, *_TABLES[rows.table][1])


async def _rows(conn: Conn, asked: Listed, limit: int) -> tuple[list[Any], Key]:
    """The rows that fit, at most ``limit``, and the key to go on behind where there may be more."""
    rows = await conn.fetch(asked.sql, *asked.values, timeout=READ_SECONDS)
    fitting = [row for row in rows if row["fits"]][:limit]
    more = len(rows) > limit or any(row["place"] == LOOKED for row in rows)
    last = fitting[-1] if len(fitting) == limit else rows[-1] if rows else None
    return fitting, tuple(last[name.strip('"')] for name in asked.key) if more and last is not None else ()


async def known(conn: Conn, asked: Opened, before: datetime, after: Key, limit: int) -> tuple[list[KnownItem], Key]:
    """What counted for a number as it was known before an instant, by organ and subject, and the key to go on behind.

    At most :data:`LOOKED` changes are looked at, and all of the last subject's.
    """
    last: Any = None
    if asked.is_level:
        sql, values = levels_known(asked, before, after, limit)
    else:
        sql, values = changes(asked.organs, after)
        last = await conn.fetchrow(sql, *values, timeout=READ_SECONDS)
        if last is None:
            return [], ()
        sql, values = counted(asked, before, after, tuple(last))
    rows = await conn.fetch(sql, *values, timeout=READ_SECONDS)
    items = [KnownItem(row["subject"], plainly(row["count"])) for row in rows[:limit]]
    if len(rows) > limit:
        return items, (rows[limit - 1]["organ"], rows[limit - 1]["subject"])
    return items, () if last is None else tuple(last)


def changes(organs: Collection[str], after: Key) -> tuple[str, list[Any]]:
    """The query for the organ and subject of the last change to be looked at for a page."""
    beyond = "AND (organ, subject) > ($2, $3) " if after else ""
    return (
        f"SELECT organ, subject FROM (SELECT organ, subject FROM {SCHEMA}.cell_change WHERE organ = ANY($1::text[]) "
        f"{beyond}ORDER BY organ, subject LIMIT {LOOKED}) AS looked ORDER BY organ DESC, subject DESC LIMIT 1",
        [sorted(organs), *after],
    )


def counted(asked: Opened, before: datetime, after: Key, through: Key) -> tuple[str, list[Any]]:
    """The query for what counted, of the subjects behind ``after`` up to ``through``."""
    kind = asked.kind
    taken = [name for name, sign in kind.signs.items() if sign < 0]
    sign = f"CASE WHEN kind IN ({', '.join(map(repr, taken))}) THEN -delta ELSE delta END" if taken else "delta"
    years = {"same": "year = $2", "through": "year <= $2", "before": "year < $2"}[kind.years]
    first = 9 if kind.has_law else 7
    texts, values = _conditions(
        asked.counts, asked.where, first, {d.name: column(kind.name, d.name) for d in kind.asked}
    )
    beyond = f"AND (organ, subject) > (${first + len(values)}, ${first + 1 + len(values)})" if after else ""
    laws: list[Any] = []
    of_law = ""
    if kind.has_law:
        of_law = "AND statute = ANY($7::text[]) AND (statute <> '' OR organ = ANY($8::text[])) "
        laws = [asked.statutes(), asked.own()]
    return (
        f"SELECT organ, subject, sum({sign}) AS count FROM {SCHEMA}.cell_change WHERE organ = ANY($1::text[]) "
        f"AND (organ, subject) <= ($5, $6) {beyond} AND {years} AND kind = ANY($3::text[]) AND recorded_at < $4 "
        f"{of_law}AND {texts} GROUP BY organ, subject HAVING sum({sign}) <> 0 ORDER BY organ, subject",
        [sorted(asked.organs), asked.year, list(kind.signs), before, *through, *laws, *values, *after],
    )


def levels_known(asked: Opened, before: datetime, after: Key, limit: int) -> tuple[str, list[Any]]:
    """The query for the levels that counted: of each organ the latest of each measure that was known, up to the year's
    end."""
    measure, day, tally = (column("level", name) for name in ("measure", "day", "tally"))
    beyond = "WHERE (organ, subject) > ($6, $7) " if after else ""
    reported = (
        f"SELECT organ, subject, {measure}, {day}, {tally}, sum(delta) FILTER (WHERE kind = 'level') AS level "
        f"FROM {SCHEMA}.cell_change WHERE kind IN ('level', 'level-known') AND organ = ANY($1::text[]) AND year <= $2 "
        f"AND recorded_at < $3 AND {measure} = ANY($5::text[]) GROUP BY organ, subject, {measure}, {day}, {tally} "
        "HAVING sum(delta) FILTER (WHERE kind = 'level-known') > 0"
    )
    return (
        "SELECT organ, subject, sum(level) AS count FROM (SELECT DISTINCT ON (organ, "
        f"{measure}) * FROM ({reported}) AS reported ORDER BY organ, {measure}, {day} DESC, {tally} DESC) AS latest "
        f"{beyond}GROUP BY organ, subject HAVING sum(level) <> 0 ORDER BY organ, subject LIMIT $4",
        [sorted(asked.organs), asked.year, before, limit + 1, asked.measures(), *after],
    )


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
    key = read_cursor(after, _key(counts))
    rows, more = await _rows(conn, listed(given, key, limit), limit)
    following = _cursor(more)
    match _rows_of(counts).table:
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
