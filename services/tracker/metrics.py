"""What the tracker measures of itself, and of the cases that only it knows."""

from collections import Counter as Numbers
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from services.events.cases import CaseEvent, RequestOverdue
from services.runtime.clock import Clock
from services.runtime.horizons import DAYS, WORKING_DAYS
from services.statute.errors import StatuteError, UnknownCalendar
from services.tracker import metrics_office, metrics_waiting
from services.tracker.core.attention import KINDS
from services.tracker.core.case import Case
from services.tracker.core.reference_data import ReferenceData
from services.tracker.metrics_office import gauge
from services.tracker.metrics_sweep import SweepTimes
from services.tracker.snapshot import AWAITED, LIMITS, Dates, Snapshot

UNTOUCHED_LIMITS = ("answer", "clarification-notice")
DETECTION_BUCKETS = (1, 5, 10, 30, 60, 300, 900, 3600, 6 * 3600, 86_400)


@dataclass(frozen=True, slots=True)
class Metrics:
    """The tracker's own metrics; domain counts are the stats service's."""

    facts: Counter
    events: Counter
    dead_letters: Counter
    batch_seconds: Histogram
    sweeps: SweepTimes
    swept: Counter
    sweep_failures: Counter
    detection_seconds: Histogram

    def detected(self, events: Iterable[CaseEvent], cases: Mapping[str, Case], now: datetime) -> None:
        """Note how long after it could be known a missed limit was noticed: after midnight in the organ's zone, or
        after the last fact came, whichever was later."""
        for event in events:
            if isinstance(event, RequestOverdue) and event.time is not None:
                recorded = [f.recordedtime for f in cases[event.subject].facts if f.recordedtime is not None]
                self.detection_seconds.observe(max(0.0, (now - max([event.time, *recorded])).total_seconds()))


def metrics(registry: CollectorRegistry) -> Metrics:
    """The tracker's metrics, registered."""
    sweeps = SweepTimes()
    registry.register(sweeps)
    return Metrics(
        Counter("shixian_tracker_facts", "Facts applied, duplicates included.", registry=registry),
        Counter("shixian_tracker_case_events", "Case events decided.", registry=registry),
        Counter("shixian_tracker_dead_letters", "Records that could not be applied.", registry=registry),
        Histogram(
            "shixian_tracker_batch_seconds",
            "Time from a batch's arrival to its last event in the log.",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=registry,
        ),
        sweeps,
        Counter("shixian_tracker_swept_cases", "Cases that the sweep looked at.", registry=registry),
        Counter("shixian_tracker_sweep_failures", "Cases that the sweep failed over.", registry=registry),
        Histogram(
            "shixian_overdue_detection_delay_seconds",
            "Time from when a missed limit could be known to when the sweep reported it; settling time included.",
            buckets=DETECTION_BUCKETS,
            registry=registry,
        ),
    )


