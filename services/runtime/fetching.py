"""Batches of consecutive records, from our own positions: what every transport promises, whoever fetches.

Positions are those that the service stores with its own rows, not those that Kafka keeps for the group. The batches of
a partition follow one another without a gap. Where that can't be (the log has lost its beginning, or is shorter than
the stored position) this raises, and nothing is skipped or reset. What can't be read makes its partition stand still,
and the others go on.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

import structlog
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import IllegalStateError, NoOffsetForPartitionError, OffsetOutOfRangeError

from services.runtime.batch import Batch, check_position
from services.runtime.damage import LogDamaged, is_damage
from services.runtime.probe import Bounds

log = structlog.get_logger(__name__)

Partitions = frozenset[TopicPartition]
Starts = Mapping[TopicPartition, int]
Records = dict[TopicPartition, list[ConsumerRecord]]
Positions = Callable[[Collection[TopicPartition]], Awaitable[Starts]]
"""Reads the stored next offset of each partition given; one never stored is left out and starts at 0."""

POLL_MILLISECONDS = 500
"""How long the broker may keep a fetch that has nothing to bring. On assignment aiokafka polls at once, from the
group's position, and a seek elsewhere waits for that poll."""
POLL_RECORDS = 2000
SESSION_SECONDS, HEARTBEAT_SECONDS = 10.0, 2.0
YEAR_SECONDS = 365 * 86_400.0
"""A worker that waits for its database, or has no partition, must stay in the group however long that lasts."""
METADATA_MILLISECONDS = 5000
"""A leader that joins while a broker restarts may know no partitions, and then gives none to anybody; the group finds
out when the leader next asks which there are."""
COMMIT_SECONDS = 5.0
RECONNECT_SECONDS = 0.5
CROWDED_SECONDS = 0.05
"""How long a fetch waits while it leaves out partitions that have enough to do: they may have done it by then."""
REPAIRED_SECONDS = 30.0
"""How often a damaged partition is looked at again: another replica may lead by then."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a transport asks of the worker around it."""

    positions: Positions
    on_assigned: Callable[[Partitions], Awaitable[None]]
    on_revoked: Callable[[Partitions], Awaitable[None]]
    bounds: Callable[[Collection[TopicPartition]], Awaitable[Bounds]]
    """Asks the broker how far the log reaches, waiting in place while it is away."""
    on_damage: Callable[[Collection[LogDamaged]], None] = lambda damaged: None
    """Gets all partitions that stand still because of damage, whenever that changes."""
    crowded: Callable[[], Collection[object] | None] = tuple
    """The partitions that have enough to do for now, so that nothing more of them is fetched; None: all have."""
    on_seek: Callable[[int], None] = lambda number: None
    """Gets the number of each reading of the positions before it begins: what was fetched before is fetched again."""


class Client(Protocol):
    """Who fetches."""

    def assigned(self) -> Partitions:
        """What the group gave us."""

    async def fetch(self, active: Partitions, timeout: float) -> Records:
        """What came of these partitions within ``timeout`` seconds."""

    async def go_to(self, starts: Starts) -> None:
        """Fetch on from these offsets. Raises ``IllegalStateError`` for a partition that was taken from us."""

    def gone_to(self, starts: Starts) -> None:
        """That was the assignment which holds: the client's own bookkeeping may begin there."""

    async def read_singly(self, starts: Starts, others: Starts) -> tuple[Records, list[LogDamaged]]:
        """What stands before the damage in each partition of ``starts``; ``others`` go back to where we had them.
        Raises ``IllegalStateError``."""

    def refused(self) -> Mapping[TopicPartition, str]:
        """What the broker itself can't read for some time now, with what it answers."""

    def end_of(self, tp: TopicPartition) -> int | None:
        """The offset after the last record that the log held at the last fetch."""


