"""What is open inside the offices, as metrics: counted for the day of the organ, with labels that stay few."""

from datetime import date
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

from services.stats.score import load
from services.statute.errors import BadData
from services.tracker.metrics_office import collected
from services.tracker.snapshot import OpenWork

TODAY = date(2025, 3, 10)
WORK = [
    OpenWork("step", "a", "u1", "opinion", date(2025, 3, 10), False, date(2025, 3, 7), 2),
    OpenWork("step", "a", "u2", "sign", date(2025, 3, 9), True, date(2025, 3, 1), 1),
    OpenWork("step", "b", "u3", "sign", date(2025, 3, 11), False, date(2025, 3, 10), 4),
    OpenWork("step", "b", "", "sign", None, False, date(2025, 3, 1), 1),
    OpenWork("duty", "a", "", "publication", date(2025, 3, 14), True, date(2025, 2, 14), 1),
    OpenWork("duty", "a", "", "annual-report", date(2025, 1, 31), True, date(2024, 12, 31), 1),
]


class Given(Collector):
    def __init__(self, by_unit: tuple[str, ...]) -> None:
        self.by_unit = by_unit

    def collect(self) -> Any:
        return collected(WORK, ["a", "b", "c"], self.by_unit, lambda organ: TODAY)


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(f"shixian_{name}", labels)


def test_units_stand_by_themselves_only_where_the_organ_asks_for_it() -> None:
    registry = CollectorRegistry()
    registry.register(Given(("a",)))
    assert value(registry, "assignments_open", organ="a", unit="u1") == 2
    assert value(registry, "assignments_overdue", organ="a", unit="u2") == 1
    assert value(registry, "assignments_due_within", organ="a", unit="u1", days="0") == 2
    assert value(registry, "assignments_open", organ="b", unit="u3") is None
    assert value(registry, "assignments_open", organ="b", unit="") == 5
    assert value(registry, "assignments_due_within", organ="b", unit="", days="1") == 4
    assert value(registry, "assignments_due_within", organ="b", unit="", days="0") == 0
    # An organ without any has its zeros, so that an alert can end.
    assert value(registry, "assignments_overdue", organ="c", unit="") == 0
    # Taken on, or with the office itself: nobody is waited for.
    assert value(registry, "assignments_unaccepted", organ="a", unit="u1", days="3") == 2
    assert value(registry, "assignments_unaccepted", organ="a", unit="u1", days="7") == 0
    assert value(registry, "assignments_unaccepted", organ="a", unit="u2", days="7") == 0
    assert value(registry, "assignments_unaccepted", organ="b", unit="", days="7") == 0


def test_duties_are_counted_by_their_kind() -> None:
    registry = CollectorRegistry()
    registry.register(Given(()))
    assert value(registry, "duties_overdue", organ="a", kind="annual-report") == 1
    assert value(registry, "duties_overdue", organ="a", kind="publication") == 0
    assert value(registry, "duties_due_within", organ="a", kind="publication", days="3") == 0
    assert value(registry, "duties_due_within", organ="a", kind="publication", days="5") == 1


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('title = { zh = "分", en = "s" }\nlate = "six"', "late"),
        ('title = { zh = "分", en = "s" }\nlates = -6', "lates"),
        ("late = -6", "title"),
        ("late =", "points.toml"),
    ],
)
def test_a_bad_file_of_points_is_named(text: str, key: str, tmp_path: Any) -> None:
    file = tmp_path / "points.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(BadData, match=key):
        load(str(file))
    with pytest.raises(BadData, match="can't be read"):
        load(str(tmp_path / "none.toml"))
    assert load("") is None
