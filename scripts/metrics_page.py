"""Write docs/metrics.md: every metric that the services expose, read from their own registries.

``python -m scripts.metrics_page``. The collectors are given one invented organ, so that each family shows its labels.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from aiokafka import TopicPartition
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from services.events.facts import OrganData, OrganRegistered
from services.events.vocabulary import Label
from services.intake import api as intake_api
from services.runtime.clock import ManualClock
from services.runtime.health import Health
from services.runtime.metrics import register_rules, watch
from services.runtime.metrics_tables import DeadLetterCollector, DeadLetters
from services.runtime.reference import KnownOrgan, Reference
from services.runtime.web import create_app, new_registry
from services.stats import metrics as stats_metrics
from services.stats import worker as stats_worker
from services.stats.organs import Organs
from services.stats.snapshot import Audit, Position, Snapshot, Unanswered
from services.statute import rules
from services.tracker import metrics as tracker_metrics
from services.tracker.core.reference_data import ReferenceData
from services.tracker.snapshot import OpenWork
from services.tracker.snapshot import Snapshot as TrackerSnapshot

PAGE = Path(__file__).parents[1] / "docs/metrics.md"
NOW = datetime(2013, 7, 1, tzinfo=UTC)
ORGAN = OrganData(code="gz", name=Label("穗", "gz"), timezone="Asia/Shanghai", calendar="CN", statute="CN")

HEAD = """\
# Metrics

Each service answers `/metrics` in Prometheus's text format. This page is made from the services' own registries by
`make docs`; what the alerts make of these numbers is in [runbooks/](runbooks/README.md).

How to combine replicas:

- **From tables** (marked *tables*): read from the service's database, so exact across restarts, and every replica
  gives the same number. Use `max by (...)`, never `sum`. For the counts of the year `shixian_stats_fold_next_offset`
  says up to which offset of the log they hold, as of `shixian_stats_snapshot_timestamp_seconds`.
- **Of the process** (marked *process*): counters and histograms begin anew with each process: `sum(rate(...))`.
- **By partition** (labels `topic`, `partition`): reported by the process that owns the partition now.

Labels are bounded: organs, years, the contract's vocabularies, kinds of duties, routes, topics, partitions, classes of
reasons; units only of the organs that `SHIXIAN_UNITS` names, else `unit` is empty. The one exception is
`shixian_requests_oldest_overdue_info`, at most one series an organ. Prometheus adds `service` and `instance`. The usual
`process_*` and `python_*` metrics are there as well.
"""
PER_PROCESS = (
    "shixian_http_",
    "shixian_intake_",
    "shixian_reference_",
    "shixian_tracker_",
    "shixian_stats_",
    "shixian_overdue_detection",
    "shixian_consumer_batches",
    "shixian_consumer_stall",
    "shixian_database_",
    "shixian_ready",
    "shixian_part_",
    "shixian_build_",
    "shixian_disk_",
    "shixian_rules_",
)
TABLES = (
    "shixian_stats_fold_",
    "shixian_stats_last_event",
    "shixian_stats_snapshot",
    "shixian_stats_audit",
    "shixian_tracker_outbox",
    "shixian_dead_letters",
    "shixian_requests_",
    "shixian_limits_",
    "shixian_cases_",
    "shixian_attention",
    "shixian_assignments_",
    "shixian_duties_",
    "shixian_cards",
    "shixian_calendar_",
)


def _worker(topic: str) -> Any:
    tp = TopicPartition(topic, 0)
    return SimpleNamespace(
        topic=topic,
        lag=lambda: {tp: 0},
        handled={tp: 0},
        written_at={},
        damaged={},
        batches=0,
        records=0,
        stall_limit=0.0,
        stalled_seconds=lambda: 0.0,
    )


def _shared(registry: CollectorRegistry, topic: str) -> None:
    pool = SimpleNamespace(get_size=lambda: 1, get_idle_size=lambda: 1, get_max_size=lambda: 8)
    watch(registry, _worker(topic), cast(Any, pool))
    registry.register(DeadLetterCollector(topic, lambda: DeadLetters({})))
    Reference("", "shixian.reference", Health().part("reference"), registry, lambda fact: None)


def _intake() -> CollectorRegistry:
    registry = new_registry()
    intake_api.Counts(registry)
    Reference("", "shixian.reference", Health().part("reference"), registry, lambda fact: None)
    return registry


def _tracker() -> CollectorRegistry:
    registry = new_registry()
    tracker_metrics.metrics(registry).sweeps.began(5)
    world = ReferenceData([OrganRegistered(specversion="1.0", id="1", source="urn:x", subject=ORGAN.code, data=ORGAN)])
    seen = {(ORGAN.code, "consultation", date(2013, 7, 2)): 1}
    office = [
        OpenWork(kind, ORGAN.code, "", "x", date(2013, 7, 2), False, date(2013, 7, 1), 1) for kind in ("step", "duty")
    ]
    snapshot = TrackerSnapshot(
        seen,
        {},
        {(ORGAN.code, "answer", date(2013, 7, 2)): 1},
        {},
        0,
        DeadLetters({}),
        office=office,
        unconfirmed={ORGAN.code: 1},
        stopped={(ORGAN.code, "stopped-fee"): 1},
        reviewed={(ORGAN.code, "complaint", False): 1},
    )
    registry.register(tracker_metrics.CaseCollector(lambda: snapshot, world, ManualClock(NOW)))
    _shared(registry, "shixian.facts")
    return registry


def _stats() -> CollectorRegistry:
    registry = new_registry()
    stats_worker.metrics(registry)
    known = cast(Reference, SimpleNamespace(organs={ORGAN.code: KnownOrgan(ORGAN, 0)}))
    snapshot = Snapshot(
        NOW,
        received=(("gz", 2013, "post", 1),),
        ended=(("gz", 2013, "granted", "in-time", 1), ("gz", 2013, "other", "", 1)),
        unanswered=(Unanswered("gz", "open", date(2013, 6, 1), None, 1, False, "2013-1"),),
        cards=(("gz", "", 2013, "yellow", "step", 1),),
        positions=(Position("shixian.cases", 0, 1, 1, NOW),),
    )
    stats_metrics.YearCollector(lambda: snapshot, Organs(known, ManualClock(NOW))).register(registry)
    registry.register(stats_metrics.AuditCollector(lambda: Audit(NOW, 0)))
    _shared(registry, "shixian.cases")
    return registry


def registries() -> Mapping[str, CollectorRegistry]:
    """The services' registries with everything in them that can be there."""
    found = {"intake": _intake(), "tracker": _tracker(), "stats": _stats(), "desk": new_registry()}
    for name, registry in found.items():
        health = Health()
        health.part("database").ok()
        health.disk_free = lambda: 1
        create_app(name, [], health, registry)
        register_rules(registry, rules.current().digest)
    return found