class Fetching:
    """Batches by a client.

    All seeking happens in the one task that also fetches, so no fetch can cross a seek. A rebalance only marks the
    positions as unknown; the next fetch then reads them again, however long that must wait: meanwhile the heartbeats go
    on, which they would not inside Kafka's assignment callback.
    """

    def __init__(self, client: Client, hooks: Hooks) -> None:
        self.next: dict[TopicPartition, int] = {}
        """From where each partition is read on."""
        self._client, self._hooks = client, hooks
        self._damaged: dict[TopicPartition, LogDamaged] = {}
        self._looked_at = 0.0
        self._epoch = 0
        self._sought = False
        self._seeks = 0

    def assignment_changed(self) -> None:
        """The positions must be read again."""
        self._epoch += 1
        self._sought = False

    async def batches(self, wanted: Collection[TopicPartition] | None, timeout: float) -> dict[TopicPartition, Batch]:
        """What came within ``timeout`` seconds of the partitions wanted (None: of all). Raises
        :class:`~services.runtime.batch.LogHole` or :class:`~services.runtime.batch.LogTooShort`."""
        if not self._sought and not await self._seek_to_stored():
            return {}
        epoch = self._epoch
        readable = frozenset(wanted or self.next) - self._damaged.keys()
        crowded = self._hooks.crowded()
        active = frozenset() if crowded is None else readable.difference(crowded)
        if active != readable:
            timeout = min(timeout, CROWDED_SECONDS)
        try:
            if self._damaged and time.monotonic() - self._looked_at > REPAIRED_SECONDS:
                fetched = await self._read_singly(self._damaged.keys(), readable)
            elif active:
                fetched = await self._client.fetch(active, timeout)
            else:  # to aiokafka, none would be all
                await asyncio.sleep(timeout)
                fetched = {}
        except NoOffsetForPartitionError:
            # aiokafka looked for a position of the group's before we had set ours; the next fetch has it.
            return {}
        except OffsetOutOfRangeError as error:
            await self._explain_out_of_range(error.args[0])
            return {}
        except Exception as error:
            if not is_damage(error):
                raise
            suspects = [tp for tp in active if str(tp) in str(error)] or active
            fetched = await self._read_singly(suspects, readable - frozenset(suspects))
        self._note_refusals(readable)
        if epoch != self._epoch:
            # A rebalance came between: these were read from the old positions, and will be read again from the new.
            return {}
        return {tp: self._batch(tp, records) for tp, records in fetched.items() if records}

    def _batch(self, tp: TopicPartition, records: list[ConsumerRecord]) -> Batch:
        end = self._client.end_of(tp) or records[-1].offset + 1
        batch = Batch(tp.topic, tp.partition, tuple(records), self.next[tp], end, self._seeks)
        self.next[tp] = batch.next_offset
        return batch

    async def _read_singly(self, suspects: Collection[TopicPartition], others: Collection[TopicPartition]) -> Records:
        """Read up to the damage, if it is there; note it, or that it is there no more."""
        epoch, starts = self._epoch, {tp: self.next[tp] for tp in suspects}
        try:
            records, damaged = await self._client.read_singly(starts, {tp: self.next[tp] for tp in others})
        except IllegalStateError:  # a partition was taken from us just now; a rebalance is under way
            return {}
        self._looked_at = time.monotonic()  # a look takes a second for each; the others have their turn in between
        if epoch == self._epoch:
            self._set_damaged(
                {tp: d for tp, d in self._damaged.items() if tp not in records} | {d.tp: d for d in damaged}
            )
        return records

    def _note_refusals(self, active: Collection[TopicPartition]) -> None:
        """Note what the broker itself can't read. It is asked again and again, and says when it can."""
        refused = self._client.refused()
        damaged = {tp: LogDamaged(tp, self.next[tp], reason) for tp, reason in refused.items() if tp in active}
        if damaged:
            self._set_damaged(self._damaged | damaged)

    def _set_damaged(self, damaged: dict[TopicPartition, LogDamaged]) -> None:
        for tp in damaged.keys() - self._damaged.keys():
            log.error("partition_damaged", topic=tp.topic, partition=tp.partition, reason=str(damaged[tp]))
        for tp in self._damaged.keys() - damaged.keys():
            log.info("partition_readable", topic=tp.topic, partition=tp.partition)
        self._damaged = damaged
        self._hooks.on_damage(damaged.values())

    async def _seek_to_stored(self) -> bool:
        """Go to the stored positions of what is assigned; False if the assignment changed meanwhile.

        Raises :class:`~services.runtime.batch.LogHole` or :class:`~services.runtime.batch.LogTooShort` if the log
        doesn't reach to a stored position.
        """
        epoch = self._epoch
        assigned = self._client.assigned()
        self._seeks += 1
        self._hooks.on_seek(self._seeks)
        stored = await self._hooks.positions(assigned)
        starts = {tp: stored.get(tp, 0) for tp in assigned}
        first, end = await self._hooks.bounds(assigned)
        for tp, start in starts.items():
            check_position(tp, start, first[tp], end[tp])
        if epoch != self._epoch:
            return False
        try:
            await self._client.go_to(starts)
        except IllegalStateError:  # aiokafka: a partition was taken from us just now; a rebalance is under way
            await asyncio.sleep(0.05)
            return False
        if epoch != self._epoch:
            return False
        self._client.gone_to(starts)
        self.next = dict(starts)
        self._set_damaged({})  # from the stored positions on, it will be met again
        self._sought = True
        log.info("reading_from", positions={f"{tp.topic}-{tp.partition}": n for tp, n in sorted(starts.items())})
        return True

    async def _explain_out_of_range(self, offsets: Starts) -> None:
        first, end = await self._hooks.bounds(offsets.keys())
        for tp, offset in offsets.items():
            # An offset that is not ours comes from a fetch that aiokafka began before our seek: nothing to do with us.
            if offset == self.next.get(tp):
                check_position(tp, offset, first[tp], end[tp])
        await asyncio.sleep(0.1)
