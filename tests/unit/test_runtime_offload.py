"""What callers ask for gives way to the worker's own work."""

import asyncio
from types import SimpleNamespace

import pytest

from services.runtime import offload
from services.runtime.keyed_tasks import HARD, LARGE, SLOW_SECONDS, KeyedTasks
from services.runtime.offload import MOST_REST_SECONDS, Offload


class Clock:
    """Time that passes when somebody sleeps or works."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(
    ("pressure", "took", "rest"), [(0.0, 0.1, 0.0), (1.0, 0.1, 0.1), (HARD, 0.1, 0.4), (HARD, 2.0, MOST_REST_SECONDS)]
)
async def test_the_thread_rests_between_two_pieces_while_the_worker_has_something_in_hand(
    monkeypatch: pytest.MonkeyPatch, pressure: float, took: float, rest: float
) -> None:
    clock = Clock()
    monkeypatch.setattr(offload, "time", SimpleNamespace(monotonic=clock.monotonic, sleep=clock.sleep))
    asked = Offload(pressure=lambda: pressure)
    begun: list[float] = []

    def piece() -> float:
        begun.append(clock.now)
        clock.sleep(took)
        return clock.now

    ended = [await asked.thread(piece) for _ in range(2)]
    assert begun[0] == 100.0, "the first waits for nothing"
    assert begun[1] - ended[0] == pytest.approx(rest, abs=0.006)


async def test_a_rest_ends_when_nothing_is_in_hand_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(offload, "time", SimpleNamespace(monotonic=clock.monotonic, sleep=clock.sleep))
    asked = Offload(pressure=lambda: HARD if clock.now < 100.3 else 0.0)
    await asked.thread(clock.sleep, 0.2)
    assert await asked.thread(clock.monotonic) == pytest.approx(100.3, abs=0.006)


async def test_the_lanes_say_how_hard_they_are_pressed(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("services.runtime.keyed_tasks.time.monotonic", lambda: now)
    gate = asyncio.Event()

    async def piece(given: list[str]) -> None:
        await gate.wait()

    lanes = KeyedTasks(piece, 2, 2)
    assert lanes.pressure() == 0
    lanes.start(1, "piece", LARGE - 1)
    assert lanes.pressure() == 1
    now += SLOW_SECONDS * 2
    assert lanes.pressure() == HARD, "it takes long"
    gate.set()
    await lanes.idle()
    assert lanes.pressure() == 0
    lanes.start(1, "piece", LARGE)
    assert lanes.pressure() == HARD, "it is large"
    await lanes.idle()
