"""Each group of partitions with a database of its own: what follows from its facts is what followed in one for all.

A partition's batches read and write what is its own, so PostgreSQL can be divided where partitions are. Only what a
person is shown of two requests together does not cross from one database to another: an id that two of them used, and
a request that one organ handed on to another.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib.resources import files
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.producer.producer import DefaultPartitioner
from prometheus_client import CollectorRegistry

from services.events.codec import decode_fact
from services.runtime import database
from services.runtime.batch import Batch
from services.runtime.clock import ManualClock
from services.runtime.health import Part
from services.runtime.settings import Settings
from services.stats import worker as stats_worker
from services.tracker.core.reference_data import ReferenceData
from services.tracker.metrics import metrics
from services.tracker.worker import Tracker
from tests.chaos.histories import generate
from tests.conftest import fresh_database
from tests.memory_log import Log

PARTITIONS, FACTS = 4, 1500
FEW, MANY = 7, 150
"""Records of a batch: what follows from few is written in one statement, from many in bulk."""
NOW = datetime(2024, 6, 28, 4, tzinfo=UTC)
KEPT = (
    "SELECT partition, subject, sequence, name, body FROM tracker.events ORDER BY partition, number",
    "SELECT subject, partition, body, sequence, state, due_on, wake_at FROM tracker.cases ORDER BY subject",
    "SELECT subject, partition, number, body FROM tracker.strands ORDER BY subject, number",
    "SELECT subject, kind, about, unit, due_on, body FROM tracker.office ORDER BY subject, kind, about, unit, body",
    "SELECT subject, piece, place, kind, code, body FROM tracker.attention WHERE piece >= 0 ORDER BY 1, 2, 3",
    'SELECT partition, "offset", reason FROM tracker.dead_letter ORDER BY 1, 2',
    "SELECT partition, next_offset FROM tracker.progress ORDER BY 1",
)
"""All of it but the numbers that a database gives by itself."""


@asynccontextmanager
async def tables(uri: str) -> Any:
    made = database.pool(uri)
    for schema in ("tracker", "stats"):
        await database.ready(made, schema, files(f"services.{schema}") / "migrations", Part("database"))
    yield made
    await made.close()


def batches(topic: str, records: Iterable[tuple[int, bytes, bytes]], size: int) -> Iterator[Batch]:
    """The records of partitions, each with key and value, as a transport would bring them."""
    lots: dict[int, list[Any]] = defaultdict(list)
    ends: dict[int, int] = defaultdict(int)

    def batch(partition: int) -> Batch:
        held = tuple(lots.pop(partition))
        return Batch(topic, partition, held, held[0].offset, ends[partition])

    for partition, key, value in records:
        more = {"key": key, "value": value, "timestamp": 0, "headers": ()}
        lots[partition].append(SimpleNamespace(topic=topic, partition=partition, offset=ends[partition], **more))
        ends[partition] += 1
        if len(lots[partition]) == size:
            yield batch(partition)
    for partition in sorted(lots):
        yield batch(partition)


async def worked(pools: Mapping[int, Any], size: int = MANY) -> tuple[list[list[Any]], dict[Any, int]]:
    """What stands in the tables in the end, and the counts added up, with each partition's batches in its own pool."""
    history = generate(5, FACTS, posters=1)
    reference: Any = [decode_fact(each) for call in (history.reference, *history.late_reference) for each in call]
    world, settings = ReferenceData(reference), Settings(settle_seconds=0)
    log, split = Log(), DefaultPartitioner()
    sends: Any = log

    async def nothing() -> None:
        """The reference topic holds nothing new."""

    trackers, folders = {}, {}
    for made in set(pools.values()):
        own = metrics(CollectorRegistry())
        trackers[made] = Tracker(made, sends, world, nothing, ManualClock(NOW), settings, own, lambda: None)
        folders[made] = stats_worker.Folder(made, stats_worker.metrics(CollectorRegistry()))
    everywhere = list(range(PARTITIONS))

    def placed(pairs: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[int, bytes, bytes]]:
        for key, value in pairs:
            yield split(key, everywhere, everywhere), key, value

    sent = [(decode_fact(each).subject.encode(), each) for call in history.posters[0] for each in call]
    for batch in batches("shixian.facts", placed(sent), size):
        await trackers[pools[batch.partition]].handle(batch)
    for partition, made in pools.items():
        while await trackers[made].sweep(partition):
            """Until nothing is due."""
    for batch in batches("shixian.cases", placed(log.sent), size):
        await folders[pools[batch.partition]].handle(batch)
    counts: dict[Any, int] = defaultdict(int)
    found: list[list[Any]] = [[] for _ in KEPT]
    for made in set(pools.values()):
        for rows, query in zip(found, KEPT, strict=True):
            rows += [tuple(row) for row in await made.fetch(query)]
        for row in await made.fetch("SELECT * FROM stats.cell"):
            counts[tuple(value for name, value in row.items() if name != "count")] += row["count"]
    return [sorted(rows, key=repr) for rows in found], {cell: count for cell, count in counts.items() if count}


@pytest.mark.timeout(120)
async def test_groups_of_partitions_and_batches_of_any_size_come_to_what_many_facts_at_once_in_one_database_do(
    postgres: str, other_postgres: str, postgres_server: Any
) -> None:
    async with (
        fresh_database(postgres_server) as third,
        fresh_database(postgres_server) as fourth,
        tables(postgres) as one,
        tables(other_postgres) as left,
        tables(third) as right,
        tables(fourth) as slow,
    ):
        together, counted = await worked(dict.fromkeys(range(PARTITIONS), one))
        assert [len(rows) > 0 for rows in together] == [True, True, True, True, True, False, True]
        assert len(counted) > 100
        most = {row["partition"]: row["next_offset"] for row in await one.fetch("SELECT * FROM tracker.progress")}
        assert len(most) == PARTITIONS and min(most.values()) > 2 * MANY, "several batches of each"

        apart, added = await worked({0: left, 1: left, 2: right, 3: right})
        for query, rows, others in zip(KEPT, together, apart, strict=True):
            assert rows == others, query
        assert added == counted
        for made, group in ((left, {0, 1}), (right, {2, 3})):
            held = await made.fetch("SELECT DISTINCT partition FROM tracker.cases")
            assert {row["partition"] for row in held} == group

        few, counted_few = await worked(dict.fromkeys(range(PARTITIONS), slow), FEW)
        for query, rows, others in zip(KEPT, together, few, strict=True):
            assert rows == others, query
        assert counted_few == counted
        names = "SELECT source, id FROM tracker.fact_names ORDER BY source, id"
        assert await one.fetch(names) == await slow.fetch(names) != []
