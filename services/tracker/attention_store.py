"""The rows of what needs a person, and of which subject a fact's name stands for: written with the cases."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
import structlog

from services.events.cases import CaseEvent
from services.runtime.database import Conn, Pool
from services.runtime.health import Part
from services.runtime.retry import report_to, retry_in_place
from services.tracker import office_store, trail_store
from services.tracker.core.attention import ID_REUSED, items
from services.tracker.core.case import Case, is_amendment
from services.tracker.core.reference_data import ReferenceData
from services.tracker.core.rows import Row
from services.tracker.core.strands import Shelf, decided, is_request
from services.tracker.store import ATTENTION_COLUMNS, SCHEMA, decode_case, decode_strand
from services.words.remark import Remark, remark

NAMES = ("source", "id", "subject", "partition")
BETWEEN = -1
"""The piece of what no case can see by itself."""
_NAMED = "unnest($1::text[], $2::text[], $3::text[], $4::int[]) AS w(source, id, subject, partition)"
LOT = 500
LOT_EVENTS = 1000

log = structlog.get_logger(__name__)
_encode = msgspec.json.Encoder().encode

Piece = tuple[str, int]


def pieces(cases: Iterable[Case], shelf: Shelf) -> dict[Piece, Case | None]:
    """What changed, by subject and piece; None where it is gone."""
    changed: dict[Piece, Case | None] = {(case.subject, 0): case for case in cases}
    changed |= {(subject, number): case for subject, number, case in shelf.pieces()}
    return changed


def rows(partition: int, changed: Mapping[Piece, Case | None]) -> list[Row]:
    """The items of cases, as rows of :data:`ATTENTION_COLUMNS`."""
    listed: list[Row] = []
    for (subject, piece), case in changed.items():
        for place, item in enumerate(items(case) if case is not None else ()):
            listed.append(
                (
                    *(subject, piece, f"{place:05}", partition, item.kind, item.remark.code, item.since, item.organ),
                    *_named(item.remark),
                    _encode(item.remark),
                )
            )
    return listed


def _named(item: Remark) -> tuple[str, str]:
    if item.fact is not None:
        return item.fact.source, item.fact.id
    return str(item.values.get("source", "")), str(item.values.get("id", ""))


async def save(conn: Conn, changed: Mapping[Piece, Case | None], fresh: Sequence[Row]) -> None:
    """Write the items of what changed in the place of those that it had."""
    await clear(conn, changed)
    await put(conn, fresh)


async def clear(conn: Conn, changed: Mapping[Piece, Case | None]) -> None:
    """Take away the items of what changed."""
    if changed:
        await conn.execute(
            f"DELETE FROM {SCHEMA}.attention a USING unnest($1::text[], $2::bigint[]) AS w(subject, piece) "
            "WHERE (a.subject, a.piece) = (w.subject, w.piece)",
            [subject for subject, _ in changed],
            [piece for _, piece in changed],
        )


async def put(conn: Conn, items: Sequence[Row]) -> None:
    """Write items, as :func:`rows` gives them."""
    if items:
        await conn.copy_records_to_table("attention", schema_name=SCHEMA, columns=ATTENTION_COLUMNS, records=items)


def name_rows(partition: int, events: Iterable[CaseEvent]) -> list[Row]:
    """The names of the facts that events carry, as rows of :data:`NAMES`."""
    facts = [event.data.fact for event in events if event.data.fact is not None]
    return [(fact.source, fact.id, fact.subject, partition) for fact in facts]


async def put_right(conn: Conn, events: Iterable[CaseEvent]) -> None:
    """Whose facts these events say to be amended need no person any more, on whichever side; after their names are
    written."""
    amends = [e.data.fact.data.amends for e in events if e.data.fact is not None and is_amendment(e.data.fact)]
    await _put_right(conn, [(ref.source, ref.id) for ref in amends])


async def _put_right(conn: Conn, names: Sequence[tuple[str, str]]) -> None:
    """Somebody has amended a fact of each of these names, on whichever side; after they are written."""
    if names:
        await conn.execute(
            f"DELETE FROM {SCHEMA}.attention a USING unnest($1::text[], $2::text[]) AS w(source, fact) "
            f"WHERE (a.source, a.fact) = (w.source, w.fact) AND a.piece = {BETWEEN}",
            [source for source, _ in names],
            [id_ for _, id_ in names],
        )


async def organ_known(conn: Conn, codes: Sequence[str]) -> None:
    """What these organs posted under their codes waits for their registration no more."""
    if codes:
        await conn.execute(
            f"DELETE FROM {SCHEMA}.attention WHERE subject = ANY($1::text[]) AND piece > 0 "
            "AND code IN ('request-received', 'organ-registered')",
            list(codes),
        )


def _organ(event: CaseEvent) -> str:
    return event.data.request.organ if event.data.request is not None else event.subject


async def write_names(conn: Conn, names: Sequence[Row], organs: Mapping[str, str], now: datetime) -> None:
    """Note which subject each name stands for; a name that stands for another one already is reported."""
    names = sorted(names)
    if not await put_names(conn, names):
        await _report(conn, names, organs, now)


async def put_names(conn: Conn, names: Sequence[Row]) -> bool:
    """Note which subject each name stands for; whether none of them stood for one before.

    They are written in one order, so that two partitions with the same names can't wait for each other.
    """
    if not names:
        return True
    done = await conn.execute(
        f"INSERT INTO {SCHEMA}.fact_names SELECT * FROM {_NAMED} ORDER BY source, id ON CONFLICT DO NOTHING",
        *_columns(names),
    )
    return done == f"INSERT 0 {len(names)}"


async def report_reused(conn: Conn, names: Sequence[Row], events: Iterable[CaseEvent], now: datetime) -> None:
    """Report each of the events' names that stood for another subject before."""
    await _report(conn, names, {e.subject: _organ(e) for e in events}, now)


