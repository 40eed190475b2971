"""The fold's rows in the schema ``stats``: loaded for a batch, written in bulk, in the caller's transaction."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from msgspec.structs import astuple

from services.events.case_data import RequestSummary
from services.events.cases import CaseEvent, ReviewClosed, ReviewOpened, TallyCounted
from services.events.facts import ReviewDecidedData, ReviewFiledData, TallyData
from services.runtime.database import Conn
from services.stats.cells import Cell, Number, RequestRow, ReviewRow, Row, TallyRow, plain
from services.stats.fold import Change, Fold, ReviewKey, TallyKey
from services.stats.office_cells import OfficeKey, OfficeRow, touches

SCHEMA = "stats"

SUMMARY = RequestSummary.__struct_fields__
_SUMMARY_TYPES = {"submitted_on": "date", "received_on": "date", "due_on": "date", "answered_on": "date"} | {
    "closed_on": "date",
    "overdue_from": "date",
    "breached_from": "date",
    "provisional": "boolean",
    "extended": "boolean",
    "contradicting": "boolean",
    "working_days": "int",
    "committed_due_on": "date",
    "first_response_on": "date",
    "first_working_days": "int",
}
_FILED = ("organ", "kind", "filed_on", "first_handling_disputed")
"""What is kept of a filing; its ``statute`` is kept as the law that the review counts under."""
_CELL = ", ".join(Cell._fields)
_CAUSE = ("cause_source", "cause_id")


def _rows(*types: str) -> str:
    return "unnest(" + ", ".join(f"${n}::{t}[]" for n, t in enumerate(types, 1)) + ")"


async def load(conn: Conn, events: Sequence[CaseEvent]) -> Fold:
    """A fold with the rows that ``events`` name, locked until the transaction ends."""
    subjects, of_requests, reviews, tallies = set(), set(), set(), set()
    for event in events:
        subjects.add(event.subject)
        if event.data.request is not None:
            of_requests.add(event.subject)
        match event:
            case ReviewOpened(data=data) | ReviewClosed(data=data):
                reviews.add((event.subject, data.filed.review))
            case TallyCounted(data=data):
                tallies.add((event.subject, data.tally.source, data.tally.id))
            case _:
                pass
    inside = {event.subject for event in events if touches(event)}
    requests = await conn.fetch(
        f"SELECT * FROM {SCHEMA}.request WHERE subject = ANY($1::text[]) ORDER BY subject FOR UPDATE", list(subjects)
    )
    of_requests |= {row["subject"] for row in requests if row["organ"] is not None}
    # A request that comes under another law takes all its reviews with it; an organ's own events name each.
    named = await _keyed(conn, "review", "subject, review", {key for key in reviews if key[0] not in of_requests})
    theirs = await conn.fetch(f"SELECT * FROM {SCHEMA}.review WHERE subject = ANY($1::text[])", list(of_requests))
    stands = {row["subject"]: row["organ"] for row in requests}
    # A request that turns out to be another organ's takes the work on it with it.
    inside |= {
        e.subject for e in events if e.data.request and stands.get(e.subject, "") not in ("", e.data.request.organ)
    }
    office = []
    if inside:
        office = await conn.fetch(f"SELECT * FROM {SCHEMA}.office WHERE subject = ANY($1::text[])", list(inside))
    return Fold(
        [_request(row) for row in requests],
        [_review(row) for row in (*named, *theirs)],
        [_tally(row) for row in await _keyed(conn, "tally", "subject, source, id", tallies)],
        [OfficeRow(*row) for row in office],
    )


async def _keyed(conn: Conn, table: str, columns: str, keys: set[Any]) -> list[Any]:
    if not keys:
        return []
    parts = list(zip(*keys, strict=True))
    wanted = f"{_rows(*['text'] * len(parts))} AS w({columns})"
    return await conn.fetch(f"SELECT t.* FROM {SCHEMA}.{table} t JOIN {wanted} USING ({columns})", *map(list, parts))


def _request(row: Any) -> RequestRow:
    given = {name: row[name] for name in SUMMARY if row[name] is not None}
    return RequestRow(row["subject"], row["sequence"], RequestSummary(**given) if given else None)


def _review(row: Any) -> ReviewRow:
    filed = ReviewFiledData(review=row["review"], **{name: row[name] for name in _FILED})
    if row["decided_on"] is None:
        return ReviewRow(row["subject"], filed, None, row["statute"])
    decided = ReviewDecidedData(review=row["review"], decided_on=row["decided_on"], result=row["result"])
    return ReviewRow(row["subject"], filed, decided, row["statute"])


def _tally(row: Any) -> TallyRow:
    counted = TallyData(organ=row["organ"], on=row["on"], measure=row["measure"], count=row["count"])
    return TallyRow(row["subject"], row["source"], row["id"], counted)


async def save(conn: Conn, fold: Fold, schema: str = SCHEMA) -> None:
    """Write the fold's rows into ``schema``, and add what it changed to the counters."""
    await _save_requests(conn, schema, list(fold.requests.values()))
    await _save_reviews(conn, schema, fold.reviews)
    await _save_tallies(conn, schema, fold.tallies)
    await _save_office(conn, schema, fold.office)
    await _save_cells(conn, schema, fold.cells, fold.changes)


