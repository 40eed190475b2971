"""The tracker's rows: cases, strands and events in the schema ``tracker``, read and written in bulk."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from services.events.cases import CaseEvent
from services.events.codec import encode, exact
from services.runtime.applying import Unfit
from services.runtime.database import Conn, Pool
from services.tracker.core.case import Case
from services.tracker.core.rows import Change, Row, event_name
from services.tracker.core.strands import Name, Shelf, Strand, names
from services.tracker.core.view import organ_of

SCHEMA = "tracker"
RELAY_ROWS = 2000
MAX_EVENT = 900_000
"""Bytes of an event: Kafka's usual limit, with room for key and headers. What is larger could never be published, and
all events of its partition would wait behind it; so it is not written, and the fact that leads to it is refused."""

_encoder = msgspec.json.Encoder(decimal_format="number")
_cases = msgspec.json.Decoder(Case, float_hook=exact)
_strands = msgspec.json.Decoder(Strand, float_hook=exact)


def encode_case(case: Case) -> bytes:
    """A case as it is stored."""
    return _encoder.encode(case)


def decode_case(body: bytes) -> Case:
    """A case from its stored body."""
    return _cases.decode(body)


def encode_strand(strand: Strand) -> bytes:
    """A strand as it is stored."""
    return _encoder.encode(strand)


def decode_strand(body: bytes) -> Strand:
    """A strand from its stored body."""
    return _strands.decode(body)


async def load_cases(conn: Conn, subjects: Iterable[str]) -> dict[str, Case]:
    """The cases among ``subjects`` that exist, locked until the transaction ends."""
    rows = await conn.fetch(
        f"SELECT subject, body FROM {SCHEMA}.cases WHERE subject = ANY($1::text[]) ORDER BY subject FOR UPDATE",
        list(subjects),
    )
    return {row["subject"]: decode_case(row["body"]) for row in rows}


async def load_strands(conn: Conn, wanted: Iterable[tuple[str, Name]], whole: Iterable[str] = ()) -> list[Strand]:
    """The strands that names (each with its subject) lead to, and all of the subjects ``whole``; each once."""
    rows: list[Any] = []
    if asked := list(wanted):
        rows += await conn.fetch(
            f"SELECT subject, number, body FROM {SCHEMA}.strands WHERE (subject, number) IN ("
            f"SELECT n.subject, n.number FROM {SCHEMA}.strand_names n "
            "JOIN unnest($1::text[], $2::text[], $3::text[]) AS w(subject, source, id) USING (subject, source, id))",
            [subject for subject, _ in asked],
            [name[0] for _, name in asked],
            [name[1] for _, name in asked],
        )
    if subjects := list(whole):
        rows += await conn.fetch(
            f"SELECT subject, number, body FROM {SCHEMA}.strands WHERE subject = ANY($1::text[])", subjects
        )
    bodies = {(row["subject"], row["number"]): row["body"] for row in rows}
    return [decode_strand(body) for body in bodies.values()]


async def last_strands(pool: Pool, subject: str, limit: int) -> list[Strand]:
    """The last ``limit`` strands that an organ began."""
    rows = await pool.fetch(
        f"SELECT body FROM {SCHEMA}.strands WHERE subject = $1 ORDER BY number DESC LIMIT $2", subject, limit
    )
    return [decode_strand(row["body"]) for row in rows]


DUE = (
    f"SELECT body FROM {SCHEMA}.cases WHERE partition = $1 AND wake_at <= $2 "
    "ORDER BY wake_at, subject LIMIT $3 FOR UPDATE SKIP LOCKED"
)
"""What the clock has to look at, read from the index ``cases_wake`` alone."""


async def due_cases(conn: Conn, partition: int, now: datetime, limit: int) -> list[Case]:
    """Cases of a partition that the clock has to look at, the longest due first, locked."""
    rows = await conn.fetch(DUE, partition, now, limit)
    return [decode_case(row["body"]) for row in rows]


CASE_COLUMNS = {
    "subject": "text",
    "partition": "int",
    "body": "bytea",
    "sequence": "bigint",
    "state": "text",
    "organ": "text",
    "received_on": "date",
    "due_on": "date",
    "closed_on": "date",
    "waiting_for": "text",
    "calendar": "text",
    "wake_at": "timestamptz",
    "updated_at": "timestamptz",
}
ATTENTION_COLUMNS = (
    *("subject", "piece", "place", "partition", "kind", "code", "since", "organ", "source", "fact", "body"),
)
EVENT_COLUMNS = ("partition", "subject", "sequence", "name", "body")


def case_row(change: Change, now: datetime) -> Row:
    """A case as a row of :data:`CASE_COLUMNS`."""
    case, view = change.case, change.case.view
    return (
        case.subject,
        change.partition,
        encode_case(case),
        case.sequence,
        view.state,
        organ_of(case),
        view.received_on,
        view.due_on,
        view.closed_on,
        view.waiting_for,
        view.calendar_id,
        change.wake_at,
        now,
    )


def event_row(partition: int, event: CaseEvent) -> Row:
    """An event as a row of :data:`EVENT_COLUMNS`. Raises :class:`Unfit` if it is too large for the log."""
    body = encode(event)
    if len(body) > MAX_EVENT:
        text = f"leads to an event of {len(body)} bytes; expected at most {MAX_EVENT}"
        raise Unfit(text, "result-too-large", bytes=len(body), most=MAX_EVENT)
    return partition, event.subject, event.sequence, event_name(event), body


_OTHERS = list(CASE_COLUMNS)[1:]
UPSERT_CASES = (
    f"INSERT INTO {SCHEMA}.cases ({', '.join(CASE_COLUMNS)}) "
    f"SELECT * FROM unnest({', '.join(f'${n}::{kind}[]' for n, kind in enumerate(CASE_COLUMNS.values(), 1))}) "
    f"ON CONFLICT (subject) DO UPDATE SET ({', '.join(_OTHERS)}) = ({', '.join(f'excluded.{n}' for n in _OTHERS)})"
)
"""Its parameters are the columns of :func:`case_row`, an array each."""


async def save_cases(conn: Conn, rows: Sequence[Row]) -> None:
    """Write cases, each as :func:`case_row` gives it."""
    if rows:
        await conn.execute(UPSERT_CASES, *(list(column) for column in zip(*rows, strict=True)))


async def postpone(conn: Conn, subjects: Sequence[str], until: datetime) -> None:
    """Let the clock look at these cases again at ``until``."""
    if subjects:
        await conn.execute(
            f"UPDATE {SCHEMA}.cases SET wake_at = $2 WHERE subject = ANY($1::text[])", list(subjects), until
        )


STRAND_COLUMNS = ("subject", "partition", "number", "body")
NAME_COLUMNS = ("subject", "partition", "source", "id", "number")


def strand_rows(shelf: Shelf, partition: int) -> tuple[list[Row], list[Row]]:
    """What a shelf holds, as rows of :data:`STRAND_COLUMNS` and :data:`NAME_COLUMNS`."""
    strands = [s for of_subject in shelf.strands.values() for s in of_subject.values()]
    named = {(s.subject, name): s.number for s in strands for kept in s.kept for name in names(kept.fact)}
    return (
        [(s.subject, partition, s.number, encode_strand(s)) for s in strands],
        [(subject, partition, *name, number) for (subject, name), number in named.items()],
    )


async def save_strands(conn: Conn, partition: int, shelf: Shelf) -> None:
    """Write what changed of a shelf's strands, and the names that lead to them."""
    await _drop_strands(conn, [key for key, strand in shelf.changed.items() if strand is None])
    await _put_strands(conn, partition, [strand for strand in shelf.changed.values() if strand is not None])
    await _drop_names(conn, [key for key, number in shelf.named.items() if number is None])
    await _put_names(conn, partition, {key: number for key, number in shelf.named.items() if number is not None})


