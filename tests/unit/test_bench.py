"""The bench's own arithmetic, and the year that it makes."""

import json
import re
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks import expected, page, result, year_facts
from benchmarks.measuring import Figures, Run
from benchmarks.year_facts import Year
from services.events.codec import decode_fact

LAST = re.compile(
    r"bench: tracker/sql=(-|[\d.]+) tracker/empty=(-|[\d.]+) stats/streams=(-|[\d.]+) stats/quix=(-|[\d.]+) "
    r"p99_ms=(-|[\d.]+)"
)


def figures() -> Figures:
    found = Figures()
    for rate in (900.0, 1000.0, 5000.0):
        found.keep("tracker", Run(rate, rate))
    found.keep(result.SQL, Run(100.0))
    found.keep("stats", Run(4000.0, 6000.0))
    found.keep(result.STREAMS, Run(1000.0, 3000.0))
    found.numbers["post to visible at 200 facts/s, p99 ms"] = 20.0
    found.missing.append("Quix Streams: <not here>")
    return found


def collected(of: Figures) -> dict[str, Any]:
    return result.collect(of, {}, SimpleNamespace(runs=3), 60.0)


def test_ratios_are_of_medians_and_what_was_not_measured_is_said_so() -> None:
    of = figures()
    found = collected(of)
    lines = list(result.lines(found, of))
    told = LAST.fullmatch(lines[-1])
    assert told is not None
    assert told.groups() == ("10.00", "-", "2.00", "-", "20.00")  # the streams' ratio is of the second halves
    assert any("not measured" in line and "Quix" in line for line in lines)
    assert "missing: Quix Streams: <not here>" in lines
    json.dumps(found)


def test_the_page_shows_every_part_and_escapes_what_it_shows() -> None:
    shown = page.render(collected(figures()))
    assert shown.count("<rect") == 4
    assert "&lt;not here&gt;" in shown
    assert "<not here>" not in shown


def test_an_answer_that_differs_is_a_problem() -> None:
    of = Figures()
    wanted = expected.Expected(10, 1, 2, cells={"o|2024|received": 2})
    wanted.compare(of, "right", {"cells": {"o|2024|received": 2}, "sum": 10})
    assert of.problems == []
    wanted.compare(of, "wrong", {"cells": {"o|2024|received": 3}, "sum": 9})
    assert len(of.problems) == 2


def test_the_expected_counts_follow_the_latest_event_of_a_request() -> None:
    def record(sequence: int, **request: Any) -> Any:
        data = {"request": {"organ": "o", "state": "open", "received_on": "2023-12-29", **request}}
        return SimpleNamespace(key=b"r", value=json.dumps({"sequence": sequence, "data": data}).encode())

    closed = {"state": "answered", "closed_on": "2024-01-09", "outcome": "granted"}
    found = expected.of_cases(
        [record(1), record(2, **closed), record(1), record(3, received_on="2024-01-02", **closed)]
    )
    assert found.cells == {"o|2024|received": 1, "o|2024|granted": 1}
    assert (found.records, found.keys) == (4, 1)


@pytest.mark.parametrize("share", [5000])
def test_a_year_is_made_month_by_month_and_each_fact_of_it_once(share: int) -> None:
    year = Year(share)
    months = [[(number, raw) for number, raw in year.month(month)] for month in range(1, 13)]
    made = [raw for month in months for _, raw in month]
    whole = [each for number in range(year.requests) for _, each in year.history(number)]
    assert sorted(json.loads(raw)["id"] for raw in made) == sorted(each["id"] for each in whole)
    assert len(whole) >= 5 * year.requests
    assert [raw for _, raw in year.month(5)] == [raw for _, raw in months[4]]
    for raw in made:
        decode_fact(raw)
    assert sum(1 for raw in made if b"request-received" in raw and b"CN-LICENSING" not in raw) == year_facts.DISCLOSURE
