"""What a service measures of its consumer and of its database connections, read from live objects at each scrape."""

import time
from collections import deque
from collections.abc import Callable, Iterator

from aiokafka import TopicPartition
from prometheus_client import CollectorRegistry, Info
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from services.runtime.database import Pool
from services.runtime.worker import BatchWorker

SAMPLES = 4096
"""How many different ends of a partition are remembered, to know how old its lag is."""


class LagAge:
    """How long records of one partition have been waiting, from what was seen of its end.

    The broker does not say when the first record not applied was written. So each new end is remembered with the time
    at which it was seen: the wait began no later than when the end was first seen beyond the position. For what was
    there before the first look, the time of the last record applied serves, if there is one.
    """

    def __init__(self) -> None:
        self._ends: deque[tuple[float, int]] = deque(maxlen=SAMPLES)
        self._from_the_start = True

    def seconds(self, now: float, position: int, end: int, written_at: float | None) -> float:
        """The age of the lag; times are seconds since 1970, ``written_at`` that of the last record applied."""
        if end <= position:
            self._ends.clear()
            self._from_the_start = False
            return 0.0
        if not self._ends or self._ends[-1][1] != end:
            self._ends.append((now, end))
        while self._ends[0][1] <= position:
            self._ends.popleft()
            self._from_the_start = False
        since = self._ends[0][0]
        if self._from_the_start and written_at is not None:
            since = min(since, written_at)
        return max(0.0, now - since)


class WorkerCollector(Collector):
    """A worker's place in the log; each partition is reported by the process that owns it."""

    def __init__(self, worker: BatchWorker, clock: Callable[[], float] = time.time) -> None:
        self._worker = worker
        self._clock = clock
        self._ages: dict[TopicPartition, LagAge] = {}

    def collect(self) -> Iterator[Metric]:
        worker, labels = self._worker, ["topic", "partition"]
        records = GaugeMetricFamily(
            "shixian_consumer_lag_records", "Records of an owned partition that are not applied yet.", labels=labels
        )
        seconds = GaugeMetricFamily(
            "shixian_consumer_lag_seconds",
            "How long records of an owned partition have been waiting to be applied; 0 without lag.",
            labels=labels,
        )
        offsets = GaugeMetricFamily(
            "shixian_consumer_next_offset", "The offset after the last record applied.", labels=labels
        )
        now = self._clock()
        lag = worker.lag()
        self._ages = {tp: self._ages.get(tp) or LagAge() for tp in lag}
        for tp, behind in sorted(lag.items()):
            key, position = [tp.topic, str(tp.partition)], worker.handled.get(tp, 0)
            age = self._ages[tp].seconds(now, position, position + behind, worker.written_at.get(tp))
            records.add_metric(key, behind)
            seconds.add_metric(key, age)
            offsets.add_metric(key, position)
        damaged = GaugeMetricFamily(
            "shixian_consumer_damaged_offset",
            "The offset at which an owned partition can't be read; absent where all can.",
            labels=labels,
        )
        for tp, offset in sorted(worker.damaged.items()):
            damaged.add_metric([tp.topic, str(tp.partition)], offset)
        yield from (records, seconds, offsets, damaged)
        yield self._one(GaugeMetricFamily, "partitions", "Partitions that this process owns.", len(lag))
        yield self._one(CounterMetricFamily, "batches", "Batches applied.", worker.batches)
        yield self._one(
            CounterMetricFamily, "records", "Records of the batches applied: by batches, their size.", worker.records
        )
        yield self._one(
            GaugeMetricFamily,
            "stalled_seconds",
            "How long the worker has had work and made no progress without a stated reason; the watchdog's measure.",
            worker.stalled_seconds(),
        )
        yield self._one(
            GaugeMetricFamily,
            "stall_limit_seconds",
            "After this long without progress the watchdog ends the process.",
            worker.stall_limit,
        )

    def _one(
        self, kind: type[GaugeMetricFamily] | type[CounterMetricFamily], name: str, text: str, value: float
    ) -> Metric:
        family = kind(f"shixian_consumer_{name}", text, labels=["topic"])
        family.add_metric([self._worker.topic], value)
        return family


class PoolCollector(Collector):
    """The connections of a pool to PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def collect(self) -> Iterator[Metric]:
        size, idle = self._pool.get_size(), self._pool.get_idle_size()
        open_ = GaugeMetricFamily(
            "shixian_database_connections", "Open connections to PostgreSQL by state: in-use or idle.", labels=["state"]
        )
        open_.add_metric(["in-use"], size - idle)
        open_.add_metric(["idle"], idle)
        yield open_
        yield GaugeMetricFamily(
            "shixian_database_connections_limit",
            "The most connections that the pool opens.",
            value=self._pool.get_max_size(),
        )


def watch(registry: CollectorRegistry, worker: BatchWorker, pool: Pool) -> None:
    """Register both collectors; the health of a service's parts is there already."""
    registry.register(WorkerCollector(worker))
    registry.register(PoolCollector(pool))


def register_rules(registry: CollectorRegistry, digest: str) -> str:
    """Show the digest of the data files that a service judges by; services with different ones judge differently."""
    Info("shixian_rules", "The statutes, calendars and forms in force, as a digest.", registry=registry).info(
        {"digest": digest}
    )
    return digest
