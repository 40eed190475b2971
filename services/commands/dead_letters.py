"""``shixian dead-letters``: what could not be applied, looked at and settled.

A letter is named by where it stood: ``facts/3/1041`` is offset 1041 of partition 3 of the fact topic. Letters are kept
for good; settling one changes its state and says when and why, never its bytes.
"""

import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from msgspec.structs import replace

from services.events import brokers
from services.events.codec import decode_with_extensions, encode
from services.events.facts import Fact, ReferenceFact
from services.events.refusals import Refused
from services.runtime import shadow_schema
from services.runtime.clock import SystemClock
from services.runtime.dead_letters import CUT_TEXT
from services.runtime.failed import Failed, postgres_failed, reason_of
from services.runtime.settings import Settings
from services.tracker.core.apply import MAX_FACT
from services.words.catalogue import refusal

SCHEMAS = {"facts": "tracker", "cases": "stats"}
"""Which service's letters are those of a topic."""
STATES = ("open", "replayed", "discarded")
_NUMBER = re.compile("[0-9]{1,18}")
_HEADERS = (("content-type", b"application/cloudevents+json"),)
_COLUMNS = (
    'topic, partition, "offset", key, value, reason, recorded_at, state, settled_at, why, subject, source, event_id, '
    'code, "values"'
)


@dataclass(frozen=True, slots=True)
class Name:
    """Where a letter stood: the topic without its prefix, partition and offset."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter with its state."""

    name: Name
    key: bytes | None
    value: bytes
    reason: str
    recorded_at: datetime
    state: str
    settled_at: datetime | None
    why: str
    subject: str | None = None
    source: str | None = None
    event_id: str | None = None
    """What it is about, as far as it can be read."""
    code: str = "unfit"
    values: str = "{}"
    """Of the reason; the values as JSON."""


def parse(text: str) -> Name:
    """A letter's name. Raises :class:`Failed`."""
    parts = text.split("/")
    if len(parts) != 3 or parts[0] not in SCHEMAS or not all(map(_NUMBER.fullmatch, parts[1:])):
        raise Failed(f"{text!r} names no dead letter; expected topic/partition/offset, e.g. facts/3/1041")
    return Name(parts[0], min(int(parts[1]), 2**31 - 1), int(parts[2]))


@asynccontextmanager
async def _connected(settings: Settings) -> AsyncIterator[Any]:
    try:
        conn = await asyncpg.connect(settings.postgres, timeout=30)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise postgres_failed(error) from error
    try:
        yield conn
    except (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError) as error:
        raise postgres_failed(error) from error
    except asyncpg.UndefinedColumnError:
        raise Failed("the tables are of an older version: start the service once") from None
    finally:
        conn.terminate()


