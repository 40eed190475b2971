"""The stats service's work on one partition: batches of case events into rows and counters.

A crash between any two of these steps repeats work and changes no result:

1. decode; what can't be decoded goes to the dead-letter rows with its bytes, its offset and the reason;
2. begin; lock the partition's progress row (which fences a zombie), skip what is applied, refuse a hole;
3. load the rows that the batch names;
4. fold, in memory, in order;
5. write rows, counters, dead letters and progress; commit;
6. acknowledge the batch (by returning).
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram

from services.events.cases import CaseEvent
from services.events.codec import decode_case_event
from services.events.refusals import Refused
from services.runtime import dead_letters, progress
from services.runtime.database import Pool
from services.runtime.dead_letters import DeadLetter
from services.runtime.transport import Batch, LogHole
from services.stats import store
from services.stats.store import SCHEMA

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Metrics:
    """What the worker measures of itself."""

    events: Counter
    repeated: Counter
    dead_letters: Counter
    batch_seconds: Histogram


def metrics(registry: CollectorRegistry) -> Metrics:
    """The worker's metrics, registered."""
    return Metrics(
        Counter("shixian_stats_events", "Case events folded, repetitions included.", registry=registry),
        Counter("shixian_stats_events_repeated", "Case events that had been folded before.", registry=registry),
        Counter("shixian_stats_dead_letters", "Records that could not be read.", registry=registry),
        Histogram(
            "shixian_stats_batch_seconds",
            "Time to fold a batch.",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=registry,
        ),
    )


def decode(batch: Batch) -> tuple[list[tuple[int, CaseEvent]], list[DeadLetter]]:
    """The batch's events with their offsets, and the records that are none."""
    events: list[tuple[int, CaseEvent]] = []
    letters: list[DeadLetter] = []
    for record in batch.records:
        value = record.value or b""
        try:
            event = decode_case_event(value)
        except Refused as error:
            reason = str(error)
        else:
            if event.sequence is not None:
                events.append((record.offset, event))
                continue
            reason = "$.sequence: is missing; expected the event's number within its request"
        letters.append(DeadLetter(batch.topic, batch.partition, record.offset, value, reason))
    return events, letters


class Folder:
    """The steps, with what they work on."""

    def __init__(self, pool: Pool, own: Metrics) -> None:
        self.pool, self.metrics = pool, own

    async def handle(self, batch: Batch) -> None:
        """One batch, steps 1 to 6. Raises :class:`LogHole`, or what the database raises."""
        started = time.perf_counter()
        events, spoilt = decode(batch)  # 1
        async with self.pool.acquire() as conn, conn.transaction():
            position = await progress.lock(conn, SCHEMA, batch.topic, batch.partition)  # 2
            if batch.start > position:
                raise LogHole(batch.tp, position, batch.start, "records before this batch were never folded")
            fresh = [event for offset, event in events if offset >= position]
            letters = [letter for letter in spoilt if letter.offset >= position]
            fold = await store.load(conn, fresh)  # 3
            for event in fresh:  # 4
                fold.apply(event)
            await store.save(conn, fold)  # 5
            await dead_letters.record(conn, SCHEMA, letters)
            await store.note(conn, batch.topic, batch.partition, len(fresh), fold.repeated, _last(batch.records))
            await progress.advance(conn, SCHEMA, batch.topic, batch.partition, max(position, batch.next_offset))
        for letter in letters:
            log.warning("dead_letter", partition=letter.partition, offset=letter.offset, reason=letter.reason)
        self.metrics.events.inc(len(fresh))
        self.metrics.repeated.inc(fold.repeated)
        self.metrics.dead_letters.inc(len(letters))
        self.metrics.batch_seconds.observe(time.perf_counter() - started)
        # 6: the caller acknowledges when this returns.


def _last(records: Iterable[Any]) -> datetime:
    """When the latest of the records was written to the log."""
    return datetime.fromtimestamp(max(record.timestamp for record in records) / 1000, UTC)
