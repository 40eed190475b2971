"""The sweep after days without a tracker, and the sweep that does not run."""

import asyncio
import time
from typing import Any

import pytest
from aiokafka import TopicPartition
from prometheus_client import CollectorRegistry

from services.events.cases import CaseEvent
from services.events.codec import decode_case_event
from services.runtime.health import Health
from services.tracker import sweeping
from services.tracker.metrics import metrics
from services.tracker.sweeping import Sweeping
from services.tracker.worker import SWEEP_CASES
from tests.integration.recovery import environment, everything, keyed, put, services
from tests.support import ORGAN, answered, eventually, raw, received


def case_events(env: dict[str, str]) -> list[CaseEvent]:
    return [decode_case_event(record.value) for record in everything(env, "cases")]


def announced(events: list[CaseEvent], name: str) -> list[tuple[str, str]]:
    """Subject and legal instant of each event of a name, in the order of subjects and instants."""
    return sorted((e.subject, e.time.isoformat() if e.time else "") for e in events if type(e).__name__ == name)


def test_ten_days_without_a_tracker_lose_no_date_and_double_none(kafka: str, postgres: str) -> None:
    """Received on 2013-03-01 and 2013-03-08, the limits end on 2013-03-22 and 2013-03-29 (15 working days)."""
    env = environment(kafka, postgres)
    facts = [
        raw("organ-registered", "gz-psb", ORGAN),
        received("early", "2013-03-01"),
        received("late", "2013-03-08"),
        received("answered", "2013-03-01"),
        answered("answered", "2013-03-11"),
    ]
    with services({**env, "SHIXIAN_NOW": "2013-03-20T10:00:00+08:00"}, "tracker") as (tracker,):
        put(env, [keyed(fact) for fact in facts])
        eventually(lambda: tracker.get("/v1/requests/answered")["status"] == "answered" or None)
        eventually(lambda: announced(case_events(env), "DeadlineApproaching") or None)
        tracker.kill()
    before = case_events(env)
    assert announced(before, "RequestOverdue") == []
    with services({**env, "SHIXIAN_NOW": "2013-03-30T10:00:00+08:00"}, "tracker") as (tracker,):
        eventually(lambda: len(announced(case_events(env), "RequestOverdue")) == 2 or None)
        tracker.kill()
    with services({**env, "SHIXIAN_NOW": "2013-03-31T10:00:00+08:00"}, "tracker") as (tracker,):
        # Each round looks at what is due; some go by before it is certain that nothing is told again.
        first = _swept(tracker)
        eventually(lambda: _swept(tracker) > first + 1 or None)
    after = case_events(env)
    assert announced(after, "RequestOverdue") == [
        ("early", "2013-03-23T00:00:00+08:00"),
        ("late", "2013-03-30T00:00:00+08:00"),
    ]
    warnings = announced(after, "DeadlineApproaching")
    assert len(warnings) == len(set(warnings)), "none twice"
    assert all("T00:00:00+08:00" in instant for _, instant in warnings)
    assert {s for s, _ in warnings} == {"early", "late"}
    rungs = {s: [i[:10] for x, i in warnings if x == s] for s in ("early", "late")}
    assert len(rungs["early"]) == len(rungs["late"]) >= 2, (
        "every rung of both, though the second's came while it was away"
    )
    assert all("2013-03-01" < day <= "2013-03-22" for day in rungs["early"])
    assert all("2013-03-08" < day <= "2013-03-29" for day in rungs["late"])
    assert [e.sequence for e in after if e.subject == "late"] == list(
        range(1, 1 + sum(e.subject == "late" for e in after))
    )


def _swept(tracker: Any) -> float:
    text = tracker.http.get("/metrics").text
    line = next(x for x in text.splitlines() if x.startswith("shixian_tracker_last_sweep_timestamp_seconds "))
    return float(line.split()[1])


