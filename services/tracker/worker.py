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
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from services.events.facts import RequestFact
from services.runtime import applying, dead_letters, progress
from services.runtime.applying import computed
from services.runtime.attempts import Attempts
from services.runtime.batch import Batch
from services.runtime.clock import Clock
from services.runtime.database import Conn, Pool
from services.runtime.dead_letters import DeadLetter
from services.runtime.failed import reason_of
from services.runtime.producer import LogProducer
from services.runtime.settings import Settings
from services.tracker import attention_store, looking_over, splitting, store, writing
from services.tracker.core import apply
from services.tracker.core.apply import Outcome
from services.tracker.core.case import Case
from services.tracker.core.limit import Limit
from services.tracker.core.reference_data import ReferenceData
from services.tracker.core.strands import Shelf, Strand, is_request
from services.tracker.metrics import Metrics
from services.tracker.publishing import Publisher
from services.tracker.store import SCHEMA, Appended
from services.tracker.writing import Rows

SWEEP_CASES = 500
POSTPONED = timedelta(hours=1)
"""When the sweep tries again a case that it failed over."""
ROUND_SECONDS = 10.0
BUSY_SECONDS = 2.0

Pick = Callable[[Conn, int, datetime, int], Awaitable[list[Case]]]
"""Finds and locks the cases of a partition that the clock has to look at: at most so many, as of an instant."""

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
        reference_data: ReferenceData,
        catch_up: Callable[[], Awaitable[None]],
        clock: Clock,
        settings: Settings,
        metrics: Metrics,
        on_dead_letters: Callable[[], None],
    ) -> None:
        self.pool, self.reference_data, self.catch_up, self.clock = pool, reference_data, catch_up, clock
        self.topic = settings.facts_topic
        self.publisher = Publisher(pool, producer, settings.cases_topic)
        self.metrics = metrics
        self.on_dead_letters = on_dead_letters
        self.attempts = Attempts(pool, SCHEMA, lambda: self._count_letters(1))
        self.settle = timedelta(seconds=settings.settle_seconds)
        self.limit = Limit(settings.case_facts)
        self.unfinished: set[int] = set()
        """Partitions with cases left that a change of organs or calendars touches."""
        self._locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def handle(self, batch: Batch) -> None:
        """One batch, steps 1 to 7. Raises what :func:`services.runtime.applying.apply_batch` and the log raise."""
        await self.attempts.through(batch, self._handle)

    async def _handle(self, batch: Batch) -> None:
        began = time.perf_counter()
        facts, unreadable = await applying.read(batch.records, apply.read)  # 1
        if apply.unknown_organs((fact for _, fact in facts), self.reference_data):
            await self.catch_up()

        offsets = {id(fact): offset for offset, fact in facts}

        async def decide(conn: Conn, fresh: list[RequestFact], records: Sequence[Any]) -> Written:
            cases = await store.load_cases(conn, {fact.subject for fact in fresh})  # 3
            if old := [subject for subject, case in cases.items() if splitting.is_unsplit(case)]:
                await splitting.split_subjects(conn, old)
                cases |= await store.load_cases(conn, old)
            strands: list[Strand] = []
            if any(case.apart for case in cases.values()):  # where much is to be done, a thread costs a moment
                wanted = await computed(lambda: (apply.strand_names(fresh, cases), apply.gathering(fresh, cases)))
                strands = await store.load_strands(conn, *wanted)
            reference_data, now = self.reference_data.as_known(), self.clock.now()

            def decided() -> tuple[Outcome, Rows]:
                outcome = apply.run(fresh, Shelf(cases.values(), strands), reference_data, now, self.limit)
                return outcome, writing.rows(batch.partition, outcome, reference_data, now, self.settle)

            outcome, rows = await computed(decided)  # 4
            refused = {offsets[id(fresh[place])]: reason for place, reason in outcome.refused}
            letters = [
                dead_letters.of(record, refused[record.offset]) for record in records if record.offset in refused
            ]
            await dead_letters.record(conn, SCHEMA, letters)
            appended = await writing.write(conn, batch.partition, outcome, rows, now)  # 5
            self.metrics.events.inc(len(outcome.events))
            return Written(appended, letters)

        async with self._locks[batch.partition]:
            done = await applying.apply_batch(self.pool, SCHEMA, batch, facts, unreadable, decide)  # 2 to 5
            refused = [letter for written in done.results for letter in written.refused]
            self._count_letters(len(done.letters) + len(refused))
            if refused:
                log.warning("facts_beyond_limit", count=len(refused), key=refused[0].key, reason=refused[0].reason.text)
            await self.publisher.publish(batch.partition, [written.appended for written in done.results])  # 6
        self.metrics.facts.inc(done.fresh)
        self.metrics.batch_seconds.observe(time.perf_counter() - began)
        # 7: the caller acknowledges when this returns.

    def _count_letters(self, letters: int) -> None:
        if letters:
            self.metrics.dead_letters.inc(letters)
            self.on_dead_letters()

    async def sweep(self, partition: int) -> int:
        """Let the clock look at what is due on a partition that this process owns; how many cases it looked at.

        After that comes a lot of what a change of organs or calendars touches; :attr:`unfinished` says where more is
        left. So neither waits for the end of the other. 0 while a batch of the partition is in hand for long: the
        others must not wait for that, and have their dates.
        """
        async with self.attempts.beside_others():  # before the lock, as a batch does
            try:
                await asyncio.wait_for(self._locks[partition].acquire(), BUSY_SECONDS)
            except TimeoutError:
                log.info("partition_not_swept", partition=partition, reason="a batch is in hand for long")
                return 0
            try:
                looked = await self._look_at(partition, self._due)
                touched = await self._look_at(partition, self._touched)
                await self.publisher.publish(partition)  # what a crash left unpublished, too
            finally:
                self._locks[partition].release()
        self.metrics.swept.inc(looked + touched)
        return looked

    async def _look_at(self, partition: int, pick: Pick) -> int:
        try:
            return await self._sweep(partition, SWEEP_CASES, pick)
        except Exception as error:
            if not applying.is_permanent(error):
                raise
            return await self._sweep_singly(partition, pick)

    async def _due(self, conn: Conn, partition: int, now: datetime, limit: int) -> list[Case]:
        """The longest due cases, after the organs whose cases have to be looked over are noted."""
        await looking_over.begin(conn, partition, now, self.reference_data)
        return await store.due_cases(conn, partition, now, limit)

    async def _touched(self, conn: Conn, partition: int, now: datetime, limit: int) -> list[Case]:
        cases, more = await looking_over.next_cases(conn, partition, now, self.settle, limit)
        (self.unfinished.add if more else self.unfinished.discard)(partition)
        return cases

    async def _sweep(self, partition: int, limit: int, pick: Pick) -> int:
        """Cases in one transaction, under the lock that fences a batch's."""
        async with self.pool.acquire() as conn, conn.transaction():
            await progress.lock(conn, SCHEMA, self.topic, partition)
            now = self.clock.now()
            cases = await pick(conn, partition, now, limit)
            reference_data = self.reference_data.as_known()

            def decided() -> tuple[Outcome, Rows]:
                outcome = apply.sweep(cases, reference_data, now)
                return outcome, writing.rows(partition, outcome, reference_data, now, self.settle)

            outcome, rows = await computed(decided)
            await writing.write(conn, partition, outcome, rows, now)
            self.metrics.events.inc(len(outcome.events))
            heads = [c for c in outcome.cases.values() if c.apart and not is_request(c) and c.view.awaits is None]
            await attention_store.organ_known(conn, [case.subject for case in heads])
            await self._postpone(conn, partition, {s: reason_of(e) for s, e in outcome.failed.items()}, now)
        self.metrics.detected(outcome.events, outcome.cases, now)
        return len(cases)

    async def _sweep_singly(self, partition: int, pick: Pick) -> int:
        """The same, a case at a time, so that the one whose rows are refused does not keep the others waiting.

        After some time it is called a round, however few cases that were: who waits for it sees that it goes on.
        """
        enough = time.monotonic() + ROUND_SECONDS
        for looked in range(SWEEP_CASES):
            if time.monotonic() > enough:
                return SWEEP_CASES
            try:
                if await self._sweep(partition, 1, pick) == 0:
                    return looked
            except Exception as error:
                if not applying.is_permanent(error):
                    raise
                async with self.pool.acquire() as conn, conn.transaction():
                    await progress.lock(conn, SCHEMA, self.topic, partition)
                    now = self.clock.now()
                    first = await pick(conn, partition, now, 1)
                    why = applying.why(error).text
                    await self._postpone(conn, partition, {case.subject: why for case in first}, now)
        return SWEEP_CASES

    async def _postpone(self, conn: Conn, partition: int, failed: Mapping[str, str], now: datetime) -> None:
        for subject, reason in failed.items():
            log.error("case_not_swept", subject=subject, reason=reason)
        if failed:
            await store.postpone(conn, list(failed), now + POSTPONED)
            await looking_over.note_postponed(conn, partition, list(failed))
        self.metrics.sweep_failures.inc(len(failed))
