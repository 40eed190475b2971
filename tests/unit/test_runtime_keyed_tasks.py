"""Work on several partitions at once."""

import asyncio

import pytest

from services.runtime.keyed_tasks import LARGE, SLOW_SECONDS, WAITING, KeyedTasks
from services.runtime.retry import CancelledWithin


class Work:
    """Pieces that end when they are let: each is named by what it was given."""

    def __init__(self, errors: dict[str, Exception] | None = None) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.gates: dict[str, asyncio.Event] = {}
        self.errors = errors or {}

    async def piece(self, given: list[str]) -> None:
        name = " + ".join(given)
        self.begun.append(name)
        await self.gates.setdefault(name, asyncio.Event()).wait()
        self.ended.append(name)
        if name in self.errors:
            raise self.errors[name]

    async def end(self, *names: str) -> None:
        for name in names:
            self.gates.setdefault(name, asyncio.Event()).set()
        for _ in range(100):
            await asyncio.sleep(0)


def made(width: int, spare: int = 0, errors: dict[str, Exception] | None = None) -> tuple[KeyedTasks[str], Work]:
    work = Work(errors)
    return KeyedTasks(work.piece, width, spare), work


async def test_a_lane_has_one_piece_at_a_time_and_another_lane_does_not_wait_for_it() -> None:
    lanes, work = made(2)
    for lane, name in ((1, "1a"), (1, "1b"), (1, "1c"), (2, "2a"), (2, "2b")):
        lanes.start(lane, name)
    await work.end("2a")
    assert work.begun == ["1a", "2a", "2b"], "what waits for the first lane is in nobody's way"
    await work.end("2b", "1a")
    assert work.begun[3:] == ["1b"]
    await work.end("1b", "1c")
    assert work.begun[4:] == ["1c"] and work.ended == ["2a", "2b", "1a", "1b", "1c"]


async def test_no_more_than_so_many_at_once() -> None:
    lanes, work = made(2)
    for lane in (1, 2, 3):
        lanes.start(lane, str(lane))
    await work.end()
    assert work.begun == ["1", "2"]
    await work.end("2")
    assert work.begun == ["1", "2", "3"]
    await work.end("1", "3")


async def test_small_pieces_have_room_beside_the_large_ones() -> None:
    lanes, work = made(2, 2)
    for lane in (1, 2, 3):
        lanes.start(lane, f"large {lane}", LARGE)
    for lane in (4, 5, 6):
        lanes.start(lane, f"small {lane}", LARGE - 1)
    await work.end()
    assert work.begun == ["large 1", "large 2", "small 4", "small 5"]
    await work.end("small 4")
    assert work.begun[4:] == ["small 6"], "the third large one waits for a large one"
    await work.end("large 2")
    assert work.begun[5:] == ["large 3"]
    await work.end("large 1", "large 3", "small 5", "small 6")


async def test_what_takes_long_does_not_keep_others_waiting_however_small_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.runtime.keyed_tasks.SLOW_SECONDS", 0.02)
    lanes, work = made(2, 2)
    for lane in range(5):
        lanes.start(lane, f"small {lane}", 1)
    await work.end()
    assert work.begun == ["small 0", "small 1"]
    async with asyncio.timeout(20):
        while len(work.begun) < 4:  # noqa: ASYNC110 - they begin in their own time
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    assert work.begun == ["small 0", "small 1", "small 2", "small 3"], "and no more than there is room for"
    await work.end(*(f"small {lane}" for lane in range(5)))


async def test_what_waits_is_not_begun_once_idle_is_asked_for() -> None:
    lanes, work = made(1)
    lanes.start(1, "1a")
    lanes.start(1, "1b")
    await work.end()
    idle = asyncio.create_task(lanes.idle())
    await work.end("1a")
    assert idle.done() and work.begun == ["1a"]
    lanes.start(1, "1c")
    await work.end("1c")
    assert work.ended == ["1a", "1c"]


