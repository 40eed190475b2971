"""The tracker's work on one partition: batches of facts, the sweep, and the relay of what was decided.

A batch goes through seven steps, and a crash between any two of them repeats work and changes no result:

1. decode; what can't be decoded goes to the dead-letter rows with its bytes, its offset and the reason;
2. begin; lock the partition's progress row (which fences a zombie), skip what is applied, refuse a hole;
3. load the cases that the batch names;
4. decide, in memory, in order;
5. write cases, events (history and outbox in one), dead letters and progress; commit;
6. publish the events in order, idempotently; remember how far;
7. acknowledge the batch (by returning).
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

import structlog

from services.runtime import dead_letters, progress
from services.runtime.clock import Clock
from services.runtime.database import Pool
from services.runtime.dead_letters import DeadLetter
from services.runtime.producer import LogProducer
from services.runtime.settings import Settings
from services.runtime.transport import Batch, LogHole
from services.tracker import apply, store
from services.tracker.apply import Outcome
from services.tracker.metrics import Metrics
from services.tracker.store import SCHEMA, Change
from services.tracker.world import World

SWEEP_CASES = 500
_HEADERS = (("content-type", b"application/cloudevents+json"),)

log = structlog.get_logger(__name__)


class Tracker:
    """The steps, with what they work on. One for a process; a lock a partition keeps batch and sweep apart."""

    def __init__(
        self,
        pool: Pool,
        producer: LogProducer,
        world: World,
        catch_up: Callable[[], Awaitable[None]],
        clock: Clock,
        settings: Settings,
        metrics: Metrics,
    ) -> None:
        self.pool, self.producer, self.world, self.catch_up, self.clock = pool, producer, world, catch_up, clock
        self.topic, self.cases_topic = settings.facts_topic, settings.cases_topic
        self.metrics = metrics
        self.settle = timedelta(seconds=settings.settle_seconds)
        self._locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def handle(self, batch: Batch) -> None:
        """One batch, steps 1 to 7. Raises :class:`LogHole`, or what the database or the log raises."""
        began = time.perf_counter()
        facts, spoilt = apply.decode((r.offset, r.value) for r in batch.records)  # 1
        if apply.unknown_organs((fact for _, fact in facts), self.world):
            await self.catch_up()
        async with self._locks[batch.partition]:
            async with self.pool.acquire() as conn, conn.transaction():
                position = await progress.lock(conn, SCHEMA, batch.topic, batch.partition)  # 2
                if batch.start > position:
                    raise LogHole(batch.tp, position, batch.start, "records before this batch were never applied")
                fresh = [fact for offset, fact in facts if offset >= position]
                cases = await store.load_cases(conn, {fact.subject for fact in fresh})  # 3
                tallies = await store.load_tallies(conn, apply.tally_refs(fresh, cases))
                outcome = apply.run(fresh, cases, tallies, self.world, self.clock.now())  # 4
                await self._write(conn, batch.partition, outcome)  # 5
                values = {r.offset: r.value or b"" for r in batch.records}
                letters = [
                    DeadLetter(batch.topic, batch.partition, s.offset, values[s.offset], s.reason)
                    for s in spoilt
                    if s.offset >= position
                ]
                await dead_letters.record(conn, SCHEMA, letters)
                await progress.advance(conn, SCHEMA, batch.topic, batch.partition, max(position, batch.next_offset))
            for letter in letters:
                log.warning("dead_letter", partition=letter.partition, offset=letter.offset, reason=letter.reason)
            await self.publish(batch.partition)  # 6
        self.metrics.facts.inc(len(fresh))
        self.metrics.dead_letters.inc(len(letters))
        self.metrics.batch_seconds.observe(time.perf_counter() - began)
        # 7: the caller acknowledges when this returns.

    async def sweep(self, partition: int) -> int:
        """Let the clock look at what is due on a partition that this process owns; how many cases it looked at."""
        async with self._locks[partition]:
            async with self.pool.acquire() as conn, conn.transaction():
                await progress.lock(conn, SCHEMA, self.topic, partition)
                now = self.clock.now()
                applied = await store.reference_applied(conn, partition)
                if (known := self.world.known) > applied:
                    await store.apply_reference(conn, partition, now, *self.world.since(applied), known)
                cases = await store.due_cases(conn, partition, now, SWEEP_CASES)
                outcome = apply.sweep(cases, self.world, now)
                await self._write(conn, partition, outcome)
            await self.publish(partition)  # what a crash left unpublished, too
        self.metrics.swept.inc(len(cases))
        return len(cases)

    async def publish(self, partition: int) -> None:
        """Send what the log does not have yet of a partition's events, in order."""
        while True:
            async with self.pool.acquire() as conn:
                rows = await store.unpublished(conn, partition)
            if not rows:
                return
            await self.producer.send_all(self.cases_topic, [(key.encode(), body, _HEADERS) for _, key, body in rows])
            async with self.pool.acquire() as conn:
                await store.mark_published(conn, partition, rows[-1][0])
            if len(rows) < store.RELAY_ROWS:
                return

    async def _write(self, conn: Any, partition: int, outcome: Outcome) -> None:
        now = self.clock.now()
        changes: Sequence[Change] = [
            Change(case, partition, apply.wake_at(case, outcome.looks[subject], self.world, now, self.settle))
            for subject, case in outcome.cases.items()
        ]
        await store.save_cases(conn, changes, now)
        await store.save_tallies(conn, outcome.tallies)
        await store.append_events(conn, partition, outcome.events)
        self.metrics.events.inc(len(outcome.events))