async def _save_requests(conn: Conn, schema: str, rows: Sequence[RequestRow]) -> None:
    if not rows:
        return
    types = ["text", "bigint", *(_SUMMARY_TYPES.get(name, "text") for name in SUMMARY)]
    columns = ["subject", "sequence", *SUMMARY]
    nothing = (None,) * len(SUMMARY)
    summaries = zip(*(astuple(r.request) if r.request else nothing for r in rows), strict=True)
    values = [[r.subject for r in rows], [r.sequence for r in rows], *map(list, summaries)]
    await conn.execute(
        f"INSERT INTO {schema}.request ({', '.join(columns)}) SELECT * FROM {_rows(*types)} "
        f"ON CONFLICT (subject) DO UPDATE SET ({', '.join(columns[1:])}) = "
        f"({', '.join(f'excluded.{name}' for name in columns[1:])})",
        *values,
    )


async def _save_reviews(conn: Conn, schema: str, reviews: dict[ReviewKey, ReviewRow | None]) -> None:
    rows = [r for r in reviews.values() if r is not None]
    await _delete(conn, schema, "review", "subject, review", [key for key, row in reviews.items() if row is None])
    if rows:
        await conn.execute(
            f"INSERT INTO {schema}.review (subject, review, {', '.join(_FILED)}, decided_on, result, "
            "statute) "
            f"SELECT * FROM {_rows('text', 'text', 'text', 'text', 'date', 'boolean', 'date', 'text', 'text')} "
            "ON CONFLICT (subject, review) DO UPDATE SET "
            "(organ, kind, filed_on, first_handling_disputed, decided_on, result, statute) = (excluded.organ, "
            "excluded.kind, excluded.filed_on, excluded.first_handling_disputed, excluded.decided_on, excluded.result, "
            "excluded.statute)",
            [r.subject for r in rows],
            [r.filed.review for r in rows],
            *([getattr(r.filed, name) for r in rows] for name in _FILED),
            [r.decided and r.decided.decided_on for r in rows],
            [r.decided and r.decided.result for r in rows],
            [r.statute for r in rows],
        )


async def _save_tallies(conn: Conn, schema: str, tallies: dict[TallyKey, TallyRow | None]) -> None:
    rows = [t for t in tallies.values() if t is not None]
    await _delete(conn, schema, "tally", "subject, source, id", [key for key, row in tallies.items() if row is None])
    if rows:
        await conn.execute(
            f'INSERT INTO {schema}.tally (subject, source, id, organ, "on", measure, count) '
            f"SELECT * FROM {_rows('text', 'text', 'text', 'text', 'date', 'text', 'numeric')} "
            'ON CONFLICT (subject, source, id) DO UPDATE SET (organ, "on", measure, count) = '
            '(excluded.organ, excluded."on", excluded.measure, excluded.count)',
            [t.subject for t in rows],
            [t.source for t in rows],
            [t.id for t in rows],
            [t.counted.organ for t in rows],
            [t.counted.on for t in rows],
            [t.counted.measure for t in rows],
            [t.counted.count for t in rows],
        )


