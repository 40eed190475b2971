"""Writing to the log: records are in it, in order, when a call returns.

aiokafka's idempotent producer does the work. Two things are added. It can get stuck after trouble at the broker
(``OutOfOrderSequenceNumber`` until it is restarted; aio-libs/aiokafka#1017), so it is thrown away and made anew when
a write fails or takes too long. And what was not acknowledged is sent again from the first such record on: the log may
then hold records twice (consumers know them by their id), but a later record never stands before the first copy of an
earlier one of the same call.
"""

import asyncio
import collections
import contextlib
import itertools
import time
from collections.abc import Collection, Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
)
from aiokafka.structs import RecordMetadata

from services.events import brokers
from services.runtime import packing
from services.runtime.failed import reason_of
from services.runtime.health import Part
from services.runtime.packing import Record
from services.runtime.retry import CancelledWithin, LogUnavailable, uncancelled

CHUNK = 1000
ATTEMPT_SECONDS = 10.0
"""Without an acknowledgement for this long, a producer counts as stuck. It must stay below aiokafka's own time-out:
that one gives up single batches and lets later ones pass."""
REQUEST_SECONDS = 30.0
CLOSE_SECONDS = 2.0
PAUSE_SECONDS = 0.5
PERMANENT = (MessageSizeTooLargeError, RecordListTooLargeError, TopicAuthorizationFailedError, InvalidTopicError)

log = structlog.get_logger(__name__)


class _Generation:
    """One aiokafka producer, from its start to its end; ``over`` wakes all who wait for its acknowledgements."""

    def __init__(self, producer: Any) -> None:
        self.producer = producer
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.placing: dict[tuple[str, int], asyncio.Lock] = collections.defaultdict(asyncio.Lock)
        """By topic and partition: held while a packed batch waits for its place. aiokafka lets all who wait try anew
        each time that one place is free, and takes the whole wait from the time of each anew at each try: of some
        dozens at once, those who have waited a second are told that thirty are over (aio-libs/aiokafka#528)."""


