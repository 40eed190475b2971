"""What is fetched while some partitions have enough to do."""

from collections.abc import Collection, Mapping
from typing import Any

from aiokafka import TopicPartition

from services.runtime.damage import LogDamaged
from services.runtime.fetching import CROWDED_SECONDS, Fetching, Hooks, Partitions, Records, Starts

A, B = (TopicPartition("facts", n) for n in (0, 1))


class Client:
    """A log with two empty partitions; keeps what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[tuple[Partitions, float]] = []

    def assigned(self) -> Partitions:
        return frozenset({A, B})

    async def fetch(self, active: Partitions, timeout: float) -> Records:
        self.asked.append((active, timeout))
        return {}

    async def go_to(self, starts: Starts) -> None:
        pass

    def gone_to(self, starts: Starts) -> None:
        pass

    async def read_singly(self, starts: Starts, others: Starts) -> tuple[Records, list[LogDamaged]]:
        raise AssertionError("nothing is damaged here")

    def refused(self) -> Mapping[TopicPartition, str]:
        return {}

    def end_of(self, tp: TopicPartition) -> int | None:
        return 0


async def test_partitions_with_enough_to_do_are_left_out_for_a_moment_and_the_others_are_fetched() -> None:
    crowded: Collection[object] | None = ()

    async def nothing(_: Any) -> None:
        pass

    async def positions(_: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        return {}

    async def bounds(tps: Collection[TopicPartition]) -> Any:
        return dict.fromkeys(tps, 0), dict.fromkeys(tps, 0)

    client = Client()
    fetching = Fetching(client, Hooks(positions, nothing, nothing, bounds, crowded=lambda: crowded))
    await fetching.batches(None, 1.0)
    crowded = {A}
    await fetching.batches(None, 1.0)
    await fetching.batches({A, B}, 1.0)
    crowded = None
    await fetching.batches(None, 1.0)
    crowded = {A, B}
    await fetching.batches(None, 1.0)
    crowded = ()
    await fetching.batches({B}, 1.0)
    assert client.asked == [
        (frozenset({A, B}), 1.0),
        (frozenset({B}), CROWDED_SECONDS),
        (frozenset({B}), CROWDED_SECONDS),
        (frozenset({B}), 1.0),
    ], "nothing is fetched while all have enough"
