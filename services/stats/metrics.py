"""The year in Prometheus's terms, from the latest snapshot of the folded tables.

These numbers come from the database, so they are exact across restarts, and every replica gives the same ones: combine
replicas with ``max``, never with ``sum``. Beside them stands how far the log was folded when they were read.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import date, datetime, time

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from services.stats.organs import Organs
from services.stats.snapshot import Audit, Snapshot

CLOSINGS = frozenset({"clarification-lapsed", "fee-lapsed", "other"})
"""Outcomes that are no answers."""
DAYS = (0, 1, 3, 7, 14, 30)
"""How far ahead due dates are counted, in calendar days; 0 is today."""


class YearCollector(Collector):
    """Gives the snapshot's numbers at each scrape; "overdue" is worked out for the day of the scrape."""

    def __init__(self, latest: Callable[[], Snapshot | None], organs: Organs, by_unit: Collection[str] = ()) -> None:
        """``by_unit``: the organs whose units have series of their own."""
        self._latest = latest
        self._organs = organs
        self._by_unit = by_unit

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
        yield self._cards(snapshot)
        yield from self._unanswered(snapshot)
        yield from _fold(snapshot)

    def _cards(self, snapshot: Snapshot) -> Metric:
        cards = CounterMetricFamily(
            "shixian_cards",
            "Cards of the ladder of supervision that stand, by the year of the card; falls where a cause is gone. "
            "With the unit for the organs that ask for it.",
            labels=["organ", "unit", "year", "card", "limit"],
        )
        number: Counter[tuple[str, ...]] = Counter()
        for organ, unit, year, card, limit, count in snapshot.cards:
            number[organ, unit if organ in self._by_unit else "", str(year), card, limit] += count
        for key, count in sorted(number.items()):
            cards.add_metric(list(key), count)
        return cards

    def _unanswered(self, snapshot: Snapshot) -> Iterator[Metric]:
        number: Counter[tuple[str, ...]] = Counter()
        overdue: Counter[tuple[str, ...]] = Counter()
        due: Counter[tuple[str, ...]] = Counter()
        provisional: Counter[tuple[str, ...]] = Counter()
        oldest: dict[str, tuple[date, str]] = {}
        todays = {organ: self._organs.today(organ) for organ in {u.organ for u in snapshot.unanswered}}
        for item in snapshot.unanswered:
            organ, today = item.organ, todays[item.organ]
            number[organ, item.state] += item.count
            provisional[organ,] += item.count if item.provisional else 0
            left = item.days_left(today)
            for days in DAYS:
                due[organ, str(days)] += item.count if left is not None and left <= days else 0
            if (since := item.overdue_since(today)) is not None:
                overdue[organ,] += item.count
                oldest[organ] = min(oldest.get(organ, (since, item.first)), (since, item.first))
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
            {(organ,): overdue[organ,] for organ in organs},
        )
        yield _gauge(
            "shixian_requests_due_within",
            "Requests whose clock runs and whose last day is at most so many calendar days away (0: today); without "
            "the overdue ones. The counts include one another.",
            ("organ", "days"),
            {(organ, str(days)): due[organ, str(days)] for organ in organs for days in DAYS},
        )
        yield _gauge(
            "shixian_requests_provisional",
            "Requests not ended whose due date reaches into a year whose calendar is not published yet.",
            ("organ",),
            {(organ,): provisional[organ,] for organ in organs},
        )
        yield _gauge(
            "shixian_requests_oldest_overdue_age_seconds",
            "How long the request that has been overdue longest has been so; 0 where none is.",
            ("organ",),
            {(organ,): self._age(organ, oldest[organ][0]) if organ in oldest else 0 for organ in organs},
        )
        yield _gauge(
            "shixian_requests_oldest_overdue_info",
            "1; the id of the request that has been overdue longest. At most one series an organ, so that an alert can "
            "name it: the only label that holds a request's id.",
            ("organ", "request"),
            {(organ, request): 1 for organ, (_, request) in oldest.items()},
        )

    def _age(self, organ: str, since: date) -> float:
        began = datetime.combine(since, time.min, self._organs.zone(organ))
        return (self._organs.now(organ) - began).total_seconds()


class AuditCollector(Collector):
    """What the service's own check of its counters found."""

    def __init__(self, latest: Callable[[], Audit | None]) -> None:
        self._latest = latest

    def describe(self) -> Iterator[Metric]:
        return iter(())

    def collect(self) -> Iterator[Metric]:
        audit = self._latest()
        if audit is None:
            return
        yield _gauge(
            "shixian_stats_audit_differences",
            "Counters that were not what their changes and the requests themselves add up to; anything but 0 is a bug.",
            (),
            {(): audit.differences},
        )
        yield _gauge(
            "shixian_stats_audit_timestamp_seconds",
            "When the counters were last checked.",
            (),
            {(): audit.read_at.timestamp()},
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