def _letter(row: Any, settings: Settings) -> Letter:
    topic, partition, offset, *rest = row
    return Letter(Name(topic.removeprefix(settings.topic_prefix), partition, offset), *rest)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters to list; an empty text is all of them."""

    state: str = ""
    source: str = ""
    """The intake system, as the record names it."""
    subject: str = ""


def listed(schema: str, topic: str, wanted: Wanted) -> tuple[str, list[Any]]:
    """The tables and conditions of a query for the letters of a topic, with its values."""
    given = {name: getattr(wanted, name) for name in ("state", "source", "subject") if getattr(wanted, name)}
    conditions = ["topic = $1", *(f"{name} = ${place}" for place, name in enumerate(given, 2))]
    # Longer names are kept cut.
    return f"FROM {schema}.dead_letter WHERE {' AND '.join(conditions)}", [
        topic,
        *(v[:CUT_TEXT] for v in given.values()),
    ]


async def find(settings: Settings, wanted: Wanted, limit: int = 100) -> tuple[list[Letter], int]:
    """The letters that are wanted, the oldest first, and how many there are in all."""
    letters: list[Letter] = []
    total = 0
    async with _connected(settings) as conn:
        for topic, schema in SCHEMAS.items():
            if not await shadow_schema.exists(conn, schema):
                continue
            which, values = listed(schema, settings.topic_prefix + topic, wanted)
            total += await conn.fetchval(f"SELECT count(*) {which}", *values)
            rows = await conn.fetch(
                f'SELECT {_COLUMNS} {which} ORDER BY recorded_at, partition, "offset" LIMIT ${len(values) + 1}',
                *values,
                limit,
            )
            letters += [_letter(row, settings) for row in rows]
    return sorted(letters, key=lambda x: x.recorded_at)[:limit], total


async def show(settings: Settings, name: Name) -> Letter:
    """One letter. Raises :class:`Failed`."""
    async with _connected(settings) as conn:
        return await _one(conn, settings, name)


async def _one(conn: Any, settings: Settings, name: Name, lock: str = "") -> Letter:
    schema = SCHEMAS[name.topic]
    row = None
    if await shadow_schema.exists(conn, schema):
        row = await conn.fetchrow(
            f'SELECT {_COLUMNS} FROM {schema}.dead_letter WHERE topic = $1 AND partition = $2 AND "offset" = $3 {lock}',
            settings.topic_prefix + name.topic,
            name.partition,
            name.offset,
        )
    if row is None:
        raise Failed(f"there is no dead letter {name}")
    return _letter(row, settings)


async def replay(settings: Settings, names: Sequence[Name], edited: bytes | None, why: str) -> list[str]:
    """Put letters of the fact topic back onto the log, ``edited`` in the place of their bytes; what was done of each.

    The bytes must be a fact by now: a newer version reads it, or it was put right. All are checked before the first is
    written. A crash between writing and noting it makes a repetition necessary, which the tracker drops as a duplicate.
    Raises :class:`Failed`.
    """
    async with _connected(settings) as conn, conn.transaction():
        facts = []
        for name in names:
            if name.topic != "facts":
                raise Failed(
                    f"{name}: a case event can't be put back behind its successors; once its cause is removed, "
                    "`shixian rebuild --service stats --swap` folds it in its place"
                )
            letter = await _one(conn, settings, name, "FOR UPDATE")
            if letter.state != "open":
                raise Failed(f"{name} was {letter.state} on {letter.settled_at}")
            facts.append(_fact(name, edited if edited is not None else letter.value, settings))
        done = [f"{name} replayed at {place}" for name, place in zip(names, await _write(settings, facts), strict=True)]
        for name in names:
            await _settle(conn, settings, name, "replayed", why or ("edited" if edited is not None else "as it was"))
    return done


def _fact(name: Name, value: bytes, settings: Settings) -> tuple[Fact, bytes]:
    try:
        fact, extensions = decode_with_extensions(value)
    except Refused as error:
        raise Failed(f"{name} is still not a valid fact: {error}") from None
    if len(value) > MAX_FACT:
        raise Failed(f"{name} is {len(value)} bytes long; expected at most {MAX_FACT}")
    if fact.sequence is not None:
        raise Failed(f"{name}: $.sequence: is set; only case events have one")
    written = fact if fact.recordedtime else replace(fact, recordedtime=SystemClock(settings.now).now())
    return written, extensions


async def _write(settings: Settings, facts: Sequence[tuple[Fact, bytes]]) -> list[str]:
    """Where each fact now stands: reference facts in their own topic, all under their subject."""
    producer = AIOKafkaProducer(
        **brokers.client(settings.bootstrap),
        acks="all",
        enable_idempotence=True,
        compression_type=settings.codec,
    )
    places = []
    try:
        await producer.start()
        for fact, extensions in facts:
            reference = isinstance(fact, ReferenceFact)
            topic = settings.reference_topic if reference else settings.facts_topic
            key = fact.subject.encode()
            at = await producer.send_and_wait(topic, encode(fact, extensions), key=key, headers=list(_HEADERS))
            places.append(f"{topic.removeprefix(settings.topic_prefix)}/{at.partition}/{at.offset}")
    except KafkaError as error:
        raise Failed(f"Kafka: {reason_of(error)}") from error
    finally:
        await producer.stop()
    return places


async def discard(settings: Settings, names: Sequence[Name], why: str) -> list[str]:
    """Note that letters need no replay, and why. Raises :class:`Failed`."""
    async with _connected(settings) as conn, conn.transaction():
        for name in names:
            letter = await _one(conn, settings, name, "FOR UPDATE")
            if letter.state != "open":
                raise Failed(f"{name} was {letter.state} on {letter.settled_at}")
            await _settle(conn, settings, name, "discarded", why)
    return [f"{name} discarded" for name in names]


async def _settle(conn: Any, settings: Settings, name: Name, state: str, why: str) -> None:
    await conn.execute(
        f"UPDATE {SCHEMAS[name.topic]}.dead_letter SET state = $4, why = $5, settled_at = $6 "
        'WHERE topic = $1 AND partition = $2 AND "offset" = $3',
        settings.topic_prefix + name.topic,
        name.partition,
        name.offset,
        state,
        why,
        datetime.now(UTC),
    )


def describe(letter: Letter) -> list[str]:
    """All that is known of a letter, for a person; its bytes are text where they can be."""
    settled = f", {letter.settled_at:%Y-%m-%d %H:%M:%SZ}: {letter.why}" if letter.settled_at else ""
    words = refusal(letter.code, json.loads(letter.values))
    key = "none" if letter.key is None else letter.key.decode(errors="backslashreplace")
    return [
        f"name      {letter.name}",
        f"state     {letter.state}{settled}",
        f"recorded  {letter.recorded_at:%Y-%m-%d %H:%M:%SZ}",
        f"reason    {letter.reason}",
        f"code      {letter.code}: {words.en} ({words.zh})",
        f"key       {key}",
        f"subject   {letter.subject or 'not known'}",
        f"source    {letter.source or 'not known'}",
        f"id        {letter.event_id or 'not known'}",
        f"bytes     {len(letter.value)}",
        letter.value.decode(errors="backslashreplace"),
    ]
