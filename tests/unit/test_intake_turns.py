"""More than intake can bear, with a log that stands still: who is at work, who waits, who is told to come back."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import httpx
import pytest

from services.access.principal import Principal
from services.events.examples import example
from services.intake import api
from services.intake.reading import STRUCTURED, Reading, Taken
from services.intake.repeats import Repeats
from services.intake.turns import Turns
from services.intake.unpacking import ROOM, Room
from services.runtime.health import Health
from services.runtime.problems import ProblemError
from services.runtime.web import create_app, new_registry
from services.words.catalogue import Said


class Log:
    """A writer that waits until it may go on, and references that all exist."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.at_work = 0
        self.ids: list[str] = []

    async def write(self, taken: Sequence[Taken], by: Principal) -> None:
        self.at_work += 1
        await self.open.wait()
        self.ids += [each.fact.id for each in taken]

    async def refuse_unknown(self, reading: Reading, *, partial: bool = False) -> Mapping[int, Sequence[Said]]:
        return {}


async def settled(reached: Any) -> None:
    async with asyncio.timeout(20):
        while not reached():  # noqa: ASYNC110 - the calls are in other tasks
            await asyncio.sleep(0.005)


async def test_beyond_those_at_work_and_those_who_wait_calls_are_told_to_come_back() -> None:
    log: Any = Log()
    room = Room()
    door = api.Door(log, log, api.Counts(new_registry()), Repeats(), room, 1024 * 1024, Turns(4, 10**6, 3, 60))
    app: Any = create_app("intake", api.handlers(door), Health(), new_registry(), schemas=api.fact_schemas())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1") as client:

        async def post(number: int) -> httpx.Response:
            body = json.dumps({**example("facts", "fee-paid"), "id": str(number)})
            return await client.post("/v1/events", content=body, headers={"content-type": STRUCTURED})

        first = [asyncio.create_task(post(number)) for number in range(7)]
        await settled(lambda: log.at_work == 4 and len(door.turns._waiting) == 3)
        for number in range(7, 10):
            refused = await post(number)
            assert refused.status_code == 503 and int(refused.headers["retry-after"]) > 0
            assert refused.json()["type"] == "urn:shixian:problem:busy"
        log.open.set()
        answers = await asyncio.gather(*first)
        assert [answer.status_code for answer in answers] == [202] * 7
        assert sorted(log.ids) == [str(number) for number in range(7)], "those refused are not in the log"
        assert (await post(10)).status_code == 202, "and when they are done, all is as before"
    assert (door.turns._calls, door.turns._bytes, room.left) == (0, 0, ROOM)


async def test_a_call_that_waited_too_long_or_left_keeps_nobody_from_a_turn() -> None:
    turns = Turns(1, 100, 10, 0.05)
    order: list[str] = []

    async def call(name: str, size: int, until: asyncio.Event | None = None) -> None:
        async with turns.turn(size):
            order.append(name)
            if until is not None:
                await until.wait()

    free = asyncio.Event()
    holder = asyncio.create_task(call("first", 10, free))
    await settled(lambda: order == ["first"])
    with pytest.raises(ProblemError) as told:
        await call("late", 10)
    assert told.value.status == 503 and "did not come within" in told.value.detail
    turns._wait_seconds = 60
    left, next_ = asyncio.create_task(call("left", 10)), asyncio.create_task(call("next", 10))
    await settled(lambda: len(turns._waiting) == 2)
    left.cancel()
    with suppress(asyncio.CancelledError):
        await left
    also = asyncio.create_task(call("also", 10))
    await settled(lambda: len(turns._waiting) == 2)
    free.set()
    also_left = asyncio.create_task(call("its turn comes as it leaves", 10))
    await asyncio.sleep(0)
    await asyncio.gather(holder, next_, also)
    also_left.cancel()
    with suppress(asyncio.CancelledError):
        await also_left
    assert order[:3] == ["first", "next", "also"]
    assert (turns._calls, turns._bytes, len(turns._waiting)) == (0, 0, 0)


async def test_large_calls_are_at_work_one_by_one_and_small_ones_together() -> None:
    turns = Turns(10, 100, 10, 60)
    working: set[str] = set()
    goes = {name: asyncio.Event() for name in ("large", "a", "b", "c", "d")}

    async def call(name: str, size: int) -> None:
        async with turns.turn(size):
            working.add(name)
            await goes[name].wait()
            working.discard(name)

    tasks = [asyncio.create_task(call(*one)) for one in (("large", 500), ("a", 40), ("b", 40), ("c", 40), ("d", 10))]
    await settled(lambda: working == {"large"} and len(turns._waiting) == 4)
    goes["large"].set()
    await settled(lambda: working == {"a", "b"})
    assert len(turns._waiting) == 2, "a small one does not pass one that has waited longer"
    goes["a"].set()
    await settled(lambda: working == {"b", "c", "d"})
    for go in goes.values():
        go.set()
    await asyncio.gather(*tasks)
    assert (turns._calls, turns._bytes) == (0, 0)
