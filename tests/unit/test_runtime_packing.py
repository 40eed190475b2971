"""Records in batches of our own packing."""

import asyncio
from collections import Counter
from typing import Any

from aiokafka.errors import NotLeaderForPartitionError
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import RecordMetadata, TopicPartition

from services.runtime.health import Health
from services.runtime.packing import FEW, LARGE, pack, worth_packing
from services.runtime.producer import LogProducer, _Generation

PARTITIONS = [0, 1, 2, 5]


def records(count: int, size: int = 100) -> list[Any]:
    return [(b"key-%d" % (n % 30), b"%d" % n + b"x" * size, (("h", b"1"),)) for n in range(count)]


def builder() -> Any:
    return BatchBuilder(4096, 0)


def test_each_record_is_in_one_batch_of_the_partition_of_its_key_in_order() -> None:
    given = records(500)
    packs = pack(given, PARTITIONS, builder)
    assert sorted(place for each in packs for place in each.places) == list(range(500))
    for each in packs:
        assert each.places == sorted(each.places)
        assert each.builder.record_count() == len(each.places)
        assert {DefaultPartitioner()(given[p][0], PARTITIONS, PARTITIONS) for p in each.places} == {each.partition}
    for partition in PARTITIONS:
        places = [place for each in packs if each.partition == partition for place in each.places]
        assert places == sorted(places)
        assert len([each for each in packs if each.partition == partition]) > 1, "one batch would prove little"


def test_a_record_larger_than_a_batch_has_one_to_itself() -> None:
    given = [*records(3), (b"key-0", b"y" * 10_000, ()), *records(3)]
    packs = pack(given, [0], builder)
    assert [each.places for each in packs] == [[0, 1, 2], [3], [4, 5, 6]]


def test_few_records_and_large_ones_are_left_to_the_client() -> None:
    assert worth_packing(records(FEW + 1))
    assert not worth_packing(records(FEW))
    assert not worth_packing([*records(FEW + 1), (b"k", b"z" * LARGE, ())])
    assert not worth_packing([*records(FEW + 1), (None, b"", ())])


class Broker:
    """Stands for aiokafka's producer: acknowledges each batch but the one that it refuses."""

    def __init__(self, refused: int) -> None:
        self.refused, self.batches = refused, 0

    async def partitions_for(self, _topic: str) -> set[int]:
        return {0}

    def create_batch(self) -> Any:
        return builder()

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> asyncio.Future[RecordMetadata]:
        done: asyncio.Future[RecordMetadata] = asyncio.get_running_loop().create_future()
        if self.batches == self.refused:
            done.set_exception(NotLeaderForPartitionError())
        else:
            at = 1000 * self.batches
            done.set_result(RecordMetadata(topic, partition, TopicPartition(topic, partition), at, 0, 0, 0))
        self.batches += 1
        return done


async def test_what_counts_as_acknowledged_ends_before_the_first_batch_that_was_not() -> None:
    """What comes after it is sent again, or a later record would stand before an earlier one's first copy."""
    given = records(200)
    sizes = [len(each.places) for each in pack(given, [0], builder)]
    assert len(sizes) > 3
    generation = _Generation(Broker(refused=2))
    producer = LogProducer("localhost:1", Health().part("log"))
    acked, failure = await producer._send(generation, "t", given)
    assert isinstance(failure, NotLeaderForPartitionError)
    assert [record.offset for record in acked] == [*range(sizes[0]), *range(1000, 1000 + sizes[1])]


class Narrow(Broker):
    """Has one place for each partition, and lets those who wait for it try anew each time that it is free."""

    def __init__(self) -> None:
        super().__init__(refused=-1)
        self.waiting: Counter[int] = Counter()
        self.most = self.together = 0

    async def partitions_for(self, _topic: str) -> set[int]:
        return set(PARTITIONS)

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> asyncio.Future[RecordMetadata]:
        self.waiting[partition] += 1
        self.most, self.together = max(self.most, self.waiting[partition]), max(self.together, self.waiting.total())
        await asyncio.sleep(0.002)
        self.waiting[partition] -= 1
        return await super().send_batch(batch, topic, partition=partition)


async def test_of_all_who_send_one_waits_for_a_place_and_the_others_for_their_turn() -> None:
    """With several, aiokafka tells most of them before their time that it is over."""
    broker = Narrow()
    generation = _Generation(broker)
    producer = LogProducer("localhost:1", Health().part("log"))
    found = await asyncio.gather(*(producer._send(generation, "t", records(100)) for _ in range(20)))
    assert all(failure is None and len(acked) == 100 for acked, failure in found)
    assert broker.most == 1
    assert broker.together > 1, "partitions don't wait for one another"