class LogProducer:
    """An idempotent producer that survives the broker's absence; one for a process, for any number of tasks."""

    def __init__(
        self,
        bootstrap: str,
        part: Part,
        *,
        client_id: str = "shixian",
        give_up_seconds: float | None = None,
        linger_ms: int = 2,
        compression: str | None = "zstd",
    ):
        """``give_up_seconds``: after how long :meth:`send_all` raises :class:`LogUnavailable`; None: it waits on.

        ``linger_ms``: how long a record waits for those of other callers, in milliseconds. ``compression``: the codec,
        or None.
        """
        self.part = part
        self._bootstrap = bootstrap
        self._client_id = client_id
        self._give_up = give_up_seconds
        self._linger_ms = linger_ms
        self._compression = compression
        self._current: _Generation | None = None
        self._changing = asyncio.Lock()
        self._closed = False

    async def connect(self) -> None:
        """Return once the broker answers; the part says what is waited for."""
        await self._producer()

    async def keep(self) -> None:
        """Reconnect after a failure also when nobody writes, until cancelled: a service whose readiness is red gets no
        requests, and must find out by itself that the broker is back."""
        while True:
            await self._producer()
            await asyncio.sleep(2 * PAUSE_SECONDS)

    async def send_all(self, topic: str, records: Sequence[Record]) -> list[RecordMetadata]:
        """Write ``records`` in their order; returns where each is, once all replicas in sync have all of them.

        Raises :class:`LogUnavailable` when the time to give up has passed (some may have been written), and aiokafka's
        own error for what can't succeed: a record too large, a topic that may not be written.
        """
        done: list[RecordMetadata] = []
        progressed_at = time.monotonic()
        while len(done) < len(records):
            generation: _Generation | None = None
            try:
                async with asyncio.timeout(self._left(progressed_at)):
                    generation = await self._producer()
                    lot = records[len(done) : len(done) + CHUNK]
                    acked, error = await uncancelled(self._send(generation, topic, lot))
            except CancelledWithin as cancelled:  # what was acknowledged is not known: all of the lot is sent again
                acked, error = [], cancelled
            except TimeoutError:
                reason = self.part.reason or f"no acknowledgement in {self._give_up} s"
                await self._discard(generation, reason)
                raise LogUnavailable(f"{topic}: {reason}") from None
            if acked:
                done += acked
                progressed_at = time.monotonic()
            if error is None:
                self.part.ok()
                continue
            if isinstance(error, PERMANENT):
                raise error
            await self._discard(generation, reason_of(error))
            await asyncio.sleep(PAUSE_SECONDS)
        return done

    def _left(self, progressed_at: float) -> float | None:
        return None if self._give_up is None else max(0.0, progressed_at + self._give_up - time.monotonic())

    async def _send(
        self, generation: _Generation, topic: str, records: Sequence[Record]
    ) -> tuple[list[RecordMetadata], Exception | None]:
        """One attempt: what was acknowledged before the first failure, and that failure."""
        futures: list[asyncio.Future[RecordMetadata]] = []
        places: list[Sequence[int]] = []
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                if packing.worth_packing(records):
                    producer = generation.producer
                    partitions = sorted(await producer.partitions_for(topic))
                    for pack in packing.pack(records, partitions, producer.create_batch):
                        async with generation.placing[topic, pack.partition]:
                            places.append(pack.places)
                            futures.append(await producer.send_batch(pack.builder, topic, partition=pack.partition))
                else:
                    for place, (key, value, headers) in enumerate(records):
                        places.append((place,))
                        futures.append(await generation.producer.send(topic, value, key=key, headers=list(headers)))
                # Ends at the first failure of any, which is looked for below.
                all_acked = asyncio.gather(*futures)
                all_acked.add_done_callback(lambda f: f.cancelled() or f.exception())
                ends: set[asyncio.Future[Any]] = {all_acked, generation.over}
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            failure: Exception | None = None
        except (KafkaError, TimeoutError) as error:
            failure = error
        acked: dict[int, RecordMetadata] = {}
        for future, inside in zip(futures, places, strict=False):  # the last one's sending may have failed
            if not future.done() or future.cancelled():
                failure = failure or LogUnavailable("the producer was replaced before this record was acknowledged")
            elif (refused := future.exception()) is not None:
                refusal = refused if isinstance(refused, Exception) else LogUnavailable(repr(refused))
                failure = refusal if not isinstance(failure, PERMANENT) else failure
            else:
                first = future.result()
                acked |= {place: first._replace(offset=first.offset + n) for n, place in enumerate(inside)}
        return [acked[place] for place in range(_beginning(acked))], failure

    async def _producer(self) -> _Generation:
        async with self._changing:
            pause = PAUSE_SECONDS / 4
            while self._current is None:
                if self._closed:
                    raise LogUnavailable("the producer is closed")
                producer = AIOKafkaProducer(
                    **brokers.client(self._bootstrap),
                    client_id=self._client_id,
                    acks="all",
                    enable_idempotence=True,
                    linger_ms=self._linger_ms,
                    compression_type=self._compression,
                    max_batch_size=256 * 1024,
                    request_timeout_ms=int(REQUEST_SECONDS * 1000),
                )
                try:
                    async with asyncio.timeout(ATTEMPT_SECONDS):
                        await uncancelled(producer.start())
                except (KafkaError, OSError, CancelledWithin) as error:
                    await _abandon(producer)
                    self._away(reason_of(error))
                    await asyncio.sleep(pause)
                    pause = min(4.0, pause * 2)
                except BaseException:
                    await _abandon(producer)
                    raise
                else:
                    self._current = _Generation(producer)
                    self.part.ok()
            return self._current

    async def _discard(self, generation: _Generation | None, reason: str) -> None:
        """Make an end of ``generation``, once, without letting anything more of it out."""
        self._away(reason)
        if generation is None or self._current is not generation:
            return
        self._current = None
        if not generation.over.done():
            generation.over.set_result(None)
        await _abandon(generation.producer)

    def _away(self, reason: str) -> None:
        if self.part.state != "away":
            log.warning("log_away", bootstrap=brokers.hosts(self._bootstrap), reason=reason)
        self.part.away(reason)

    async def close(self) -> None:
        """Wait for what is being sent, as long as that goes on, then close the connections."""
        self._closed = True
        generation, self._current = self._current, None
        if generation is not None:
            try:
                await asyncio.wait_for(generation.producer.stop(), CLOSE_SECONDS)
            except (KafkaError, TimeoutError) as error:
                log.warning("producer_not_flushed", reason=reason_of(error))
                await _abandon(generation.producer)


def _beginning(acked: Collection[int]) -> int:
    """How many places from 0 on there are without a gap."""
    return next(place for place in itertools.count() if place not in acked)


async def _abandon(producer: Any) -> None:
    """Close an aiokafka producer without flushing it: stop() would go on sending what is to be sent again."""
    producer._closed = True
    sender = producer._sender.sender_task
    if sender is not None:
        sender.cancel()
    await producer.client.close()
    if sender is not None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([sender], timeout=CLOSE_SECONDS)