async def _report(conn: Conn, names: Sequence[Row], organs: Mapping[str, str], now: datetime) -> None:
    others = await conn.fetch(
        f"SELECT w.source, w.id, w.subject, w.partition, n.subject AS other FROM {_NAMED} "
        f"JOIN {SCHEMA}.fact_names n USING (source, id) WHERE n.subject <> w.subject",
        *_columns(names),
    )
    if others:
        await conn.executemany(
            f"INSERT INTO {SCHEMA}.attention ({', '.join(ATTENTION_COLUMNS)}) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING",
            [_reused(row, organs.get(row["subject"], row["subject"]), now) for row in others],
        )


def _columns(names: Sequence[Row]) -> list[list[Any]]:
    return [list(column) for column in zip(*names, strict=True)]


def _reused(row: Any, organ: str, now: datetime) -> Row:
    what = remark(ID_REUSED, _Ref(row["source"], row["id"]), other=row["other"])
    place = f"{row['source']} {row['id']}"
    return (
        *(row["subject"], BETWEEN, place, row["partition"], "contradicting", ID_REUSED, now, organ),
        *(row["source"], row["id"], _encode(what)),
    )


class _Ref(msgspec.Struct, frozen=True):
    source: str
    id: str


async def finish(pool: Pool, part: Part, now: datetime) -> None:
    """Bring what an earlier release decided into these tables; waits for a database that is away."""

    async def lot() -> int:
        async with pool.acquire() as conn:
            return await list_lot(conn, now)

    total = 0
    patiently = retry_in_place(lot, on_retry=report_to(part))
    while done := await patiently():
        total += done
        part.waiting(f"what needs a person is looked for in the cases, {total} done")
    part.ok()


class _Name(msgspec.Struct):
    source: str
    id: str


class _Aim(msgspec.Struct):
    amends: _Name | None = None


class _Carried(_Name, kw_only=True):
    data: _Aim


class _CarriedData(msgspec.Struct):
    fact: _Carried | None = None


class _Carrying(msgspec.Struct):
    data: _CarriedData


_carrying = msgspec.json.Decoder(_Carrying)


