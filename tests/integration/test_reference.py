"""The reference topic's follower against a real broker."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from prometheus_client import CollectorRegistry

from services.events.examples import example
from services.events.facts import ReferenceFact
from services.events.registrations import checking
from services.events.topics import create_topics, topics
from services.local.kafka import KafkaNode
from services.runtime.health import Part
from services.runtime.reference import Reference, ReferenceRewritten

ORGAN = example("facts", "organ-registered")
CALENDAR = example("facts", "calendar-published")


def organ(code: str, **data: str) -> bytes:
    return json.dumps(
        {**ORGAN, "id": uuid.uuid4().hex, "subject": code, "data": {**ORGAN["data"], "code": code, **data}}
    ).encode()


async def make_topic(bootstrap: str) -> str:
    prefix = f"r{uuid.uuid4().hex[:8]}."
    await create_topics(bootstrap, topics(prefix, 1, 1))
    return f"{prefix}reference"


async def write(bootstrap: str, topic: str, values: Sequence[bytes | None]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    await producer.start()
    try:
        for value in values:
            await producer.send_and_wait(topic, value, key=b"k")
    finally:
        await producer.stop()


class Following:
    """A follower at work, and what it told."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self.registry = CollectorRegistry()
        self.part = Part("reference")
        self.reference = Reference(bootstrap, topic, self.part, self.registry, checking({"CN"}, {"CN"}))
        self.told: list[tuple[str, int]] = []
        self.reference.subscribe(self.learn)
        self.task: asyncio.Task[None] | None = None

    def learn(self, fact: ReferenceFact, offset: int) -> None:
        self.told.append((fact.subject, offset))


@asynccontextmanager
async def following(bootstrap: str, topic: str) -> AsyncIterator[Following]:
    one = Following(bootstrap, topic)
    one.task = asyncio.create_task(one.reference.run())
    try:
        yield one
    finally:
        one.task.cancel()
        await asyncio.gather(one.task, return_exceptions=True)


async def until(part: Part, state: str) -> None:
    async with asyncio.timeout(40):
        while part.state != state:  # noqa: ASYNC110 - a part has no event to wait for
            await asyncio.sleep(0.05)


async def test_what_is_there_and_what_comes_is_known(kafka: str) -> None:
    topic = await make_topic(kafka)
    await write(kafka, topic, [organ("a"), json.dumps(CALENDAR).encode(), organ("b"), organ("a")])
    async with following(kafka, topic) as one:
        await one.reference.catch_up()
        assert {code: known.offset for code, known in one.reference.organs.items()} == {"a": 3, "b": 2}
        assert one.reference.organs["a"].data.name.zh == "广州市公安局"
        calendar = one.reference.calendars["CN", 2013]
        assert (calendar.offset, calendar.data.notice) == (1, CALENDAR["data"]["notice"])
        assert one.told == [("a", 0), ("CN", 1), ("b", 2), ("a", 3)]
        await until(one.part, "ok")
        for number in range(20):
            await write(kafka, topic, [organ(f"c{number}")])
            await one.reference.catch_up()
            assert one.reference.organs[f"c{number}"].offset == 4 + number
        late: list[Any] = []
        one.reference.subscribe(lambda fact, offset: late.append((fact.subject, offset)))
        assert late == one.told
        assert one.registry.get_sample_value("shixian_reference_next_offset") == 24


async def test_an_empty_topic_is_caught_up_with(kafka: str) -> None:
    async with following(kafka, await make_topic(kafka)) as one:
        await asyncio.wait_for(one.reference.catch_up(), 20)
        await until(one.part, "ok")
        assert one.told == []


async def test_what_cannot_be_read_is_counted_and_passed_over(kafka: str) -> None:
    topic = await make_topic(kafka)
    paid = json.dumps(example("facts", "fee-paid")).encode()
    await write(kafka, topic, [b"\xff\x00", organ("a"), None, paid, b"[" * 10**4, organ("b"), b"last"])
    async with following(kafka, topic) as one:
        await asyncio.wait_for(one.reference.catch_up(), 20)
        assert one.told == [("a", 1), ("b", 5)]
        assert one.reference.next_offset == 7
        assert one.registry.get_sample_value("shixian_reference_unreadable_total") == 5


async def test_an_organ_stays_as_it_was_where_a_law_or_calendar_does_not_exist(kafka: str) -> None:
    topic = await make_topic(kafka)
    strange = json.dumps({**CALENDAR, "subject": "X", "data": {**CALENDAR["data"], "calendar": "X"}}).encode()
    bad = [organ("a", statute="X"), organ("a", calendar="X"), organ("b", statute="X"), strange]
    await write(kafka, topic, [organ("a", parent="c"), *bad, organ("c", parent="a")])
    async with following(kafka, topic) as one:
        await asyncio.wait_for(one.reference.catch_up(), 20)
        assert {code: known.offset for code, known in one.reference.organs.items()} == {"a": 0, "c": 5}
        assert one.reference.calendars == {}
        assert one.reference.parents() == {"a": "c", "c": None}, "the later one closes a circle"
        assert [offset for _, offset in one.told] == list(range(6)), "who counts the records hears of all"
        assert one.registry.get_sample_value("shixian_reference_rejected_total") == 4
        # The next registration of the first heals the tree at once, and the other's own parent counts again.
        await write(kafka, topic, [organ("a", parent="b"), organ("b")])
        await asyncio.wait_for(one.reference.catch_up(), 20)
        assert one.reference.parents() == {"c": "a", "a": "b", "b": None} | {"b": "gz"}


async def test_a_topic_that_lost_records_ends_the_process(kafka: str) -> None:
    topic = await make_topic(kafka)
    await write(kafka, topic, [organ("a"), organ("b")])
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=1)})
    await admin.close()
    async with following(kafka, topic) as one:
        assert one.task is not None
        with pytest.raises(ReferenceRewritten):
            await asyncio.wait_for(one.task, 20)


async def test_a_broker_that_goes_and_comes_back_is_waited_for(mortal_node: KafkaNode) -> None:
    node = mortal_node
    topic = await make_topic(node.bootstrap)
    await write(node.bootstrap, topic, [organ("a")])
    node.kill()
    async with following(node.bootstrap, topic) as one:
        waiting = asyncio.create_task(one.reference.catch_up())
        await until(one.part, "away")
        assert not waiting.done()
        node.start()
        await asyncio.wait_for(waiting, 40)
        assert one.told == [("a", 0)]
        await until(one.part, "ok")
        node.kill()
        several = [asyncio.create_task(one.reference.catch_up()) for _ in range(3)]
        await until(one.part, "away")
        node.start()
        await write(node.bootstrap, topic, [organ("b")])
        await asyncio.wait_for(asyncio.gather(*several), 40)
        await asyncio.wait_for(one.reference.catch_up(), 40)
        assert one.told == [("a", 0), ("b", 1)]
        await until(one.part, "ok")
