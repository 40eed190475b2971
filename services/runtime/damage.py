"""Records that the log still has and nobody can read: a byte that flipped on a disk, a segment cut short.

aiokafka checks each record batch's checksum and raises; but what it read before in the same fetch, of that partition
and of others, it has then counted as delivered and throws away. So whoever meets damage goes back to what was handed
on, and reads record by record up to it: everything before the damage is read, and nothing behind it is.
"""

import struct
import time
import zlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import (
    CorruptRecordException,
    KafkaError,
    KafkaStorageError,
    UnknownError,
    UnsupportedCodecError,
)
from aiokafka.protocol.fetch import FetchRequest

from services.runtime.failed import reason_of
from services.runtime.retry import LogUnavailable

ADVICE = "restore the segment from a replica or a backup and start the broker again (docs/reliability.md)"


class LogDamaged(LogUnavailable):
    """A partition can't be read at some offset. Waiting can help only in so far as somebody repairs it meanwhile."""

    def __init__(self, tp: TopicPartition, offset: int, error: BaseException | str) -> None:
        reason = error if isinstance(error, str) else reason_of(error)
        super().__init__(f"{tp.topic} partition {tp.partition} is damaged at offset {offset} ({reason}): {ADVICE}")
        self.tp, self.offset = tp, offset


def is_damage(error: BaseException) -> bool:
    """Whether reading failed over the bytes: a checksum, or whatever else decoding raises."""
    if isinstance(error, KafkaError):
        return isinstance(error, CorruptRecordException | UnsupportedCodecError)
    return isinstance(error, ValueError | IndexError | EOFError | struct.error | zlib.error)


async def up_to_damage(one: Callable[[], Awaitable[Any]], most: int) -> tuple[list[Any], Exception | None]:
    """Up to ``most`` records as ``one`` gives them, one or None at a time, and the damage that came behind them."""
    records: list[Any] = []
    while len(records) < most:
        try:
            record = await one()
        except Exception as error:
            if not is_damage(error):
                raise
            return records, error
        if record is None:
            break
        records.append(record)
    return records, None


SINGLE_SECONDS = 1.0


async def read_singly(
    consumer: Any, starts: Mapping[TopicPartition, int], others: Mapping[TopicPartition, int]
) -> tuple[dict[TopicPartition, list[Any]], list[LogDamaged]]:
    """What stands before the damage in each partition of ``starts``; ``others`` go back to where we had them.

    ``consumer`` is aiokafka's. Raises ``IllegalStateError`` for a partition that is not its own any more.
    """
    fetcher = consumer._fetcher
    undamaged: dict[TopicPartition, list[Any]] = {}
    damaged: list[LogDamaged] = []
    for tp, offset in {**starts, **others}.items():
        fetcher.seek_to(tp, offset)
    for tp, start in starts.items():

        async def one(tp: TopicPartition = tp) -> Any:
            single = await fetcher.fetched_records([tp], SINGLE_SECONDS, 1)
            return next(iter(single.get(tp, ())), None)

        with fetcher._subscriptions.fetch_context():
            records, error = await up_to_damage(one, consumer._max_poll_records)
        behind = records[-1].offset + 1 if records else start
        fetcher.seek_to(tp, behind)
        if records:
            undamaged[tp] = records
        if error is not None:
            damaged.append(LogDamaged(tp, behind, error))
    return undamaged, damaged


_REFUSED = {code.errno: code.__name__ for code in (UnknownError, CorruptRecordException, KafkaStorageError)}
LASTING_SECONDS = 15.0


class Refusals:
    """Fetches that bring nothing for a partition that goes on: over a broken segment the broker answers with an error
    of its own, or with no bytes at all.

    aiokafka asks again, for ever; nobody else hears of it. So this listens to what a client sends and receives.
    """

    def __init__(self, client: Any) -> None:
        self._since: dict[TopicPartition, tuple[float, str]] = {}
        self._send = client.send
        client.send = self._listening

    async def _listening(self, node: Any, request: Any, **more: Any) -> Any:
        response = await self._send(node, request, **more)
        if isinstance(request, FetchRequest):
            asked = {(topic, each[0]): each[1] for topic, partitions in request.topics for each in partitions}
            for topic, partitions in response.topics:
                for partition, code, highwater, *_, records in partitions:
                    tp = TopicPartition(topic, partition)
                    if code in _REFUSED:
                        self._note(tp, f"the broker answers {_REFUSED[code]}")
                    elif code == 0 and not records and asked[topic, partition] < highwater:
                        self._note(tp, f"the broker answers with nothing, though the log goes on up to {highwater}")
                    else:
                        self._since.pop(tp, None)
        return response

    def _note(self, tp: TopicPartition, reason: str) -> None:
        since, _ = self._since.get(tp, (time.monotonic(), reason))
        self._since[tp] = since, reason

    def lasting(self) -> dict[TopicPartition, str]:
        """The partitions for which this has lasted for some time without a break, with what the broker answers."""
        now = time.monotonic()
        return {tp: reason for tp, (since, reason) in list(self._since.items()) if now - since > LASTING_SECONDS}
