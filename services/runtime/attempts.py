"""Records that end the process: the next starts find out which they are, and put them aside as dead letters.

What runs out of memory, crashes in C or never comes back from there leaves no exception behind. So the first batch of
each partition that a process takes up is noted before it is begun, in the partition's row of ``progress``; the position
that moves on clears the note. A start that finds some notes goes through the batch record by record, each noted, with
nothing else in hand; and one that ended the process alone, more than once, becomes a dead letter.

Later batches of a process are not noted: if one ends it, the next start has it for its first. A process that is killed
from outside leaves a note as well, which costs some speed; to make a dead letter of an innocent record it would have to
be killed twice within the few milliseconds that one record takes.

A process notes the same position once, however often it tries it: a database that was away while a record was tried,
and came back, has ended nothing. One that ends in order takes its notes back.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import asyncpg
import structlog
from aiokafka import TopicPartition

from services.events.refusals import Reason
from services.runtime import applying, bounded, dead_letters, progress, tracing
from services.runtime.batch import Batch
from services.runtime.database import Pool
from services.runtime.failed import reason_of
from services.runtime.retry import is_transient

TOGETHER = 2
"""So often a batch is tried as a whole, each time ending the process; then record by record."""
ALONE = 2
"""So often a record is tried alone."""
ALIVE_SECONDS = 5.0
FORGET_SECONDS = 1.0
"""How long an orderly end waits for a database that may be what it waited for all the time."""

log = structlog.get_logger(__name__)


class Attempts:
    """The notes of one process about its partitions in ``schema``."""

    def __init__(self, pool: Pool, schema: str, on_letter: Callable[[], None] = lambda: None) -> None:
        """``on_letter`` is called with each record that was passed over."""
        self._pool, self._schema, self._on_letter = pool, schema, on_letter
        self._noted: dict[TopicPartition, tuple[int, int]] = {}
        """Where this process made its note of a partition, and how many there were with it."""
        self._alone: dict[TopicPartition, tuple[int, int]] = {}
        """Which record's position it noted as tried alone, and how often that was noted before."""
        self._proven: set[TopicPartition] = set()
        self._in_hand = 0
        """How many pieces of work run; -1: a record, alone."""
        self._wanted = 0
        self._turn = asyncio.Condition()

    @asynccontextmanager
    async def beside_others(self) -> AsyncIterator[None]:
        """Around whatever may run at the same time as other work, but not while a record is tried alone."""
        async with self._turn:
            await self._wait(lambda: self._in_hand >= 0 and not self._wanted)
            self._in_hand += 1
        try:
            yield
        finally:
            self._in_hand -= 1
            await self._notify()

    @asynccontextmanager
    async def _all_alone(self) -> AsyncIterator[None]:
        async with self._turn:
            self._wanted += 1  # whoever comes now comes after it
            try:
                await self._wait(lambda: self._in_hand == 0)
            finally:
                self._wanted -= 1
            self._in_hand = -1
        try:
            yield
        finally:
            self._in_hand = 0
            await self._notify()

    async def _wait(self, free: Callable[[], bool]) -> None:
        while not free():
            try:
                await asyncio.wait_for(self._turn.wait(), ALIVE_SECONDS)
            except TimeoutError:
                bounded.alive.get()()  # if what is in hand is stuck, that is seen where it is in hand

    async def _notify(self) -> None:
        async with self._turn:
            self._turn.notify_all()

    async def through(self, batch: Batch, handle: Callable[[Batch], Awaitable[None]]) -> None:
        """``handle`` the batch, as a whole or record by record. Raises what ``handle`` raises, and the database."""
        tp = batch.tp
        if tp in self._proven:
            async with self.beside_others():
                await handle(batch)
            return
        try:
            if await self._note(batch) <= TOGETHER:
                async with self.beside_others():
                    await handle(batch)
            else:
                await self._singly(batch, handle)
        except Exception as error:
            if not is_transient(error):  # the process ends over it, in order: that is not what is looked for
                await self._clear(batch)
            raise
        self._proven.add(tp)
        self._noted.pop(tp, None)
        self._alone.pop(tp, None)

    async def forget(self) -> None:
        """Take back what this process noted and did not get beyond, since it ends in order: while it waited for what is
        away, say."""
        for tp, (noted, _) in list(self._noted.items()):
            position, alone = (self._alone[tp][0], 1) if tp in self._alone else (noted, 0)
            try:
                async with asyncio.timeout(FORGET_SECONDS):
                    await progress.take_back(self._pool, self._schema, tp.topic, tp.partition, position, alone)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:  # a TimeoutError is an OSError
                log.warning("attempt_not_cleared", partition=tp.partition, reason=reason_of(error))
                return  # the others would not be cleared, either; it costs some speed

    async def _note(self, batch: Batch) -> int:
        """Note once for this process that what stands at the position is begun; the number of notes, this one
        counted."""
        noted = self._noted.get(batch.tp)
        if noted is None or noted[0] != batch.start:
            notes = await progress.attempt(self._pool, self._schema, batch.topic, batch.partition)
            self._noted[batch.tp] = noted = batch.start, notes
        return noted[1]

    async def _note_alone(self, single: Batch) -> int | None:
        """Note, once as well, that a record is tried alone; how often that was noted by those before, None where the
        partition stands elsewhere."""
        noted = self._alone.get(single.tp)
        if noted is None or noted[0] != single.start:
            before = await progress.alone(
                self._pool, self._schema, single.topic, single.partition, single.start, TOGETHER
            )
            if before is None:
                return None
            self._alone[single.tp] = noted = single.start, before
        return noted[1]

    async def _singly(self, batch: Batch, handle: Callable[[Batch], Awaitable[None]]) -> None:
        log.warning(
            "going_record_by_record",
            topic=batch.topic,
            partition=batch.partition,
            first_offset=batch.first_offset,
            records=len(batch.records),
            reason=f"the process ended over these records {TOGETHER} times or more",
        )
        start = batch.start
        for record in batch.records:
            single = replace(batch, records=(record,), start=start)
            start = single.next_offset
            async with self._all_alone():
                before = await self._note_alone(single)
                if before is None or before < ALONE:
                    await handle(single)
                else:
                    await self._pass_over(single, before)

    async def _pass_over(self, single: Batch, times: int) -> None:
        record = single.records[0]
        letter = dead_letters.of(
            record,
            Reason("ends-process", f"ended the process {times} times when it was tried alone", {"times": times}),
        )
        log.error(
            "record_ends_the_process",
            topic=single.topic,
            partition=single.partition,
            offset=single.first_offset,
            times=times,
            **tracing.identity(record),
        )
        await applying.pass_over(self._pool, self._schema, single, letter)
        self._on_letter()

    async def _clear(self, batch: Batch) -> None:
        try:
            await progress.forget_attempts(self._pool, self._schema, batch.topic, batch.partition)
            self._noted.pop(batch.tp, None)
            self._alone.pop(batch.tp, None)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            # The note stays: one start more goes by it, and what really happened is raised.
            log.warning("attempt_not_cleared", partition=batch.partition, reason=reason_of(error))
