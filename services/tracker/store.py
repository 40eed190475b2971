"""The tracker's rows: cases, tallies and events in the schema ``tracker``, read and written in bulk."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from services.events.cases import CaseEvent
from services.events.codec import encode
from services.events.envelope import PREFIX, VERSION
from services.events.facts import TallyRecorded
from services.events.vocabulary import Ref
from services.runtime.database import Conn
from services.tracker.case import Case

SCHEMA = "tracker"
RELAY_ROWS = 2000

_encoder = msgspec.json.Encoder(decimal_format="number")
_cases = msgspec.json.Decoder(Case)
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
        "ORDER BY wake_at LIMIT $3 FOR UPDATE SKIP LOCKED",
        partition,
        now,
        limit,
    )
    return [decode_case(row["body"]) for row in rows]


async def save_cases(conn: Conn, changes: Sequence[Change], now: datetime) -> None:
    """Write the cases."""
    if not changes:
        return
    cases = [c.case for c in changes]
    await conn.execute(
        f"INSERT INTO {SCHEMA}.cases AS c (subject, partition, body, sequence, state, organ, received_on, due_on, "
        "closed_on, waiting_for, calendar, wake_at, updated_at) "
        "SELECT *, $13::timestamptz FROM unnest($1::text[], $2::int[], $3::bytea[], $4::bigint[], $5::text[], "
        "$6::text[], $7::date[], $8::date[], $9::date[], $10::text[], $11::text[], $12::timestamptz[]) "
        "ON CONFLICT (subject) DO UPDATE SET (partition, body, sequence, state, organ, received_on, due_on, closed_on, "
        "waiting_for, calendar, wake_at, updated_at) = (excluded.partition, excluded.body, excluded.sequence, "
        "excluded.state, excluded.organ, excluded.received_on, excluded.due_on, excluded.closed_on, "
        "excluded.waiting_for, excluded.calendar, excluded.wake_at, excluded.updated_at)",
        [c.subject for c in cases],
        [c.partition for c in changes],
        [encode_case(c) for c in cases],
        [c.sequence for c in cases],
        [c.view.state for c in cases],
        [c.view.organ for c in cases],
        [c.view.received_on for c in cases],
        [c.view.due_on for c in cases],
        [c.view.closed_on for c in cases],
        [c.view.waiting_for for c in cases],
        [c.view.calendar.partition(" ")[0] for c in cases],
        [c.wake_at for c in changes],
        now,
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


async def append_events(conn: Conn, partition: int, events: Sequence[CaseEvent]) -> None:
    """Append events to the history, which is also the outbox; only under the lock of the partition's progress row."""
    if events:
        await conn.copy_records_to_table(
            "events",
            schema_name=SCHEMA,
            columns=("partition", "subject", "sequence", "name", "body"),
            records=[
                (
                    partition,
                    e.subject,
                    e.sequence,
                    str(e.__struct_config__.tag).removeprefix(PREFIX).removesuffix(VERSION),
                    encode(e),
                )
                for e in events
            ],
        )


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
    """Remember that the partition's events up to ``through`` are in the log; it never goes back."""
    await conn.execute(
        f"INSERT INTO {SCHEMA}.published AS p VALUES ($1, $2) "
        "ON CONFLICT (partition) DO UPDATE SET through = greatest(p.through, excluded.through)",
        partition,
        through,
    )


async def reference_applied(conn: Conn, partition: int) -> int:
    """How many reference records the cases of a partition have been looked at with."""
    found: int | None = await conn.fetchval(
        f"SELECT known FROM {SCHEMA}.reference_applied WHERE partition = $1", partition
    )
    return found or 0


async def apply_reference(
    conn: Conn, partition: int, now: datetime, organs: Sequence[str], calendars: Sequence[str], known: int
) -> None:
    """Let the clock look at the cases of a partition that new organs or calendars touch; remember ``known``."""
    await conn.execute(
        f"UPDATE {SCHEMA}.cases SET wake_at = $2 WHERE partition = $1 AND (waiting_for = ANY($3::text[]) "
        "OR calendar = ANY($4::text[]) AND state IN ('open', 'stopped', 'unconfirmed'))",
        partition,
        now,
        [f"organ-registered {organ}" for organ in organs],
        list(calendars),
    )
    await conn.execute(
        f"INSERT INTO {SCHEMA}.reference_applied VALUES ($1, $2) "
        "ON CONFLICT (partition) DO UPDATE SET known = excluded.known",
        partition,
        known,
    )