async def test_a_lane_with_enough_to_do_says_so_and_the_others_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("services.runtime.keyed_tasks.time.monotonic", lambda: now)
    lanes, work = made(2, 2)
    lanes.start("large", "large 1", 2000)
    lanes.start("small", "small 1", 3)
    assert lanes.crowded() == frozenset(), "one may follow, so that no lane waits for a fetch"
    lanes.start("large", "large 2", 2000)
    lanes.start("small", "small 2", 3)
    assert lanes.crowded() == frozenset({"large"})
    now += SLOW_SECONDS * 2
    assert lanes.crowded() == frozenset({"large", "small"}), "few records may take long as well"
    await work.end("small 1", "large 1")
    assert lanes.crowded() == frozenset()
    lanes.start("small", "small 3", LARGE - 1)
    assert lanes.crowded() == frozenset({"small"}), "together that is much"
    lanes.start("large", "large 3", WAITING)
    assert lanes.crowded() is None, "too much waits already"
    await work.end("large 2", "large 3", "small 2", "small 3")
    assert lanes.crowded() == frozenset() and len(work.ended) == 6


async def test_small_pieces_that_wait_become_one_and_a_large_one_stays_by_itself() -> None:
    lanes, work = made(1)
    for name, size in (("a", 3), ("b", 3), ("c", LARGE - 5), ("d", 3), ("e", 1), ("f", LARGE), ("g", 1)):
        lanes.start(1, name, size)
    lanes.start(2, "other", 1)
    await work.end()
    assert work.begun == ["a"], "what is begun takes nothing more"
    await work.end("a")
    assert work.begun[1:] == ["b + c"], "up to what is large"
    await work.end("b + c", "d + e", "f", "g", "other")
    assert work.begun[2:] == ["d + e", "f", "g", "other"]


async def test_small_pieces_leave_the_spare_room_to_those_beside_large_ones() -> None:
    lanes, work = made(2, 2)
    for lane in range(4):
        lanes.start(lane, f"small {lane}", 1)
    await work.end()
    assert work.begun == ["small 0", "small 1"]
    lanes.start(4, "large", LARGE)
    await work.end()
    assert work.begun == ["small 0", "small 1", "large"], "it does not wait for them"
    await work.end("small 0")
    assert work.begun[3:] == ["small 2"]
    await work.end("large", *(f"small {lane}" for lane in range(4)))


async def test_after_a_failure_nothing_is_begun() -> None:
    lanes, work = made(2, errors={"1a": ValueError("no")})
    lanes.start(1, "1a")
    await work.end("1a")
    for lane in (1, 2):
        with pytest.raises(ValueError, match="no"):
            lanes.start(lane, "later")
    assert work.begun == ["1a"]


async def test_a_failure_ends_what_waits_too() -> None:
    lanes, work = made(1, errors={"1a": ValueError("no")})
    lanes.start(1, "1a")
    lanes.start(2, "2a")
    await work.end("1a")
    assert work.begun == ["1a"] and lanes.crowded() == frozenset()


async def test_a_piece_that_something_else_cancels_is_not_done() -> None:
    begun = []

    async def cancelled(given: list[str]) -> None:
        begun.extend(given)
        raise asyncio.CancelledError

    lanes = KeyedTasks(cancelled, 2)
    lanes.start(1, "1a")
    for _ in range(10):
        await asyncio.sleep(0)
    with pytest.raises(CancelledWithin):
        lanes.start(1, "1b")
    assert begun == ["1a"]


async def test_the_piece_that_runs_the_longest_is_known_while_others_come_and_go() -> None:
    lanes, work = made(2)
    assert lanes.oldest() is None
    lanes.start(1, "hangs")
    began = lanes.oldest()
    for name in ("a", "b"):
        lanes.start(2, name)
        assert lanes.oldest() == began
        await work.end(name)
    await work.end("hangs")
    assert lanes.oldest() is None
