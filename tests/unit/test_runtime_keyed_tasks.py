"""Work on several partitions at once."""

import asyncio

import pytest

from services.runtime.keyed_tasks import KeyedTasks
from services.runtime.retry import CancelledWithin


class Work:
    """Pieces that end when they are let."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.gates: dict[str, asyncio.Event] = {}

    async def piece(self, name: str, error: Exception | None = None) -> None:
        self.begun.append(name)
        await self.gates.setdefault(name, asyncio.Event()).wait()
        self.ended.append(name)
        if error is not None:
            raise error

    async def end(self, *names: str) -> None:
        for name in names:
            self.gates.setdefault(name, asyncio.Event()).set()
        for _ in range(10):
            await asyncio.sleep(0)


async def test_a_lane_has_one_piece_at_a_time_and_another_lane_does_not_wait_for_it() -> None:
    lanes, work = KeyedTasks(2), Work()
    await lanes.start(1, work.piece("1a"))
    await lanes.start(2, work.piece("2a"))
    third = asyncio.create_task(lanes.start(1, work.piece("1b")))
    await work.end("2a")
    assert work.begun == ["1a", "2a"]
    assert not third.done()
    await work.end("1a")
    assert third.done()
    assert work.begun == ["1a", "2a", "1b"]
    await work.end("1b")


async def test_no_more_than_so_many_at_once() -> None:
    lanes, work = KeyedTasks(2), Work()
    await lanes.start(1, work.piece("1"))
    await lanes.start(2, work.piece("2"))
    third = asyncio.create_task(lanes.start(3, work.piece("3")))
    await work.end()
    assert work.begun == ["1", "2"]
    await work.end("2")
    assert work.begun == ["1", "2", "3"]
    await third
    await work.end("1", "3")


async def test_after_a_failure_nothing_is_begun() -> None:
    lanes, work = KeyedTasks(2), Work()
    await lanes.start(1, work.piece("1a", ValueError("no")))
    await work.end("1a")
    for lane in (1, 2):
        with pytest.raises(ValueError, match="no"):
            await lanes.start(lane, work.piece("later"))
    assert work.begun == ["1a"]


async def test_a_failure_reaches_whoever_waits_for_room() -> None:
    lanes, work = KeyedTasks(1), Work()
    await lanes.start(1, work.piece("1a", ValueError("no")))
    waiting = asyncio.create_task(lanes.start(2, work.piece("2a")))
    await work.end("1a")
    with pytest.raises(ValueError, match="no"):
        await waiting
    assert work.begun == ["1a"]


async def test_a_piece_that_something_else_cancels_is_not_done() -> None:
    lanes = KeyedTasks(2)

    async def cancelled() -> None:
        raise asyncio.CancelledError

    await lanes.start(1, cancelled())
    for _ in range(10):
        await asyncio.sleep(0)
    later = Work()
    with pytest.raises(CancelledWithin):
        await lanes.start(1, later.piece("1b"))
    assert later.begun == []


async def test_the_piece_that_runs_the_longest_is_known_while_others_come_and_go() -> None:
    lanes, work = KeyedTasks(2), Work()
    assert lanes.oldest() is None
    await lanes.start(1, work.piece("hangs"))
    began = lanes.oldest()
    for name in ("a", "b"):
        await lanes.start(2, work.piece(name))
        assert lanes.oldest() == began
        await work.end(name)
    await work.end("hangs")
    assert lanes.oldest() is None
