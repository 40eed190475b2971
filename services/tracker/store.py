"""The tracker's rows: cases, tallies and events in the schema ``tracker``, read and written in bulk."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from services.events.cases import CaseEvent
from services.events.codec import CASE_TYPES, encode, exact
from services.events.envelope import PREFIX, VERSION
from services.events.facts import TallyRecorded
from services.events.vocabulary import Ref
from services.runtime.applying import Unfit
from services.runtime.database import Conn
from services.tracker.case import Case, organ_of

SCHEMA = "tracker"
RELAY_ROWS = 2000
MAX_EVENT = 900_000
"""Bytes of an event: Kafka's usual limit, with room for key and headers. What is larger could never be published, and
all events of its partition would wait behind it; so it is not written, and the fact that leads to it is refused."""

_NAMES: dict[type, str] = {s: tag.removeprefix(PREFIX).removesuffix(VERSION) for tag, s in CASE_TYPES.items()}
_encoder = msgspec.json.Encoder(decimal_format="number")
_cases = msgspec.json.Decoder(Case, float_hook=exact)
_tallies = msgspec.json.Decoder(TallyRecorded)


@dataclass(frozen=True, slots=True)
class Change:
    """A case to be written, with the instant at which the clock has to look at it again."""

    case: Case
    partition: int
    wake_at: datetime | None


def encode_case(case: Case) -> bytes:
    """A case as it is stored."""
    return _encoder.encode(case)


def decode_case(body: bytes) -> Case:
    """A case from its stored body."""
    return _cases.decode(body)


async def load_cases(conn: Conn, subjects: Iterable[str]) -> dict[str, Case]:
    """The cases among ``subjects`` that exist, locked until the transaction ends."""
    rows = await conn.fetch(
        f"SELECT subject, body FROM {SCHEMA}.cases WHERE subject = ANY($1::text[]) ORDER BY subject FOR UPDATE",
        list(subjects),
    )
    return {row["subject"]: decode_case(row["body"]) for row in rows}


async def load_tallies(conn: Conn, refs: Iterable[Ref]) -> dict[Ref, TallyRecorded]:
    """The tallies among ``refs`` that exist, as they first came."""
    wanted = list(refs)
    if not wanted:
        return {}
    rows = await conn.fetch(
        f"SELECT t.source, t.id, t.body FROM {SCHEMA}.tallies t "
        "JOIN unnest($1::text[], $2::text[]) AS w(source, id) USING (source, id)",
        [r.source for r in wanted],
        [r.id for r in wanted],
    )
    return {Ref(row["source"], row["id"]): _tallies.decode(row["body"]) for row in rows}


async def due_cases(conn: Conn, partition: int, now: datetime, limit: int) -> list[Case]:
    """Cases of a partition that the clock has to look at, the longest due first, locked."""
    rows = await conn.fetch(
        f"SELECT body FROM {SCHEMA}.cases WHERE partition = $1 AND wake_at <= $2 "
        "ORDER BY wake_at, subject LIMIT $3 FOR UPDATE SKIP LOCKED",
        partition,
        now,
        limit,
    )
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
EVENT_COLUMNS = ("partition", "subject", "sequence", "name", "body")

Row = tuple[Any, ...]


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
        view.calendar.partition(" ")[0],
        change.wake_at,
        now,
    )


def event_row(partition: int, event: CaseEvent) -> Row:
    """An event as a row of :data:`EVENT_COLUMNS`. Raises :class:`Unfit` if it is too large for the log."""
    body = encode(event)
    if len(body) > MAX_EVENT:
        raise Unfit(f"leads to an event of {len(body)} bytes; expected at most {MAX_EVENT}")
    return partition, event.subject, event.sequence, event_name(event), body


def event_name(event: CaseEvent) -> str:
    """The contract's name of an event, e.g. ``due-date-set``."""
    return _NAMES[event.__class__]


async def save_cases(conn: Conn, rows: Sequence[Row]) -> None:
    """Write cases, each as :func:`case_row` gives it."""
    if not rows:
        return
    names = list(CASE_COLUMNS)
    places = ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(CASE_COLUMNS.values(), 1))
    await conn.execute(
        f"INSERT INTO {SCHEMA}.cases ({', '.join(names)}) SELECT * FROM unnest({places}) "
        f"ON CONFLICT (subject) DO UPDATE SET ({', '.join(names[1:])}) = "
        f"({', '.join(f'excluded.{name}' for name in names[1:])})",
        *(list(column) for column in zip(*rows, strict=True)),
    )


async def postpone(conn: Conn, subjects: Sequence[str], until: datetime) -> None:
    """Let the clock look at these cases again at ``until``."""
    if subjects:
        await conn.execute(
            f"UPDATE {SCHEMA}.cases SET wake_at = $2 WHERE subject = ANY($1::text[])", list(subjects), until
        )


async def save_tallies(conn: Conn, tallies: Sequence[TallyRecorded]) -> None:
    """Write tallies seen for the first time."""
    if tallies:
        await conn.execute(
            f"INSERT INTO {SCHEMA}.tallies (source, id, body) "
            "SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[])",
            [t.source for t in tallies],
            [t.id for t in tallies],
            [encode(t) for t in tallies],
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
    """Append events, each as :func:`event_row` gives it, to the history, which is also the outbox; only under the lock
    of their partition's progress row. None if there are no rows."""
    if not rows:
        return None
    last = f"coalesce((SELECT max(number) FROM {SCHEMA}.events WHERE partition = $1), 0)"
    found = await conn.fetchrow(
        f"SELECT {last} AS last, coalesce((SELECT through FROM {SCHEMA}.published WHERE partition = $1), 0) AS through",
        partition,
    )
    assert found is not None
    await conn.copy_records_to_table("events", schema_name=SCHEMA, columns=EVENT_COLUMNS, records=rows)
    return Appended(found["through"], found["last"], await conn.fetchval(f"SELECT {last}", partition), rows)


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
    tell by the sequence.
    """
    await conn.execute(
        "WITH unhurried AS (SELECT set_config('synchronous_commit', 'off', true)) "
        f"INSERT INTO {SCHEMA}.published AS p SELECT $1::int, $2::bigint FROM unhurried "
        "ON CONFLICT (partition) DO UPDATE SET through = greatest(p.through, excluded.through)",
        partition,
        through,
    )
