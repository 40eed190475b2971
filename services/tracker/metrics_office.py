"""What is open inside the offices, in Prometheus's terms, counted for the day of the scrape in each organ's zone."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from services.runtime.horizons import OFFICE_DAYS, WAITING_DAYS
from services.tracker.snapshot import OpenWork


def collected(
    office: Sequence[OpenWork], organs: Collection[str], by_unit: Collection[str], today: Callable[[str], date]
) -> Iterator[Metric]:
    """The families; ``by_unit``: the organs whose units have series of their own."""
    steps = [work for work in office if work.kind == "step"]
    duties = [work for work in office if work.kind == "duty"]

    def unit(work: OpenWork) -> tuple[str, str]:
        return work.organ, work.unit if work.organ in by_unit else ""

    def kind(work: OpenWork) -> tuple[str, str]:
        return work.organ, work.code

    yield from _open(
        "assignments", "Steps of requests that are not done", steps, ("organ", "unit"), unit, organs, today
    )
    number: Counter[tuple[str, ...]] = Counter()
    for work in steps:
        waited = 0 if work.accepted or not work.unit else (today(work.organ) - work.since).days
        for days in WAITING_DAYS:
            number[*unit(work), str(days)] += work.number if waited >= days else 0
    for organ in organs:
        for days in WAITING_DAYS:
            number[organ, "", str(days)] += 0
    text = "Steps that a unit was given at least so many calendar days ago and has not taken on."
    yield gauge("shixian_assignments_unaccepted", text, ("organ", "unit", "days"), number)
    yield from _open("duties", "Duties of organs that are not done", duties, ("organ", "kind"), kind, (), today)


def _open(
    what: str,
    text: str,
    office: Sequence[OpenWork],
    labels: tuple[str, str],
    key: Callable[[OpenWork], tuple[str, str]],
    organs: Collection[str],
    today: Callable[[str], date],
) -> Iterator[Metric]:
    number: Counter[tuple[str, ...]] = Counter()
    overdue: Counter[tuple[str, ...]] = Counter()
    due: Counter[tuple[str, ...]] = Counter()
    for place in sorted({*map(key, office), *((organ, "") for organ in organs)}):
        number[place] += 0
        overdue[place] += 0
        for days in OFFICE_DAYS:
            due[*place, str(days)] += 0
    for work in office:
        number[key(work)] += work.number
        if work.due_on is None:
            continue
        left = (work.due_on - today(work.organ)).days
        overdue[key(work)] += work.number if left < 0 else 0
        for days in OFFICE_DAYS:
            due[*key(work), str(days)] += work.number if 0 <= left <= days else 0
    yield gauge(f"shixian_{what}_open", f"{text}.", labels, number)
    yield gauge(f"shixian_{what}_overdue", f"{text} and whose last day has passed.", labels, overdue)
    text = f"{text} and whose last day is at most so many calendar days away (0: today); without the overdue ones."
    yield gauge(f"shixian_{what}_due_within", text, (*labels, "days"), due)


def gauge(name: str, text: str, labels: tuple[str, ...], values: Mapping[Any, float]) -> GaugeMetricFamily:
    """A family with a series for each value, whose key has the labels."""
    family = GaugeMetricFamily(name, text, labels=labels)
    for key, value in values.items():
        family.add_metric(list(key), value)
    return family
