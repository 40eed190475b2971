"""The year in Prometheus's terms, from the latest snapshot of the folded tables.

These numbers come from the database, so they are exact across restarts, and every replica gives the same ones: combine
replicas with ``max``, never with ``sum``. Beside them stands how far the log was folded when they were read.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from services.stats.organs import Organs
from services.stats.snapshot import Snapshot

CLOSINGS = frozenset({"clarification-lapsed", "fee-lapsed", "other"})
"""Outcomes that are no answers."""


class YearCollector(Collector):
    """Gives the snapshot's numbers at each scrape; "overdue" is worked out for the day of the scrape."""

    def __init__(self, latest: Callable[[], Snapshot | None], organs: Organs) -> None:
        self._latest = latest
        self._organs = organs

    def register(self, registry: CollectorRegistry) -> None:
        registry.register(self)

    def describe(self) -> Iterator[Metric]:
        """Nothing: without it the registry would collect at once to learn the names."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        snapshot = self._latest()
        if snapshot is None:
            return
        received = CounterMetricFamily(
            "shixian_requests_received",
            "Requests received in law, by the year of receipt; falls where a fact is corrected.",
            labels=["organ", "year", "channel"],
        )
        for organ, year, channel, count in snapshot.received:
            received.add_metric([organ, str(year), channel], count)
        yield received
        answered = CounterMetricFamily(
            "shixian_requests_answered",
            "Requests answered, by the year of the answer; falls where a fact is corrected.",
            labels=["organ", "year", "outcome", "timeliness"],
        )
        closed = CounterMetricFamily(
            "shixian_requests_closed",
            "Requests ended without an answer, by the year of their end; falls where a fact is corrected.",
            labels=["organ", "year", "outcome"],
        )
        for organ, year, outcome, timeliness, count in snapshot.ended:
            if outcome in CLOSINGS:
                closed.add_metric([organ, str(year), outcome], count)
            else:
                answered.add_metric([organ, str(year), outcome, timeliness], count)
        yield answered
        yield closed
        yield from self._unanswered(snapshot)
        yield from _fold(snapshot)

    def _unanswered(self, snapshot: Snapshot) -> Iterator[Metric]:
        number: Counter[tuple[str, str]] = Counter()
        overdue: Counter[str] = Counter()
        todays = {organ: self._organs.today(organ) for organ in {u.organ for u in snapshot.unanswered}}
        for item in snapshot.unanswered:
            number[item.organ, item.state] += item.count
            if item.is_overdue(todays[item.organ]):
                overdue[item.organ] += item.count
        organs = sorted({*self._organs.codes(), *todays})
        yield _gauge(
            "shixian_requests_open",
            "Requests received and not ended; stopped: the clock stands still.",
            ("organ", "state"),
            {(organ, state): number[organ, state] for organ in organs for state in ("open", "stopped")},
        )
        yield _gauge(
            "shixian_requests_overdue",
            "Requests not ended whose limit has passed; from the day after the last one, in the organ's time zone.",
            ("organ",),
            {(organ,): overdue[organ] for organ in organs},
        )


def _fold(snapshot: Snapshot) -> Iterator[Metric]:
    places = {(p.topic, str(p.partition)): p for p in snapshot.positions}
    labels = ("topic", "partition")
    yield _gauge(
        "shixian_stats_fold_next_offset",
        "The log was folded up to this offset when the numbers above were read.",
        labels,
        {key: p.next_offset for key, p in places.items()},
    )
    yield _gauge(
        "shixian_stats_last_event_timestamp_seconds",
        "When the last event folded had been written to the log.",
        labels,
        {key: p.last_event_at.timestamp() for key, p in places.items()},
    )
    yield _gauge(
        "shixian_stats_snapshot_timestamp_seconds",
        "When the numbers above were read.",
        (),
        {(): snapshot.read_at.timestamp()},
    )


def _gauge(name: str, text: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for key, value in values.items():
        family.add_metric(list(key), value)
    return family
