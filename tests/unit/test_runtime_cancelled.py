"""A cancellation that a library lets out ends nothing without a word: no task, no preparation, no call in place.

aiokafka does so where its connection breaks while it fetches metadata; a service ended with 0 by it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiokafka.structs import RecordMetadata, TopicPartition

from services.runtime import main
from services.runtime.health import Part
from services.runtime.main import PartEnded, Parts
from services.runtime.producer import LogProducer, _Generation
from services.runtime.retry import CancelledWithin, retry_in_place, uncancelled


async def broken() -> None:
    """What a client does that gives up a future of its own."""
    waiting = asyncio.get_running_loop().create_future()
    waiting.cancel()
    await waiting


async def test_a_cancellation_that_nobody_asked_for_is_an_error() -> None:
    with pytest.raises(CancelledWithin):
        await uncancelled(broken())


async def test_one_that_was_asked_for_is_passed_on() -> None:
    task = asyncio.create_task(uncancelled(asyncio.sleep(60)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await uncancelled(asyncio.sleep(60))


async def test_a_call_in_place_is_repeated_after_it() -> None:
    calls = 0

    async def call() -> int:
        nonlocal calls
        calls += 1
        if calls == 1:
            await broken()
        return calls

    assert await retry_in_place(call, first_seconds=0.01)() == 2


async def test_records_whose_sending_was_cancelled_are_sent_again() -> None:
    class Producer:
        calls = 0

        async def send(self, topic: str, value: bytes, *, key: bytes, headers: list[Any]) -> Any:
            self.calls += 1
            sent = asyncio.get_running_loop().create_future()
            if self.calls == 1:
                sent.cancel()  # and the next one's sending itself is cut off
            elif self.calls == 2:
                await broken()
            else:
                sent.set_result(RecordMetadata("t", 0, TopicPartition("t", 0), self.calls, 0, 0, 0))
            return sent

    client = Producer()
    log = LogProducer("127.0.0.1:1", Part("producer"))

    async def generation() -> _Generation:
        return _Generation(client)

    async def discard(_generation: object, _reason: str) -> None: ...

    log._producer, log._discard = generation, discard  # type: ignore[method-assign,assignment]
    places = await asyncio.wait_for(log.send_all("t", [(b"k", b"v", ())]), 10)
    assert (len(places), client.calls) == (1, 3)


async def waits() -> None:
    await asyncio.sleep(60)


def parts(task: Callable[[], Awaitable[None]], prepare: Callable[[], Awaitable[None]] | None = None) -> Parts:
    return Parts(None, 0, None, {"other": waits, "broken": task}, prepare)  # type: ignore[dict-item]


async def test_a_task_that_is_cancelled_from_within_ends_the_others_as_a_failure_does() -> None:
    with pytest.raises(CancelledWithin):
        await asyncio.wait_for(main._work(parts(broken), asyncio.Event()), 5)
    with pytest.raises(CancelledWithin):
        await asyncio.wait_for(main._work(parts(waits, broken), asyncio.Event()), 5)


async def test_a_part_that_was_cancelled_by_nobody_is_a_failure_of_the_process() -> None:
    task = asyncio.create_task(broken(), name="work")
    with pytest.raises(PartEnded, match="work was cancelled"):
        await asyncio.wait_for(main._until_one_fails({task: False}, asyncio.Event()), 5)
