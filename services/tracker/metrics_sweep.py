"""When the sweep last went round, in Prometheus's terms, and how often it is to."""

import time
from collections.abc import Callable, Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector


class SweepTimes(Collector):
    """There are no series before the sweep begins: a process that migrates its tables or waits for its topics has
    nothing that could be old, and a gauge at 0 would say that it stopped in 1970."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._interval = 0.0
        self._at: float | None = None

    def began(self, interval: float) -> None:
        """The sweep begins, with so many seconds between its rounds; a first round that never ends is seen by that."""
        self._interval = interval
        self._at = self._clock()

    def finished(self) -> None:
        """It has been round all partitions of this process."""
        self._at = self._clock()

    def describe(self) -> Iterator[Metric]:
        """Nothing: without it the registry would collect at once to learn the names."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        if self._at is None:
            return
        yield GaugeMetricFamily(
            "shixian_tracker_last_sweep_timestamp_seconds",
            "When the sweep last finished on all partitions of this process; before the first time, when it began to "
            "sweep; left out while the process starts.",
            value=self._at,
        )
        yield GaugeMetricFamily(
            "shixian_tracker_sweep_interval_seconds",
            "How long the sweep pauses between its rounds (SHIXIAN_SWEEP_SECONDS); left out while the process starts.",
            value=self._interval,
        )
