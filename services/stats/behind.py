"""What is behind a number of a report: the requests, reviews or tallies that it counts, in pages."""

from collections.abc import Collection
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from services.runtime.database import Conn
from services.runtime.paths import part
from services.runtime.problems import ProblemError
from services.stats.annual import Asked, answer
from services.stats.cells import CARRY_KINDS, COUNTED_STATES, ENDED_STATES, LEVEL_SUFFIX, Number
from services.stats.cells import plain as plainly
from services.stats.form import DIMENSIONS, Counts, Filter
from services.stats.store import SCHEMA

PACE = "coalesce(timeliness, 'unlimited') || CASE WHEN extended THEN '-extended' ELSE '' END"
_SQL = {
    "channel": "channel",
    "applicant": "applicant",
    "outcome": "coalesce(outcome, 'other')",
    "timeliness": "coalesce(timeliness, '')",
    "pace": PACE,
    "review": "kind",
    "result": "CASE WHEN decided_on <= make_date($2, 12, 31) THEN result ELSE 'pending' END",
    "disputed": "CASE WHEN first_handling_disputed THEN 'first-handling-disputed' ELSE '' END",
    "measure": "measure",
}
_COUNTED, _ENDED = (f"state IN ({', '.join(repr(s) for s in states)})" for states in (COUNTED_STATES, ENDED_STATES))
_IN_YEAR = "BETWEEN make_date($2, 1, 1) AND make_date($2, 12, 31)"
_PENDING = (
    f"{_COUNTED} AND received_on < make_date({{0}}, 1, 1) AND NOT ({_ENDED} AND closed_on < make_date({{0}}, 1, 1))"
)
_WHERE = {
    "received": f"received_on {_IN_YEAR} AND {_COUNTED}",
    "closed": f"closed_on {_IN_YEAR} AND {_ENDED} AND received_on IS NOT NULL",
    "pace": f"closed_on {_IN_YEAR} AND {_ENDED} AND received_on IS NOT NULL",
    "carried-in": _PENDING.format("$2"),
    "carried-out": _PENDING.format("$2 + 1"),
    "review": f"filed_on {_IN_YEAR}",
    "tally": f'"on" {_IN_YEAR}',
}


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
    """What counted then, where the number is one of the past: whose events, and for how much."""

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
    requests: list[RequestItem] | UnsetType = UNSET
    reviews: list[ReviewItem] | UnsetType = UNSET
    tallies: list[TallyItem] | UnsetType = UNSET
    known: list[KnownItem] | UnsetType = UNSET
    next: str | None = None
    """The cursor of the next page."""


def _conditions(counts: Counts, where: Filter, first: int, columns: dict[str, str]) -> tuple[list[str], list[Any]]:
    """SQL conditions for the values that are asked for, with their parameters from ``$first`` on."""
    texts: list[str] = []
    values: list[Any] = []
    for name, _ in DIMENSIONS[counts.kind]:
        for given, negated in ((counts, ""), (where, ""), (counts.except_, "NOT ")):
            wanted = getattr(given, name, None)
            if wanted is not None:
                values.append(list(wanted))
                texts.append(f"{negated}({columns[name]} = ANY(${first + len(values) - 1}::text[]))")
    return texts, values


async def requests(
    conn: Conn, counts: Counts, where: Filter, organs: Collection[str], year: int, after: str, limit: int, url: str
) -> list[RequestItem]:
    """The requests behind a number of requests, by id, from the one behind ``after`` on."""
    texts, values = _conditions(counts, where, 5, _SQL)
    found = await conn.fetch(
        "SELECT subject, organ, channel, applicant, received_on, due_on, closed_on, outcome, timeliness, working_days "
        f"FROM {SCHEMA}.request WHERE organ = ANY($1::text[]) AND {_WHERE[counts.kind]} AND subject > $3"
        f"{''.join(f' AND {t}' for t in texts)} ORDER BY subject LIMIT $4",
        list(organs),
        year,
        after,
        limit,
        *values,
    )
    return [RequestItem(*(*row, f"{url}{part(row[0])}")) for row in found]


async def reviews(
    conn: Conn, counts: Counts, where: Filter, organs: Collection[str], year: int, after: str, limit: int
) -> list[ReviewItem]:
    """The reviews behind a number of reviews; ``after`` is ``subject review``."""
    texts, values = _conditions(counts, where, 5, _SQL)
    found = await conn.fetch(
        f"SELECT subject, review, organ, kind, filed_on, decided_on, result FROM {SCHEMA}.review "
        f"WHERE organ = ANY($1::text[]) AND {_WHERE['review']} AND subject || ' ' || review > $3"
        f"{''.join(f' AND {t}' for t in texts)} ORDER BY subject || ' ' || review LIMIT $4",
        list(organs),
        year,
        after,
        limit,
        *values,
    )
    return [ReviewItem(*row) for row in found]


