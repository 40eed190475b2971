"""What the tracker measures of itself."""

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


@dataclass(frozen=True, slots=True)
class Metrics:
    """The tracker's own metrics; domain counts are the stats service's."""

    facts: Counter
    events: Counter
    dead_letters: Counter
    batch_seconds: Histogram
    sweep_timestamp: Gauge
    swept: Counter
    sweep_failures: Counter


def metrics(registry: CollectorRegistry) -> Metrics:
    """The tracker's metrics, registered."""
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
        Gauge(
            "shixian_tracker_last_sweep_timestamp_seconds",
            "When the sweep last finished on all partitions of this process.",
            registry=registry,
        ),
        Counter("shixian_tracker_swept_cases", "Cases that the sweep looked at.", registry=registry),
        Counter("shixian_tracker_sweep_failures", "Cases that the sweep failed over.", registry=registry),
    )
