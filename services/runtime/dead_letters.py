"""Records that could not be applied: kept whole, with the reason, in the transaction that passes over them.

The rows are what counts. They are also published to the topic of dead letters, for whoever watches the log rather than
a database: at least once each, in the order of their partition, with where they came from in the headers.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import structlog
from aiokafka import TopicPartition
from aiokafka.errors import MessageSizeTooLargeError

from services.events.refusals import Reason, RefusalCode, Values
from services.runtime.database import Conn, Pool
from services.runtime.health import Part
from services.runtime.packing import Record
from services.runtime.producer import LogProducer
from services.runtime.retry import report_to, retry_in_place

RELAY_ROWS = 500
LOOK_SECONDS = 5.0
"""How often the relay looks for letters that a crash, or another process, left unpublished."""
REASON_LENGTH = 1000
CUT_TEXT = 500
"""Characters kept of what a record says it is about; what is longer than the contract allows is cut."""
CUT_BYTES = 16 * 1024
"""What is published of a record that is too large to be published whole; the row has all of it."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record and why it can't be applied."""

    topic: str
    partition: int
    offset: int
    value: bytes
    reason: Reason
    key: bytes | None = None


def of(record: Any, reason: Reason) -> DeadLetter:
    """A record of the log as a dead letter."""
    return DeadLetter(record.topic, record.partition, record.offset, record.value or b"", reason, record.key)


class About(msgspec.Struct, frozen=True):
    """What a letter is about, as far as its bytes can be read; for finding it, not for trusting it."""

    subject: str | None = None
    source: str | None = None
    event_id: str | None = None
    type: str | None = None
    organ: str | None = None


_NOTHING = msgspec.Raw(b"null")


class _Data(msgspec.Struct, frozen=True):
    organ: msgspec.Raw = _NOTHING


class _Envelope(msgspec.Struct, frozen=True):
    subject: msgspec.Raw = _NOTHING
    source: msgspec.Raw = _NOTHING
    id: msgspec.Raw = _NOTHING
    type: msgspec.Raw = _NOTHING
    data: msgspec.Raw = _NOTHING


_UNREADABLE = (ValueError, msgspec.MsgspecError, RecursionError)


def about(value: bytes, key: bytes | None) -> About:
    """What the record says of itself; the key is the subject where nothing else says so."""
    try:
        envelope = msgspec.json.decode(value, type=_Envelope)
    except _UNREADABLE:
        envelope = _Envelope()
    try:
        organ = _text(msgspec.json.decode(envelope.data, type=_Data).organ)
    except _UNREADABLE:
        organ = None
    subject = _text(envelope.subject)
    if subject is None and key is not None:
        try:
            subject = _cut(key.decode())
        except UnicodeDecodeError:
            subject = None
    return About(subject, _text(envelope.source), _text(envelope.id), _text(envelope.type), organ)


def _text(raw: msgspec.Raw) -> str | None:
    try:
        value = msgspec.json.decode(raw)
    except _UNREADABLE:
        return None
    return _cut(value) if isinstance(value, str) else None


def _cut(text: str) -> str | None:
    """As PostgreSQL can hold it, and an index; None for what is no name."""
    return text[:CUT_TEXT].replace("\x00", "\\0").encode("utf-8", "backslashreplace").decode()[:CUT_TEXT] or None


async def record(conn: Conn, schema: str, letters: Sequence[DeadLetter]) -> None:
    """Write ``letters`` to ``<schema>.dead_letter``; one already there stays as it is."""
    if letters:
        abouts = [about(x.value, x.key) for x in letters]
        await conn.execute(
            f'INSERT INTO {schema}.dead_letter (topic, partition, "offset", value, reason, code, "values", key, '
            f"{', '.join(About.__struct_fields__)}) "
            "SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[], $4::bytea[], $5::text[], $6::text[], "
            "$7::jsonb[], $8::bytea[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[]) "
            "ON CONFLICT DO NOTHING",
            [x.topic for x in letters],
            [x.partition for x in letters],
            [x.offset for x in letters],
            [x.value for x in letters],
            # PostgreSQL's text holds no NUL and no lone surrogate, and a reason may quote the record.
            [_printable(x.reason.text) for x in letters],
            [x.reason.code for x in letters],
            [_json(x.reason.values) for x in letters],
            [x.key for x in letters],
            *([getattr(x, name) for x in abouts] for name in About.__struct_fields__),
        )


def _json(values: Values) -> str:
    """As PostgreSQL's jsonb can hold it."""
    printable = {name: _printable(value) if isinstance(value, str) else value for name, value in values.items()}
    return msgspec.json.encode(printable).decode()


def _printable(reason: str) -> str:
    return reason[:REASON_LENGTH].replace("\x00", "\\0").encode("utf-8", "backslashreplace").decode()