async def list_lot(conn: Conn, now: datetime) -> int:
    """One lot of subjects; how many it had, 0 when there is nothing left."""
    async with conn.transaction():
        rows_ = await conn.fetch(
            f"SELECT subject FROM {SCHEMA}.unlisted WHERE NOT named ORDER BY subject LIMIT {LOT} FOR UPDATE"
        )
        subjects = [row["subject"] for row in rows_]
        if not subjects:
            return 0
        cases = await conn.fetch(
            f"SELECT subject, partition, organ, body FROM {SCHEMA}.cases WHERE subject = ANY($1::text[]) "
            "ORDER BY subject FOR UPDATE",
            subjects,
        )
        listed: list[tuple[int, Case]] = []
        for row in cases:
            case = decode_case(row["body"])
            changed: dict[Piece, Case | None] = {(case.subject, 0): case} if is_request(case) else {}
            await save(conn, changed, rows(row["partition"], changed))
            listed.append((row["partition"], case))
        await trail_store.save(conn, listed)
        await office_store.save(conn, listed)
        organs = {row["subject"]: row["organ"] for row in cases}
        # An organ's code can have any number of events: they come in parts.
        names: list[Row] = []
        aims: list[tuple[str, str]] = []
        async for event in conn.cursor(
            f"SELECT subject, partition, body FROM {SCHEMA}.events WHERE subject = ANY($1::text[])",
            subjects,
            prefetch=LOT_EVENTS,
        ):
            fact = _carrying.decode(event["body"]).data.fact
            if fact is None:
                continue
            names.append((fact.source, fact.id, event["subject"], event["partition"]))
            if fact.data.amends is not None:
                aims.append((fact.data.amends.source, fact.data.amends.id))
            if len(names) == LOT_EVENTS:
                await write_names(conn, names, organs, now)
                names = []
        await write_names(conn, names, organs, now)
        await _put_right(conn, aims)
        await conn.execute(
            f"DELETE FROM {SCHEMA}.unlisted u WHERE subject = ANY($1::text[]) "
            f"AND NOT EXISTS (SELECT FROM {SCHEMA}.strands s WHERE s.subject = u.subject)",
            subjects,
        )
        await conn.execute(f"UPDATE {SCHEMA}.unlisted SET named = true WHERE subject = ANY($1::text[])", subjects)
    return len(subjects)


async def finish_strands(pool: Pool, part: Part, reference_data: ReferenceData) -> None:
    """What organs posted under their codes, by the organs and calendars that are known; waits for a database that is
    away."""

    async def one() -> bool:
        async with pool.acquire() as conn:
            return await list_strands(conn, reference_data)

    patiently = retry_in_place(one, on_retry=report_to(part))
    while await patiently():
        pass


async def list_strands(conn: Conn, reference_data: ReferenceData) -> bool:
    """What of one subject's strands needs a person; False when there is no such subject left."""
    async with conn.transaction():
        unlisted = await conn.fetchrow(
            f"SELECT c.subject, c.partition, c.body FROM {SCHEMA}.unlisted u JOIN {SCHEMA}.cases c USING (subject) "
            "WHERE u.named ORDER BY subject LIMIT 1 FOR UPDATE OF c"
        )
        if unlisted is None:
            return False
        head, partition = decode_case(unlisted["body"]), unlisted["partition"]
        if not is_request(head):
            await _list_pieces(conn, partition, lambda: {(head.subject, 0): head})
        lot: list[bytes] = []

        def pieces_of(bodies: Sequence[bytes]) -> dict[Piece, Case | None]:
            strands = [decode_strand(body) for body in bodies]
            return {(head.subject, s.number): decided(head, s, reference_data) for s in strands}

        async for row in conn.cursor(
            f"SELECT body FROM {SCHEMA}.strands WHERE subject = $1 ORDER BY number", head.subject, prefetch=LOT
        ):
            lot.append(row["body"])
            if len(lot) == LOT:
                await _list_pieces(conn, partition, partial(pieces_of, lot))
                lot = []
        await _list_pieces(conn, partition, partial(pieces_of, lot))
        await conn.execute(f"DELETE FROM {SCHEMA}.unlisted WHERE subject = $1", head.subject)
    return True


async def _list_pieces(conn: Conn, partition: int, made: Callable[[], dict[Piece, Case | None]]) -> None:
    """Save what pieces need; that is made beside the loop, which others work on."""
    changed = await asyncio.to_thread(made)
    await save(conn, changed, await asyncio.to_thread(rows, partition, changed))