class CaseCollector(Collector):
    """The latest snapshot at each scrape, counted for the day of the scrape in each organ's zone.

    Every replica gives the same numbers: combine them with ``max``, never with ``sum``.
    """

    def __init__(
        self,
        latest: Callable[[], Snapshot | None],
        reference_data: ReferenceData,
        clock: Clock,
        by_unit: Collection[str] = (),
    ) -> None:
        """``by_unit``: the organs whose units have series of their own."""
        self._latest, self._world, self._clock, self._by_unit = latest, reference_data, clock, by_unit

    def describe(self) -> Iterator[Metric]:
        """Nothing: without it the registry would collect at once to learn the names."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        yield self._calendars()
        snapshot = self._latest()
        if snapshot is None:
            return
        organs = set(self._world.organs)
        yield self._within(
            "shixian_limits_due_within",
            "Running limits besides the answer's whose last day is at most so many calendar days away (0: today).",
            snapshot.running,
            {(organ, limit) for organ in organs for limit in LIMITS},
        )
        yield self._working_days(snapshot, organs)
        yield self._overdue(snapshot.running, {(organ, limit) for organ in organs for limit in LIMITS})
        yield self._within(
            "shixian_requests_untouched_due_within",
            "Requests of which nothing but the receipt is known, whose limit for this ends in so many calendar days: "
            "the answer, or the notice that a clarification is needed.",
            snapshot.untouched,
            {(organ, limit) for organ in organs for limit in UNTOUCHED_LIMITS},
        )
        yield from metrics_waiting.collected(snapshot)
        yield from metrics_office.collected(snapshot.office, sorted(organs), self._by_unit, self._today)
        yield gauge(
            "shixian_cases_waiting",
            "Cases that are no running request yet, and what they wait for.",
            ("waiting_for",),
            {(what,): snapshot.waiting.get(what, 0) for what in AWAITED},
        )
        yield gauge(
            "shixian_attention",
            "What needs a person, by kind, as GET /v1/attention lists it; without records put aside (dead letters).",
            ("kind",),
            {(kind,): snapshot.attention[kind][0] if kind in snapshot.attention else 0 for kind in KINDS},
        )
        yield gauge(
            "shixian_attention_oldest_timestamp_seconds",
            "Since when the longest waiting of them has needed a person; left out for a kind that has none.",
            ("kind",),
            {(kind,): oldest.timestamp() for kind, (_, oldest) in sorted(snapshot.attention.items())},
        )
        yield gauge(
            "shixian_tracker_outbox_events",
            "Case events decided and not in the log yet.",
            (),
            {(): snapshot.unpublished},
        )

    def _today(self, organ: str) -> date:
        zone = self._world.zone(organ) if organ in self._world.organs else UTC
        return self._clock.now().astimezone(zone).date()

    def _within(self, name: str, text: str, dates: Dates, shown: Iterable[tuple[str, str]]) -> Metric:
        numbers: Numbers[tuple[str, ...]] = Numbers()
        for (organ, limit, due_on), count in dates.items():
            left = (due_on - self._today(organ)).days
            for days in DAYS:
                numbers[organ, limit, str(days)] += count if 0 <= left <= days else 0
        zero = {(organ, limit, str(days)): 0 for organ, limit in sorted(shown) for days in DAYS}
        return gauge(name, text, ("organ", "limit", "days"), zero | dict(numbers))

    def _working_days(self, snapshot: Snapshot, organs: Iterable[str]) -> Metric:
        numbers: Numbers[tuple[str, ...]] = Numbers()
        for (organ, due_on), count in snapshot.due.items():
            today = self._today(organ)
            if due_on < today or organ not in self._world.organs:
                continue
            try:
                left = self._world.calendar(self._world.organs[organ].calendar).count(today, due_on)
            except StatuteError:
                continue  # no calendar reaches there, and no working day is known; one organ hides no other
            for days in WORKING_DAYS:
                numbers[organ, str(days)] += count if left <= days else 0
        text = (
            "Requests whose clock runs and before whose last day (included, today not) lie at most so many working "
            "days of the organ's calendar; without the overdue ones. Holidays so bring a warning forward."
        )
        zero = {(organ, str(days)): 0 for organ in sorted(organs) for days in WORKING_DAYS}
        return gauge("shixian_requests_due_soon", text, ("organ", "working_days"), zero | dict(numbers))

    def _overdue(self, dates: Dates, shown: Iterable[tuple[str, str]]) -> Metric:
        numbers: Numbers[tuple[str, ...]] = Numbers()
        for (organ, limit, due_on), count in dates.items():
            if limit != "clarification-notice":  # a window that closed: the notice can't be given, nothing is late
                numbers[organ, limit] += count if due_on < self._today(organ) else 0
        text = "Running limits besides the answer's whose last day has passed, in the organ's time zone."
        zero = {key: 0 for key in sorted(shown) if key[1] != "clarification-notice"}
        return gauge("shixian_limits_overdue", text, ("organ", "limit"), zero | dict(numbers))

    def _calendars(self) -> Metric:
        calendars = sorted({organ.calendar for organ in self._world.organs.values()})
        ends: dict[tuple[str, ...], float] = {(one,): self._published_until(one) for one in calendars}
        return gauge(
            "shixian_calendar_published_until_timestamp_seconds",
            "The end of the last year whose days off are published, of each calendar in use (UTC); 0: unknown.",
            ("calendar",),
            ends,
        )

    def _published_until(self, calendar: str) -> float:
        try:
            through = self._world.calendar(calendar).published_through
        except UnknownCalendar:
            return 0.0
        return datetime.combine(through + timedelta(days=1), time.min, UTC).timestamp()