def reason_of(text: str, code: RefusalCode, values: str) -> Reason:
    """A reason from the columns that it is kept in."""
    return Reason(code, text, msgspec.json.decode(values, type=Values))


async def unpublished(conn: Conn, schema: str, topic: str, partitions: Collection[int]) -> list[DeadLetter]:
    """The next letters of these partitions that are not in the topic of dead letters yet, in order."""
    rows = await conn.fetch(
        f'SELECT topic, partition, "offset", value, key, reason, code, "values" FROM {schema}.dead_letter '
        "WHERE published_at IS NULL AND topic = $1 AND partition = ANY($2::int[]) "
        'ORDER BY topic, partition, "offset" LIMIT $3',
        topic,
        list(partitions),
        RELAY_ROWS,
    )
    return [DeadLetter(row[0], row[1], row[2], row[3], reason_of(row[5], row[6], row[7]), row[4]) for row in rows]


async def mark_published(conn: Conn, schema: str, letters: Sequence[DeadLetter]) -> None:
    """Remember that ``letters`` are in the topic of dead letters."""
    await conn.execute(
        f"UPDATE {schema}.dead_letter d SET published_at = now() "
        'FROM unnest($1::text[], $2::int[], $3::bigint[]) AS w(topic, partition, "offset") '
        'WHERE (d.topic, d.partition, d."offset") = (w.topic, w.partition, w."offset")',
        [x.topic for x in letters],
        [x.partition for x in letters],
        [x.offset for x in letters],
    )


def to_record(letter: DeadLetter, service: str, *, cut: bool = False) -> Record:
    """The letter as a record of the topic of dead letters: its own key and bytes, all else in the headers."""
    headers = {
        "service": service,
        "topic": letter.topic,
        "partition": str(letter.partition),
        "offset": str(letter.offset),
        "reason": letter.reason.text,
        "code": letter.reason.code,
    }
    value = letter.value
    if cut:
        headers["cut-from"] = str(len(value))
        value = value[:CUT_BYTES]
    key = letter.key if letter.key is None or len(letter.key) <= CUT_BYTES else letter.key[:CUT_BYTES]
    return key, value, [(name, text.encode()) for name, text in headers.items()]


SURE_BYTES = 900_000
"""A record of this size fits with its headers into a producer's request of 1 MiB."""


class Relay:
    """Publishes a service's dead letters to the topic of dead letters."""

    def __init__(
        self,
        pool: Pool,
        schema: str,
        target: str,
        producer: LogProducer,
        part: Part,
        owned: Callable[[], Collection[TopicPartition]],
    ) -> None:
        """``owned`` gives the partitions that are this process's to publish."""
        self._pool, self._schema, self._target, self._producer, self._part = pool, schema, target, producer, part
        self._owned = owned
        self._wanted = asyncio.Event()

    def wake(self) -> None:
        """There are new letters."""
        self._wanted.set()

    async def run(self) -> None:
        """Relay until cancelled, waiting for what is away."""
        once = retry_in_place(self.once, on_retry=report_to(self._part))
        while True:
            self._wanted.clear()
            sent = await once()
            self._part.ok()
            if not sent:
                try:
                    await asyncio.wait_for(self._wanted.wait(), LOOK_SECONDS)
                except TimeoutError:
                    continue

    async def once(self) -> int:
        """Publish the next letters of each topic owned; how many."""
        sent = 0
        owned = self._owned()
        for topic in {tp.topic for tp in owned}:
            async with self._pool.acquire() as conn:
                letters = await unpublished(
                    conn, self._schema, topic, [tp.partition for tp in owned if tp.topic == topic]
                )
            if letters:
                await self._publish(letters)
                async with self._pool.acquire() as conn:
                    await mark_published(conn, self._schema, letters)
            sent += len(letters)
        return sent

    async def _publish(self, letters: Sequence[DeadLetter]) -> None:
        # Those that might be too large go alone: a refusal among others would mean publishing these twice.
        sure = [letter for letter in letters if len(letter.value) <= SURE_BYTES]
        if len(letters) > 1 and len(sure) < len(letters):
            for part in (sure, *([letter] for letter in letters if len(letter.value) > SURE_BYTES)):
                await self._publish(part)
            return
        try:
            await self._producer.send_all(self._target, [to_record(letter, self._schema) for letter in letters])
        except MessageSizeTooLargeError:
            # With its headers a record near the limit goes beyond it.
            if len(letters) > 1:
                for letter in letters:
                    await self._publish([letter])
                return
            log.warning("dead_letter_cut", offset=letters[0].offset, size=len(letters[0].value))
            await self._producer.send_all(self._target, [to_record(letters[0], self._schema, cut=True)])