def families() -> dict[str, tuple[str, list[str], str, list[str]]]:
    """Type, labels, text and services of each metric by the name that it is queried by."""
    found: dict[str, tuple[str, list[str], str, list[str]]] = {}
    for service, registry in registries().items():
        for metric in registry.collect():
            if not metric.name.startswith("shixian_"):
                continue
            name = metric.name + {"counter": "_total", "info": "_info"}.get(metric.type, "")
            labels = list(dict.fromkeys(label for s in metric.samples for label in s.labels if label != "le"))
            labels = labels or list(_declared(registry, metric))
            before = found.get(name, (metric.type, labels, metric.documentation, []))
            found[name] = (*before[:3], [*before[3], service])
    return found


def _declared(registry: CollectorRegistry, metric: Metric) -> tuple[str, ...]:
    """The labels of a metric that has no series yet: a collector's family knows them, or the metric itself."""
    if hasattr(metric, "_labelnames"):
        return tuple(metric._labelnames)
    for collector in registry._collector_to_names:
        if getattr(collector, "_name", None) == metric.name:
            return tuple(getattr(collector, "_labelnames", ()))
    return ()


def page() -> str:
    """The page's text."""
    lines = [HEAD]
    known = families()
    titles = {
        "Requests, limits and calendars": (
            "shixian_requests",
            "shixian_limits",
            "shixian_cases",
            "shixian_calendar",
            "shixian_overdue",
        ),
        "Inside offices": ("shixian_assignments", "shixian_duties", "shixian_cards"),
        "The log and the workers": ("shixian_consumer", "shixian_dead_letters", "shixian_reference"),
        "Intake": ("shixian_intake",),
        "Tracker": ("shixian_tracker", "shixian_attention"),
        "Stats": ("shixian_stats",),
        "Every service": (
            "shixian_http",
            "shixian_ready",
            "shixian_part",
            "shixian_build",
            "shixian_database",
            "shixian_disk",
            "shixian_rules",
        ),
    }
    left = set(known)
    for title, prefixes in titles.items():
        lines += [f"## {title}", "", "| Metric | Labels | Meaning | From |", "|---|---|---|---|"]
        for name in sorted(n for n in known if n.startswith(prefixes)):
            kind, labels, text, services = known[name]
            left.discard(name)
            shown = ", ".join(f"`{label}`" for label in labels)
            lines.append(f"| `{name}` ({kind}) | {shown} | {text} | {', '.join(services)}; {_source(name)} |")
        lines.append("")
    lines.pop()
    if left:
        raise ValueError(f"no section of the page takes {', '.join(sorted(left))}")
    return "\n".join(lines) + "\n"


def _source(name: str) -> str:
    if name.startswith(TABLES):
        return "tables"
    return "process" if name.startswith(PER_PROCESS) else "partition"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