async def _save_office(conn: Conn, schema: str, office: dict[OfficeKey, OfficeRow | None]) -> None:
    rows = [row for row in office.values() if row is not None]
    gone = [key for key, row in office.items() if row is None]
    await _delete(conn, schema, "office", "subject, piece, about", gone)
    if rows:
        columns = OfficeRow.__struct_fields__
        names = ", ".join(f'"{name}"' for name in columns)
        others = ", ".join(f'"{name}"' for name in columns[3:])
        kinds = _rows("text", "text", "text", "text", "text", "text", "date", "date", "text", "int")
        await conn.execute(
            f"INSERT INTO {schema}.office ({names}) SELECT * FROM {kinds} ON CONFLICT (subject, piece, about) "
            f"DO UPDATE SET ({others}) = ({', '.join(f'excluded.{name}' for name in others.split(', '))})",
            *([getattr(row, name) for row in rows] for name in columns),
        )


async def _delete(conn: Conn, schema: str, table: str, columns: str, keys: Sequence[tuple[str, ...]]) -> None:
    if keys:
        parts = list(zip(*keys, strict=True))
        await conn.execute(
            f"DELETE FROM {schema}.{table} WHERE ({columns}) IN (SELECT * FROM {_rows(*['text'] * len(parts))})",
            *map(list, parts),
        )


async def _save_cells(conn: Conn, schema: str, cells: dict[Cell, Number], changes: Sequence[Change]) -> None:
    if not changes:
        return
    await conn.copy_records_to_table(
        "cell_change",
        schema_name=schema,
        columns=(*Cell._fields, "delta", "subject", "sequence", "recorded_at", *_CAUSE, "partition", "offset"),
        records=[
            (*c.cell, Decimal(c.delta), c.subject, c.sequence, c.recorded_at, *_cause(c), *c.place) for c in changes
        ],
    )
    # In one order for everybody: workers of different partitions meet at the same counters.
    deltas = sorted(cells.items())
    await conn.execute(
        f"INSERT INTO {schema}.cell AS t ({_CELL}, count) "
        f"SELECT * FROM {_rows('text', 'int', 'text', 'text', 'text', 'text', 'text', 'numeric')} "
        f"ON CONFLICT ({_CELL}) DO UPDATE SET count = t.count + excluded.count",
        *([getattr(cell, name) for cell, _ in deltas] for name in Cell._fields),
        [Decimal(number) for _, number in deltas],
    )


def _cause(change: Change) -> tuple[str | None, str | None]:
    return (change.cause.source, change.cause.id) if change.cause else (None, None)


async def note(
    conn: Conn, topic: str, partition: int, events: int, repeated: int, last_event_at: datetime, schema: str = SCHEMA
) -> None:
    """Add to what has been folded of a partition."""
    await conn.execute(
        f"INSERT INTO {schema}.folded AS f VALUES ($1, $2, $3, $4, $5) ON CONFLICT (topic, partition) DO UPDATE SET "
        "events = f.events + excluded.events, repeated = f.repeated + excluded.repeated, "
        "last_event_at = greatest(f.last_event_at, excluded.last_event_at)",
        topic,
        partition,
        events,
        repeated,
        last_event_at,
    )


async def cells(conn: Conn, organ: str, year: int) -> dict[Cell, Number]:
    """The counters of one organ's year that are not 0."""
    rows = await conn.fetch(
        f"SELECT {_CELL}, count FROM {SCHEMA}.cell WHERE organ = $1 AND year = $2 AND count <> 0", organ, year
    )
    return {Cell(*row[:7]): plain(row[7]) for row in rows}


async def has_numbers(conn: Conn, organ: str) -> bool:
    """Whether anything was ever counted for the organ."""
    return bool(await conn.fetchval(f"SELECT EXISTS (SELECT FROM {SCHEMA}.cell WHERE organ = $1)", organ))


async def all_rows(conn: Conn) -> list[Row]:
    """Every row of the fold, for a recount."""
    rows: list[Row] = []
    rows += [_request(row) for row in await conn.fetch(f"SELECT * FROM {SCHEMA}.request")]
    rows += [_review(row) for row in await conn.fetch(f"SELECT * FROM {SCHEMA}.review")]
    rows += [_tally(row) for row in await conn.fetch(f"SELECT * FROM {SCHEMA}.tally")]
    rows += [OfficeRow(*row) for row in await conn.fetch(f"SELECT * FROM {SCHEMA}.office")]
    return rows


async def all_cells(conn: Conn) -> dict[Cell, Number]:
    """All counters that are not 0."""
    rows = await conn.fetch(f"SELECT {_CELL}, count FROM {SCHEMA}.cell WHERE count <> 0")
    return {Cell(*row[:7]): plain(row[7]) for row in rows}