class Ground:
    """A sweep whose work the test decides."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **more: Any) -> None:
        monkeypatch.setattr(sweeping, "LOOK_SECONDS", 0.02)
        self.ended: list[str] = []
        monkeypatch.setattr(sweeping, "end_process", lambda event, **facts: self.ended.append(event))
        self.health = Health()
        self.other = self.health.part("database")
        self.other.ok()
        self.part = self.health.part("sweep")
        self.owned = {TopicPartition("facts", 0)}
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.looked: list[int] = []
        self.error: Exception | None = None
        self.registry = CollectorRegistry()
        self.sweeping = Sweeping(self.sweep, lambda: self.owned, self.health, metrics(self.registry), 0.01, **more)

    async def sweep(self, partition: int) -> int:
        await self.go_on.wait()
        if self.error is not None:
            raise self.error
        self.looked.append(partition)
        return SWEEP_CASES if len(self.looked) < 3 else 0

    async def __aenter__(self) -> "Ground":
        self.tasks = [asyncio.create_task(self.sweeping.run()), asyncio.create_task(self.sweeping.watch())]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.wait(self.tasks)


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for is the state of several objects
            await asyncio.sleep(0.01)


async def test_a_sweep_goes_on_with_a_partition_until_nothing_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Ground(monkeypatch) as ground:
        await until(lambda: len(ground.looked) > 4)
        assert ground.health.ready()[0]


async def test_when_it_was_last_round_is_told_from_when_it_begins_and_not_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ground = Ground(monkeypatch)

    def value(name: str) -> float | None:
        return ground.registry.get_sample_value(f"shixian_tracker_{name}_seconds")

    assert value("last_sweep_timestamp") is None, "a process that migrates its tables has nothing that is old"
    ground.go_on.clear()
    before = time.time()
    async with ground:
        await until(lambda: value("last_sweep_timestamp") is not None)
        began = value("last_sweep_timestamp")
        assert began is not None and before <= began <= time.time(), "a first round that never ends is seen by that"
        assert value("sweep_interval") == 0.01
        await asyncio.sleep(0.05)
        assert value("last_sweep_timestamp") == began
        ground.go_on.set()
        await until(lambda: (value("last_sweep_timestamp") or 0) > began)


async def test_a_sweep_that_finishes_nothing_is_not_ready_and_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Ground(monkeypatch, late_seconds=0.2, stall_seconds=0.3) as ground:
        await until(lambda: ground.looked and ground.health.ready()[0])
        ground.go_on.clear()
        await until(lambda: not ground.health.ready()[0])
        assert "the sweep has finished nothing for" in ground.part.reason
        assert ground.ended == []
        await until(lambda: ground.ended)
        assert set(ground.ended) == {"sweep_stalled"}
        ground.go_on.set()
        await until(lambda: ground.health.ready()[0])


async def test_a_sweep_that_waits_for_something_says_so_and_does_not_end_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Ground(monkeypatch, late_seconds=0.1, stall_seconds=0.1) as ground:
        ground.error = ConnectionResetError("the database went away")
        await until(lambda: "the database went away" in ground.part.reason)
        await asyncio.sleep(0.4)
        ground.error = None
        await until(lambda: ground.health.ready()[0])
        ground.other.away("Kafka")
        ground.go_on.clear()
        await until(lambda: "finished nothing" in ground.part.reason)
        await asyncio.sleep(0.4)
        assert ground.ended == [], "what it waits for is away, and readiness says so"


async def test_a_process_without_partitions_has_nothing_to_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Ground(monkeypatch, late_seconds=0.1, stall_seconds=0.1) as ground:
        ground.owned = set()
        await asyncio.sleep(0.4)
        assert ground.health.ready()[0] and ground.ended == []


def test_late_is_half_a_minute_or_six_rounds() -> None:
    def of(interval: float) -> float:
        async def sweep(partition: int) -> int:
            return partition

        return Sweeping(sweep, lambda: (), Health(), metrics(CollectorRegistry()), interval).late_seconds

    assert (of(0.2), of(5), of(60)) == (30, 30, 360)
