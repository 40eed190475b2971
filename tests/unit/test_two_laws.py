"""A year of two laws: each form has the numbers of its own, as counted by hand from the plan of the facts."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.testing import CliRunner

from services import cli
from services.commands import offline
from services.stats.cells import recount
from services.stats.fold import Fold
from tests.support import ORGAN, raw, received

YEAR = 2023
NOW = datetime(2024, 12, 1, tzinfo=UTC)
LAWS = ("CN", "CN-LICENSING")
DAYS = (date(2022, 12, 20), date(2023, 2, 1), date(2023, 6, 1), date(2023, 12, 20))
SOON, LONG = timedelta(5), timedelta(200)
"""Within the limit of either law, and far beyond."""
FATES: tuple[tuple[str, timedelta], ...] = (
    ("open", LONG),
    ("granted", SOON),
    ("granted", LONG),
    ("negative", SOON),
    ("negative", LONG),
    ("withdrawn", SOON),
)
NEGATIVE = {"CN": "unclear", "CN-LICENSING": "refused"}
TIMES = {"CN": 1, "CN-LICENSING": 2}
"""As many requests of each kind, so that a number of one law is none of the other."""


class Planned(NamedTuple):
    """A request, and what becomes of it."""

    law: str
    day: date
    fate: str
    after: timedelta

    @property
    def ended_on(self) -> date | None:
        return None if self.fate == "open" else self.day + self.after


PLAN = [
    Planned(law, day, fate, after) for law, day, (fate, after) in product(LAWS, DAYS, FATES) for _ in range(TIMES[law])
]


def facts() -> Iterator[dict[str, Any]]:
    yield raw("organ-registered", "gz-psb", ORGAN)
    for number, planned in enumerate(PLAN):
        subject, day = f"r{number}", planned.day.isoformat()
        came = received(subject, day)
        came["data"] |= {"confirmed_on": day, "statute": planned.law}
        yield came
        if planned.fate == "withdrawn":
            yield raw("request-withdrawn", subject, {"withdrawn_on": planned.ended_on})
        elif planned.ended_on is not None:
            outcome = "granted" if planned.fate == "granted" else NEGATIVE[planned.law]
            data = {"outcome": outcome, "answered_on": planned.ended_on, "service": "posted"}
            yield raw("answer-issued", subject, data)


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    return [json.dumps(fact).encode() for fact in facts()]


def reported(lines: list[bytes], path: Path, form: str) -> dict[str, Any]:
    """What ``shixian report --facts`` says of the year."""
    path.write_bytes(b"\n".join(lines))
    given = ("--form", form, "--organ", "gz-psb", "--year", str(YEAR), "--facts", str(path), "--format", "json")
    answer = CliRunner().invoke(cli.app, ["report", *given])
    assert answer.exit_code == 0, answer.output
    found: dict[str, Any] = json.loads(answer.output)
    return found


def rows(report: dict[str, Any], table: str) -> dict[str, int]:
    (found,) = (t for t in report["tables"] if t["id"] == table)
    return {row["id"]: row["cells"]["total"] for row in found["rows"]}


def by_hand(law: str) -> Counter[str]:
    """The year of a law, from the plan."""
    count: Counter[str] = Counter()
    for planned in PLAN:
        ended = planned.ended_on
        if planned.law != law or planned.day.year > YEAR:
            continue
        count["received"] += planned.day.year == YEAR
        count["carried-in"] += planned.day.year < YEAR and (ended is None or ended.year >= YEAR)
        count["carried-out"] += ended is None or ended.year > YEAR
        if ended is not None and ended.year == YEAR:
            count["ended"] += 1
            count[planned.fate] += 1
            count["in-time"] += planned.fate != "withdrawn" and planned.after == SOON
    return count


def test_each_form_has_the_numbers_of_its_own_law(lines: list[bytes], tmp_path: Path) -> None:
    licensing = reported(lines, tmp_path / "facts.jsonl", "cn-licensing")
    disclosure = reported(lines, tmp_path / "facts.jsonl", "cn-2021")
    hand = by_hand("CN-LICENSING")
    assert rows(licensing, "licensing") == {
        "received": hand["received"],
        "granted": hand["granted"],
        "refused": hand["negative"],
        "withdrawn": hand["withdrawn"],
        "in-time": hand["in-time"],
        "in-committed-time": 0,
    }
    other = hand["received"]
    hand = by_hand("CN")
    assert {row: n for row, n in rows(disclosure, "requests").items() if n} == {
        "1": hand["received"],
        "2": hand["carried-in"],
        "3.1": hand["granted"],
        "3.4.3": hand["negative"],
        "3.6.3": hand["withdrawn"],
        "3.7": hand["ended"],
        "4": hand["carried-out"],
    }
    assert sum(disclosure["other_laws"].values()) == other
    assert sum(licensing["other_laws"].values()) == hand["received"]
    assert [c for c in disclosure["checks"] if c["rule"].startswith("R") and not c["ok"]] == []


def test_the_counters_of_both_laws_are_those_of_a_recount_of_the_rows(lines: list[bytes]) -> None:
    _, events = offline.run(list(offline.read_facts(lines)), NOW)
    fold = Fold()
    for event in events:
        fold.apply(event)
    assert fold.cells == recount(fold.rows())
    laws = Counter({law: by_hand(law)["received"] for law in LAWS})
    assert Counter({law: n for law, n in received_in(fold).items() if n}) == laws


def received_in(fold: Fold) -> Counter[str]:
    """What the counters say was received in the year, by law."""
    count: Counter[str] = Counter()
    for cell, number in fold.cells.items():
        if cell.kind == "received" and cell.year == YEAR:
            count["CN" if cell.statute.startswith("CN-20") else cell.statute] += int(number)
    return count