async def tallies(
    conn: Conn, counts: Counts, where: Filter, organs: Collection[str], year: int, after: str, limit: int
) -> list[TallyItem]:
    """The tallies behind a number; of a level only the latest of each organ; ``after`` is ``source id``."""
    texts, values = _conditions(counts, where, 5, _SQL)
    found = await conn.fetch(
        f'SELECT organ, measure, "on", count, source, id FROM (SELECT *, row_number() OVER '
        f"(PARTITION BY organ, measure ORDER BY \"on\" DESC, source || ' ' || id DESC) AS place FROM {SCHEMA}.tally "
        f"WHERE organ = ANY($1::text[]) AND {_WHERE['tally']}{''.join(f' AND {t}' for t in texts)}) AS t "
        f"WHERE (measure NOT LIKE '%{LEVEL_SUFFIX}' OR place = 1) AND source || ' ' || id > $3 "
        "ORDER BY source || ' ' || id LIMIT $4",
        list(organs),
        year,
        after,
        limit,
        *values,
    )
    return [TallyItem(r[0], r[1], r[2], plainly(Decimal(r[3])), r[4], r[5]) for r in found]


async def known(
    conn: Conn,
    counts: Counts,
    where: Filter,
    organs: Collection[str],
    year: int,
    before: datetime,
    after: str,
    limit: int,
) -> list[KnownItem]:
    """What counted for a number as it was known before an instant, by subject."""
    kinds, sign, years = [str(counts.kind)], "delta", "year = $2"
    if counts.kind in ("carried-in", "carried-out"):
        kinds, sign = list(CARRY_KINDS), "CASE kind WHEN 'carried' THEN delta ELSE -delta END"
        years = "year <= $2" if counts.kind == "carried-out" else "year < $2"
    places = {name: "abc"[n] for n, (name, _) in enumerate(DIMENSIONS[counts.kind])}
    texts, values = _conditions(counts, where, 7, places)
    found = await conn.fetch(
        f"SELECT subject, sum({sign}) FROM {SCHEMA}.cell_change WHERE organ = ANY($1::text[]) AND {years} "
        "AND kind = ANY($3::text[]) AND recorded_at < $4 AND subject > $5"
        f"{''.join(f' AND {t}' for t in texts)} GROUP BY subject HAVING sum({sign}) <> 0 ORDER BY subject LIMIT $6",
        list(organs),
        year,
        kinds,
        before,
        after,
        limit,
        *values,
    )
    return [KnownItem(subject, plainly(count)) for subject, count in found]


async def page(conn: Conn, asked: Asked, at: tuple[str, str, str], after: str, limit: int, url: str) -> Behind:
    """One page of what the number at table, row and column counts. Raises :class:`ProblemError` (404)."""
    table_id, row_id, column_id = at
    table = asked.form.table(table_id)
    row = next((r for r in table.rows if r.id == row_id), None) if table else None
    column = next((c for c in table.columns if c.id == column_id), None) if table else None
    counts = row.counting(column) if row and column else None
    if counts is None or column is None:
        raise ProblemError(404, f"form {asked.form.id!r} has no number at {table_id}/{row_id}/{column_id}")
    report = (await answer(conn, asked)).report
    number = report.numbers()[table_id, row_id][column_id]
    told = (asked.form.id, asked.organ, asked.year, asked.as_of, table_id, row_id, column_id, number)
    given = (conn, counts, column.where, asked.organs, asked.year)
    more = limit + 1
    if asked.before is not None:
        seen = await known(*given, asked.before, after, more)
        return Behind(*told, known=seen[:limit], next=_next([k.subject for k in seen], limit))
    match counts.kind:
        case "review":
            filed = await reviews(*given, after, more)
            return Behind(*told, reviews=filed[:limit], next=_next([f"{r.subject} {r.review}" for r in filed], limit))
        case "tally":
            said = await tallies(*given, after, more)
            return Behind(*told, tallies=said[:limit], next=_next([f"{t.source} {t.id}" for t in said], limit))
        case _:
            found = await requests(*given, after, more, url)
            return Behind(*told, requests=found[:limit], next=_next([r.request for r in found], limit))


def _next(names: list[str], limit: int) -> str | None:
    """The cursor of the next page, if there is one."""
    return names[limit - 1] if len(names) > limit else None
