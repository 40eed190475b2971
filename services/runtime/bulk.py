"""Reading the log in bulk: whole partitions, from an offset to an end, at the client's speed and without a group."""

import asyncio
import sys
from collections.abc import AsyncIterator, Collection, Sequence
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from services.events import brokers
from services.runtime.batch import check_position
from services.runtime.damage import LogDamaged, is_damage, up_to_damage
from services.runtime.failed import reason_of
from services.runtime.retry import LogUnavailable

RECORDS = 4000
"""Records handed on at once."""
FETCH_BYTES = 8 * 1024 * 1024
ANSWER_SECONDS = 30.0
"""Without an answer from the broker for this long, reading is given up."""
POLL_SECONDS = 1.0


def _shown(bootstrap: str) -> str:
    return ",".join(brokers.hosts(bootstrap))


class BulkReader:
    """A reader of whole partitions; use it as a context."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        # One asks and one reads: a question would wait behind the reader's long polls.
        self._asker, self._consumer = self._client(), self._client()

    def _client(self) -> Any:
        return AIOKafkaConsumer(
            **brokers.client(self._bootstrap),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            # At a partition's end the last poll is soon over, and the next partition need not wait for it.
            fetch_max_wait_ms=20,
            fetch_max_bytes=4 * FETCH_BYTES,
            max_partition_fetch_bytes=FETCH_BYTES,
        )

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._asker.start()
                await self._consumer.start()
        except (KafkaError, OSError) as error:
            await self._stop()
            raise LogUnavailable(
                f"Kafka at {_shown(self._bootstrap)} (SHIXIAN_KAFKA) does not answer: {reason_of(error)}"
            ) from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def _stop(self) -> None:
        await self._asker.stop()
        await self._consumer.stop()

    async def partitions(self, topic: str) -> list[TopicPartition]:
        """The partitions of a topic, in order; none if there is no such topic."""
        # The consumer's own public look-up knows only of topics that it reads.
        cluster = await self._ask(self._asker._client.fetch_all_metadata())
        return [TopicPartition(topic, n) for n in sorted(cluster.partitions_for_topic(topic) or ())]

    async def cluster(self) -> str:
        """The id of the cluster, which it was given when it was made."""
        admin = AIOKafkaAdminClient(**brokers.client(self._bootstrap))
        try:
            await self._ask(admin.start())
            described = await self._ask(admin.describe_cluster())
        finally:
            await admin.close()
        return str(described.get("cluster_id") or "")

    async def ends(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """The offset after the last record of each partition."""
        return dict(await self._ask(self._asker.end_offsets(list(partitions)))) if partitions else {}

    async def firsts(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """The first offset that the log holds of each partition."""
        return dict(await self._ask(self._asker.beginning_offsets(list(partitions)))) if partitions else {}

    async def _ask(self, question: Any) -> Any:
        try:
            return await asyncio.wait_for(question, ANSWER_SECONDS)
        except (KafkaError, OSError) as error:
            raise LogUnavailable(
                f"Kafka at {_shown(self._bootstrap)} (SHIXIAN_KAFKA) does not answer: {reason_of(error)}"
            ) from error

    async def read(self, tp: TopicPartition, start: int, end: int) -> AsyncIterator[Sequence[Any]]:
        """The records of a partition from ``start`` up to (not including) ``end``, in order and in bounded chunks.

        Raises :class:`LogUnavailable`; :class:`LogDamaged` if the records are there and can't be read;
        :class:`~services.runtime.batch.PositionRefused` if the log lacks ``start`` or is shorter than ``end``.
        """
        if start >= end:
            return
        bounds = await self.firsts([tp]), await self.ends([tp])
        check_position(tp, start, bounds[0][tp], bounds[1][tp])
        check_position(tp, end, bounds[0][tp], bounds[1][tp])
        consumer = self._consumer
        consumer.assign([tp])
        consumer.seek(tp, start)
        silent = 0.0
        while (position := await consumer.position(tp)) < end:
            try:
                fetched = await consumer.getmany(tp, timeout_ms=int(POLL_SECONDS * 1000), max_records=RECORDS)
            except Exception as error:
                if is_damage(error):
                    raise LogDamaged(tp, await self._damaged_at(tp, position), error) from error
                if not isinstance(error, KafkaError):
                    raise
                raise LogUnavailable(f"{tp.topic} partition {tp.partition}: {reason_of(error)}") from error
            records = fetched.get(tp, [])
            if records and records[-1].offset >= end:
                records = [record for record in records if record.offset < end]
            if records:
                yield records
            # The position moves without records, too, over offsets that hold none.
            silent = 0.0 if records or await consumer.position(tp) > position else silent + POLL_SECONDS
            if silent >= ANSWER_SECONDS:
                await self.ends([tp])  # a broker that is away is reported as such
                raise LogDamaged(tp, position, f"nothing came for {silent:.0f} s, though the log goes on")

    async def _damaged_at(self, tp: TopicPartition, position: int) -> int:
        """The first offset from ``position`` on that can't be read."""
        consumer = self._consumer
        consumer.seek(tp, position)

        async def one() -> Any:
            fetched = await consumer.getmany(tp, timeout_ms=int(POLL_SECONDS * 1000), max_records=1)
            return next(iter(fetched.get(tp, ())), None)

        records, _ = await up_to_damage(one, sys.maxsize)
        return int(records[-1].offset) + 1 if records else position