async def _drop_strands(conn: Conn, gone: Sequence[tuple[str, int]]) -> None:
    if gone:
        await conn.execute(
            f"DELETE FROM {SCHEMA}.strands s USING unnest($1::text[], $2::bigint[]) AS w(subject, number) "
            "WHERE (s.subject, s.number) = (w.subject, w.number)",
            [subject for subject, _ in gone],
            [number for _, number in gone],
        )


async def _put_strands(conn: Conn, partition: int, kept: Sequence[Strand]) -> None:
    if kept:
        await conn.execute(
            f"INSERT INTO {SCHEMA}.strands (subject, partition, number, body) "
            "SELECT w.subject, $1, w.number, w.body "
            "FROM unnest($2::text[], $3::bigint[], $4::bytea[]) AS w(subject, number, body) "
            "ON CONFLICT (subject, number) DO UPDATE SET body = excluded.body",
            partition,
            [strand.subject for strand in kept],
            [strand.number for strand in kept],
            [encode_strand(strand) for strand in kept],
        )


async def _drop_names(conn: Conn, lost: Sequence[tuple[str, Name]]) -> None:
    if lost:
        await conn.execute(
            f"DELETE FROM {SCHEMA}.strand_names n USING unnest($1::text[], $2::text[], $3::text[]) "
            "AS w(subject, source, id) WHERE (n.subject, n.source, n.id) = (w.subject, w.source, w.id)",
            [subject for subject, _ in lost],
            [name[0] for _, name in lost],
            [name[1] for _, name in lost],
        )


