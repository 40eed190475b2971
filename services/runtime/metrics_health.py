"""The parts of a service as /readyz shows them, as Prometheus metrics."""

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from services.runtime.health import Health


class HealthCollector(Collector):
    """The parts of a process, and whether it is ready."""

    def __init__(self, health: Health) -> None:
        self._health = health

    def collect(self) -> Iterator[Metric]:
        ready, _ = self._health.ready()
        yield GaugeMetricFamily("shixian_ready", "1 if the service can do its work (as /readyz says).", value=ready)
        parts = GaugeMetricFamily(
            "shixian_part_ok", "1 if this part of the service works, 0 while it waits or is away.", labels=["part"]
        )
        for name, part in self._health.parts.items():
            parts.add_metric([name], part.is_ok)
        yield parts
        if self._health.disk_free is not None:
            yield GaugeMetricFamily(
                "shixian_disk_free_bytes",
                "Free space of the folder that the service watches (SHIXIAN_DISK_FOLDER); not there without one.",
                value=self._health.disk_free(),
            )
        info = GaugeMetricFamily("shixian_build_info", "1; the version that runs.", labels=["version"])
        info.add_metric([_version()], 1)
        yield info


def _version() -> str:
    try:
        return version("shixian")
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "unknown"
