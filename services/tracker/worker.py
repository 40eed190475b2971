"""The tracker's work on one partition: batches of facts, the sweep, and the relay of what was decided.

A batch goes through seven steps, and a crash between any two of them repeats work and changes no result:

1. decode; what can't be decoded becomes a dead letter, with its bytes, its offset and the reason;
2. begin; lock the partition's progress row (which fences a zombie), skip what is applied, refuse a hole;
3. load the cases that the batch names, and the strands;
4. decide, in memory, in order;
5. write cases, strands, events (history and outbox in one), dead letters and progress; commit;
6. publish the events in order, idempotently; remember how far;
7. acknowledge the batch (by returning).
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import structlog
from aiokafka.errors import MessageSizeTooLargeError

from services.events.facts import RequestFact
from services.runtime import applying, dead_letters, progress, tracing
from services.runtime.applying import blame
from services.runtime.clock import Clock
from services.runtime.database import Conn, Pool
from services.runtime.dead_letters import DeadLetter
from services.runtime.producer import LogProducer
from services.runtime.retry import LogUnavailable, reason_of
from services.runtime.settings import Settings
from services.runtime.transport import Batch
from services.tracker import apply, splitting, store
from services.tracker.apply import Outcome
from services.tracker.limit import Limit
from services.tracker.metrics import Metrics
from services.tracker.store import SCHEMA, Appended, Change
from services.tracker.strands import Shelf
from services.tracker.world import World

SWEEP_CASES = 500
POSTPONED = timedelta(hours=1)
"""When the sweep tries again a case that it failed over."""
_HEADERS = (("content-type", b"application/cloudevents+json"),)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Written:
    """What one transaction wrote."""

    appended: Appended | None
    refused: Sequence[DeadLetter]
    """Facts that their case had no room for."""


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
        on_dead_letters: Callable[[], None],
    ) -> None:
        self.pool, self.producer, self.world, self.catch_up, self.clock = pool, producer, world, catch_up, clock
        self.topic, self.cases_topic = settings.facts_topic, settings.cases_topic
        self.metrics = metrics
        self.on_dead_letters = on_dead_letters
        self.settle = timedelta(seconds=settings.settle_seconds)
        self.limit = Limit(settings.case_facts)
        self._locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def handle(self, batch: Batch) -> None:
        """One batch, steps 1 to 7. Raises what :func:`services.runtime.applying.apply` and the log raise."""
        began = time.perf_counter()
        facts, spoilt = applying.decoded(batch.records, apply.read)  # 1
        if apply.unknown_organs((fact for _, fact in facts), self.world):
            await self.catch_up()

        offsets = {id(fact): offset for offset, fact in facts}

        async def decide(conn: Conn, fresh: list[RequestFact], records: Sequence[Any]) -> Written:
            cases = await store.load_cases(conn, {fact.subject for fact in fresh})  # 3
            if old := [subject for subject, case in cases.items() if splitting.is_unsplit(case)]:
                await splitting.split_subjects(conn, old)
                cases |= await store.load_cases(conn, old)
            strands = await store.load_strands(conn, apply.strand_names(fresh, cases), apply.gathering(fresh, cases))
            with blame():
                shelf = Shelf(cases.values(), strands)
                outcome = apply.run(fresh, shelf, self.world, self.clock.now(), self.limit)  # 4
            refused = {offsets[id(fresh[place])]: reason for place, reason in outcome.refused}
            letters = [
                dead_letters.of(record, refused[record.offset]) for record in records if record.offset in refused
            ]
            await dead_letters.record(conn, SCHEMA, letters)
            return Written(await self._write(conn, batch.partition, outcome), letters)  # 5

        async with self._locks[batch.partition]:
            done = await applying.apply(self.pool, SCHEMA, batch, facts, spoilt, decide)  # 2 to 5
            refused = [letter for written in done.results for letter in written.refused]
            if done.letters or refused:
                self.metrics.dead_letters.inc(len(done.letters) + len(refused))
                self.on_dead_letters()
            if refused:
                log.warning("facts_beyond_limit", count=len(refused), key=refused[0].key, reason=refused[0].reason)
            await self.publish(batch.partition, [written.appended for written in done.results])  # 6
        self.metrics.facts.inc(done.fresh)
        self.metrics.batch_seconds.observe(time.perf_counter() - began)
        # 7: the caller acknowledges when this returns.

    async def sweep(self, partition: int) -> int:
        """Let the clock look at what is due on a partition that this process owns; how many cases it looked at."""
        async with self._locks[partition]:
            try:
                looked = await self._sweep(partition, SWEEP_CASES)
            except Exception as error:
                if not applying.is_permanent(error):
                    raise
                looked = await self._sweep_singly(partition)
            await self.publish(partition)  # what a crash left unpublished, too
        self.metrics.swept.inc(looked)
        return looked

    async def _sweep(self, partition: int, limit: int) -> int:
        """The longest due cases in one transaction, under the lock that fences a batch's."""
        async with self.pool.acquire() as conn, conn.transaction():
            await progress.lock(conn, SCHEMA, self.topic, partition)
            now = self.clock.now()
            applied = await store.reference_applied(conn, partition)
            if (known := self.world.known) > applied:
                await store.apply_reference(conn, partition, now, *self.world.since(applied), known)
            cases = await store.due_cases(conn, partition, now, limit)
            outcome = apply.sweep(cases, self.world, now)
            await self._write(conn, partition, outcome)
            await self._postpone(conn, outcome.failed, now)
        self.metrics.detected(outcome.events, outcome.cases, now)
        return len(cases)

    async def _sweep_singly(self, partition: int) -> int:
        """The same, a case at a time, so that the one whose rows are refused does not keep the others waiting."""
        for looked in range(SWEEP_CASES):
            try:
                if await self._sweep(partition, 1) == 0:
                    return looked
            except Exception as error:
                if not applying.is_permanent(error):
                    raise
                async with self.pool.acquire() as conn, conn.transaction():
                    await progress.lock(conn, SCHEMA, self.topic, partition)
                    now = self.clock.now()
                    first = await store.due_cases(conn, partition, now, 1)
                    await self._postpone(conn, {case.subject: reason_of(error) for case in first}, now)
        return SWEEP_CASES

    async def _postpone(self, conn: Conn, failed: dict[str, str], now: datetime) -> None:
        for subject, reason in failed.items():
            log.error("case_not_swept", subject=subject, reason=reason)
        await store.postpone(conn, list(failed), now + POSTPONED)
        self.metrics.sweep_failures.inc(len(failed))

    async def publish(self, partition: int, written: Sequence[Appended | None] = ()) -> None:
        """Send what the log does not have yet of a partition's events, in order.

        ``written`` is what was appended just now: if that is all that the log lacks, it need not be read back.
        """
        appended = [each for each in written if each is not None]
        if appended and all(each.published == appended[0].before for each in appended) and _follow(appended):
            await self._send([(row[1], row[4]) for each in appended for row in each.rows])
            async with self.pool.acquire() as conn:
                await store.mark_published(conn, partition, appended[-1].through)
            return
        while True:
            async with self.pool.acquire() as conn:
                rows = await store.unpublished(conn, partition)
            if not rows:
                return
            await self._send([(key, body) for _, key, body in rows])
            async with self.pool.acquire() as conn:
                await store.mark_published(conn, partition, rows[-1][0])
            if len(rows) < store.RELAY_ROWS:
                return

    async def _send(self, events: Sequence[tuple[str, bytes]]) -> None:
        try:
            await self.producer.send_all(
                self.cases_topic,
                [(key.encode(), body, (*_HEADERS, *tracing.header(tracing.envelope(body)))) for key, body in events],
            )
        except MessageSizeTooLargeError as error:
            # Ours are below Kafka's default limit, so this topic's was lowered. Waiting keeps the order; it ends
            # when the limit is raised, and readiness says so until then.
            largest = max(len(body) for _, body in events)
            raise LogUnavailable(
                f"{self.cases_topic} refuses an event of up to {largest} bytes: raise its max.message.bytes"
            ) from error

    async def _write(self, conn: Conn, partition: int, outcome: Outcome) -> Appended | None:
        now = self.clock.now()
        with blame():
            cases = [
                store.case_row(
                    Change(case, partition, apply.wake_at(case, outcome.looks[subject], self.world, now, self.settle)),
                    now,
                )
                for subject, case in outcome.cases.items()
            ]
            events = [store.event_row(partition, event) for event in outcome.events]
        await store.save_cases(conn, cases)
        await store.save_strands(conn, partition, outcome.shelf)
        appended = await store.append_events(conn, partition, events)
        self.metrics.events.inc(len(outcome.events))
        return appended


def _follow(appended: Sequence[Appended]) -> bool:
    """Whether nothing of anybody else's stands between them."""
    return all(later.before == earlier.through for earlier, later in pairwise(appended))