async def _put_names(conn: Conn, partition: int, named: Mapping[tuple[str, Name], int]) -> None:
    if named:
        await conn.execute(
            f"INSERT INTO {SCHEMA}.strand_names (subject, partition, source, id, number) "
            "SELECT w.subject, $1, w.source, w.id, w.number "
            "FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[]) AS w(subject, source, id, number) "
            "ON CONFLICT (subject, source, id) DO UPDATE SET number = excluded.number",
            partition,
            [subject for subject, _ in named],
            [name[0] for _, name in named],
            [name[1] for _, name in named],
            list(named.values()),
        )


@dataclass(frozen=True, slots=True)
class Appended:
    """Events that one transaction appended to a partition's history."""

    published: int
    """The number of the partition's last event known to be in the log."""
    before: int
    """The number of the partition's last event before these; 0 for none."""
    through: int
    """The number of the last of these."""
    rows: Sequence[Row]
    """Each as :func:`event_row` gives it."""


async def append_events(conn: Conn, partition: int, rows: Sequence[Row]) -> Appended | None:
    """Append many events, each as :func:`event_row` gives it, to the history, which is also the outbox; only under the
    lock of their partition's progress row. None if there are no rows."""
    if not rows:
        return None
    last = f"coalesce((SELECT max(number) FROM {SCHEMA}.events WHERE partition = $1), 0)"
    before = await conn.fetchrow(
        f"SELECT {last} AS last, coalesce((SELECT through FROM {SCHEMA}.published WHERE partition = $1), 0) AS through",
        partition,
    )
    assert before is not None
    await conn.copy_records_to_table("events", schema_name=SCHEMA, columns=EVENT_COLUMNS, records=rows)
    return Appended(before["through"], before["last"], await conn.fetchval(f"SELECT {last}", partition), rows)


async def unpublished(conn: Conn, partition: int) -> list[tuple[int, str, bytes]]:
    """The next events of a partition that are not in the log yet: number, subject and body, in order."""
    rows = await conn.fetch(
        f"SELECT number, subject, body FROM {SCHEMA}.events WHERE partition = $1 AND number > "
        f"coalesce((SELECT through FROM {SCHEMA}.published WHERE partition = $1), 0) ORDER BY number LIMIT $2",
        partition,
        RELAY_ROWS,
    )
    return [(row["number"], row["subject"], row["body"]) for row in rows]


async def mark_published(conn: Conn, partition: int, through: int) -> None:
    """Remember that the partition's events up to ``through`` are in the log; it never goes back.

    It does not wait for the disk: a crash of the database that loses it has them published once more, which readers
    recognise by the sequence.
    """
    await conn.execute(
        "WITH unhurried AS (SELECT set_config('synchronous_commit', 'off', true)) "
        f"INSERT INTO {SCHEMA}.published AS p SELECT $1::int, $2::bigint FROM unhurried "
        "ON CONFLICT (partition) DO UPDATE SET through = greatest(p.through, excluded.through)",
        partition,
        through,
    )
