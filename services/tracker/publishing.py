"""The relay: what was decided, from the history into the log, in order, and the note of how far that has got.

The note is a courtesy to whoever comes after a crash: without it events are published once more, and readers drop them
by their sequence. So batches of a fact or two, each of which would wait for it, share a note a second.
"""

import asyncio
from collections.abc import Sequence
from itertools import pairwise

import asyncpg
import structlog
from aiokafka.errors import MessageSizeTooLargeError

from services.runtime import tracing
from services.runtime.database import Pool
from services.runtime.failed import reason_of
from services.runtime.producer import LogProducer
from services.runtime.retry import LogUnavailable, retry_in_place
from services.tracker import store
from services.tracker.store import Appended

MARK_SECONDS, MARK_EVENTS = 1.0, 50
"""So long, and for so many events of a partition, the note may be left for later: far below what the outbox's alert
calls too many."""
_HEADERS = (("content-type", b"application/cloudevents+json"),)

log = structlog.get_logger(__name__)


class Publisher:
    """What publishes the events of the partitions of this process."""

    def __init__(self, pool: Pool, producer: LogProducer, topic: str) -> None:
        self._pool, self._producer, self._topic = pool, producer, topic
        self._through: dict[int, int] = {}
        """By partition, the number of the last event that this process knows to be in the log."""
        self._unmarked: dict[int, int] = {}
        """By partition, how many events the note lacks."""
        self._to_mark = asyncio.Event()

    async def publish(self, partition: int, written: Sequence[Appended | None] = ()) -> None:
        """Send what the log does not have yet of a partition's events, in order; only under the partition's lock.

        ``written`` is what was appended just now: if that is all that the log lacks, it need not be read back. Raises
        what the log and the database raise.
        """
        appended = [each for each in written if each is not None]
        known = self._through.get(partition, 0)
        if (
            appended
            and all(max(each.published, known) == appended[0].before for each in appended)
            and _follow(appended)
        ):
            rows = [row for each in appended for row in each.rows]
            await self._send([(row[1], row[4]) for row in rows])
            await self._sent(partition, appended[-1].through, len(rows))
            return
        await self.mark(partition)
        while True:
            async with self._pool.acquire() as conn:
                left = await store.unpublished(conn, partition)
            if not left:
                return
            await self._send([(key, body) for _, key, body in left])
            await self._sent(partition, left[-1][0], len(left))
            await self.mark(partition)  # the next look begins there
            if len(left) < store.RELAY_ROWS:
                return

    async def _sent(self, partition: int, through: int, events: int) -> None:
        self._through[partition] = max(through, self._through.get(partition, 0))
        self._unmarked[partition] = self._unmarked.get(partition, 0) + events
        if self._unmarked[partition] > MARK_EVENTS:
            await self.mark(partition)
        else:
            self._to_mark.set()

    async def mark(self, *partitions: int) -> None:
        """Note how far the log has these partitions (none: any), where that was left for later."""
        for partition in self._unmarked.keys() & (partitions or self._unmarked.keys()):
            through = self._through[partition]
            async with self._pool.acquire() as conn:
                await store.mark_published(conn, partition, through)
            if self._through[partition] == through:
                self._unmarked.pop(partition, None)

    async def close(self) -> None:
        """Note what was left for later, if the database answers."""
        try:
            await asyncio.wait_for(self.mark(), MARK_SECONDS)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:  # a TimeoutError is an OSError
            log.warning("published_not_noted", partitions=sorted(self._unmarked), reason=reason_of(error))

    async def run(self) -> None:
        """Note once a second what was left for later, until cancelled; waits for a database that is away."""
        patiently = retry_in_place(self.mark)
        while True:
            await self._to_mark.wait()
            self._to_mark.clear()
            await asyncio.sleep(MARK_SECONDS)
            await patiently()

    async def _send(self, events: Sequence[tuple[str, bytes]]) -> None:
        try:
            await self._producer.send_all(
                self._topic,
                [(key.encode(), body, (*_HEADERS, *tracing.header(tracing.envelope(body)))) for key, body in events],
            )
        except MessageSizeTooLargeError as error:
            # Ours are below Kafka's default limit, so this topic's was lowered. Waiting keeps the order; it ends
            # when the limit is raised, and readiness says so until then.
            largest = max(len(body) for _, body in events)
            raise LogUnavailable(
                f"{self._topic} refuses an event of up to {largest} bytes: raise its max.message.bytes"
            ) from error


def _follow(appended: Sequence[Appended]) -> bool:
    """Whether nothing of anybody else's stands between them."""
    return all(later.before == earlier.through for earlier, later in pairwise(appended))
