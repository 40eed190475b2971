"""The stats service's work on one partition: batches of case events into rows and counters.

A crash between any two of these steps repeats work and changes no result:

1. decode; what can't be decoded becomes a dead letter, with its bytes, its offset and the reason;
2. begin; lock the partition's progress row (which fences a zombie), skip what is applied, refuse a hole;
3. load the rows that the batch names;
4. fold, in memory, in order;
5. write rows, counters, dead letters and progress; commit;
6. acknowledge the batch (by returning).
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram

from services.events.cases import CaseEvent
from services.events.codec import decode_case_event
from services.events.refusals import FieldError, Refused
from services.runtime import applying
from services.runtime.applying import computed
from services.runtime.attempts import Attempts
from services.runtime.batch import Batch
from services.runtime.database import Conn, Pool
from services.stats import store
from services.stats.fold import Place
from services.stats.store import SCHEMA


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
        Counter("shixian_stats_dead_letters", "Records that could not be applied.", registry=registry),
        Histogram(
            "shixian_stats_batch_seconds",
            "Time to fold a batch.",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=registry,
        ),
    )


def read(_key: bytes | None, value: bytes) -> CaseEvent:
    """A record of the case topic. Raises :class:`Refused`."""
    event = decode_case_event(value)
    if event.sequence is None:
        wanted = "the event's number within its request"
        raise Refused(FieldError("$.sequence", "is missing", wanted, "sequence-missing"))
    return event


class Folder:
    """The steps, with what they work on."""

    def __init__(self, pool: Pool, own: Metrics, on_dead_letters: Callable[[], None] = lambda: None) -> None:
        self.pool, self.metrics, self.on_dead_letters = pool, own, on_dead_letters
        self.attempts = Attempts(pool, SCHEMA, lambda: self._count_letters(1))

    async def handle(self, batch: Batch) -> None:
        """One batch, steps 1 to 6. Raises what :func:`services.runtime.applying.apply_batch` raises."""
        await self.attempts.through(batch, self._handle)

    async def _handle(self, batch: Batch) -> None:
        started = time.perf_counter()
        events, unreadable = await applying.read(batch.records, read)  # 1
        places = {id(event): Place(batch.partition, offset) for offset, event in events}

        async def fold(conn: Conn, fresh: list[CaseEvent], records: Sequence[Any]) -> int:
            rows = await store.load(conn, fresh)  # 3

            def folded() -> None:
                for event in fresh:
                    rows.apply(event, places[id(event)])

            await computed(folded)  # 4
            await store.save(conn, rows)  # 5
            await store.note(conn, batch.topic, batch.partition, len(fresh), rows.repeated, last_written(records))
            return rows.repeated

        done = await applying.apply_batch(self.pool, SCHEMA, batch, events, unreadable, fold)  # 2 to 5
        self._count_letters(len(done.letters))
        self.metrics.events.inc(done.fresh)
        self.metrics.repeated.inc(sum(done.results))
        self.metrics.batch_seconds.observe(time.perf_counter() - started)
        # 6: the caller acknowledges when this returns.

    def _count_letters(self, letters: int) -> None:
        if letters:
            self.metrics.dead_letters.inc(letters)
            self.on_dead_letters()


def last_written(records: Iterable[Any]) -> datetime:
    """When the latest of the records was written to the log."""
    return datetime.fromtimestamp(max(record.timestamp for record in records) / 1000, UTC)
