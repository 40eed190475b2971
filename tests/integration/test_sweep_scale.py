"""The sweep over 10,000 open steps and over 1,000,000, of which as many are due: its cost is that of the due ones.

Two databases beside each other in one run, swept in turns, so what else the machine does is in both; only the ratio of
their times counts.
"""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from statistics import median
from typing import Any

import pytest

from services.runtime import database
from services.runtime.clock import ManualClock
from services.runtime.health import Part
from services.tracker import office_store, store
from services.tracker.worker import Tracker
from tests.integration.test_recovery_batches import batch, tracker_of
from tests.memory_log import Log
from tests.support import raw, received

pytestmark = pytest.mark.proof

START = datetime(2013, 3, 12, 2, tzinfo=UTC)
DAYS = (13, 14, 15, 18, 19)
"""Working days of March 2013 on which the clock looks; on each, other steps become late."""
DUE, SMALL, LARGE = 500, 10_000, 1_000_000
PORTION = 1_000_000
MOST = 1.3


def given(subject: str, due_on: date) -> list[dict[str, Any]]:
    data = {"assignment": f"{subject}/a", "unit": "u1", "step": "opinion", "assigned_on": "2013-03-12"}
    return [
        received(subject, "2013-03-11", "in-person"),
        raw("assignment-opened", subject, {**data, "due_on": str(due_on)}),
    ]


def subject(kind: str, number: int) -> str:
    """All of one length, so that one can stand for another in a stored case."""
    return f"{kind}-{number:07}"


async def like(pool: Any, template: str, kind: str, count: int) -> None:
    """Copy the rows of a request and of its open step under ``count`` subjects of their own."""
    case = await pool.fetchrow(
        f"SELECT {', '.join(store.CASE_COLUMNS)} FROM tracker.cases WHERE subject = $1", template
    )
    step = await pool.fetchrow(
        f"SELECT {', '.join(office_store.COLUMNS)} FROM tracker.office WHERE subject = $1", template
    )
    assert case["body"].count(template.encode()) > 1

    def renamed(row: Any, name: str) -> tuple[Any, ...]:
        found: list[Any] = []
        for value in row:
            if isinstance(value, bytes):
                found.append(value.replace(template.encode(), name.encode()))
            else:
                found.append(value.replace(template, name) if isinstance(value, str) else value)
        return tuple(found)

    def portion(row: Any, first: int) -> Iterator[tuple[Any, ...]]:
        return (renamed(row, subject(kind, n)) for n in range(first, min(first + PORTION, count + 1)))

    async with pool.acquire() as conn:
        for first in range(1, count + 1, PORTION):
            for table, columns, row in (
                ("cases", tuple(store.CASE_COLUMNS), case),
                ("office", office_store.COLUMNS, step),
            ):
                await conn.copy_records_to_table(
                    table, schema_name="tracker", columns=columns, records=portion(row, first), timeout=600
                )


async def world(pool: Any, clock: ManualClock, open_steps: int) -> Tracker:
    """A tracker over so many steps that are open for a month still, and those of which each day some become late."""
    tracker = tracker_of(pool, Log(), clock)
    templates = {"far0": date(2013, 4, 19)} | {f"d{day:03}": date(2013, 3, day - 1) for day in DAYS}
    facts = [fact for kind, due in templates.items() for fact in given(subject(kind, 0), due)]
    await tracker.handle(batch(facts))
    await tracker.sweep(0)
    for kind in templates:
        await like(pool, subject(kind, 0), kind, open_steps if kind == "far0" else DUE - 1)
    far = await pool.fetchval("SELECT min(wake_at) FROM tracker.cases WHERE subject LIKE 'far0%'")
    assert far > START + timedelta(days=10), "none of them is due before the last look"
    async with pool.acquire() as conn:
        await conn.execute("VACUUM ANALYZE")
    return tracker


async def swept(tracker: Tracker) -> tuple[int, float]:
    """Sweep until nothing is due; at how many cases it looked, and in how many seconds."""
    looked, began = 0, time.perf_counter()
    while found := await tracker.sweep(0):
        looked += found
    return looked, time.perf_counter() - began


@pytest.mark.timeout(1800)
async def test_a_sweep_costs_what_is_due_with_a_hundred_times_the_open_steps(pool: Any, other_postgres: str) -> None:
    other = database.pool(other_postgres)
    await database.ready(other, "tracker", files("services.tracker") / "migrations", Part("database"))
    clocks = ManualClock(START), ManualClock(START)
    trackers = [await world(pool, clocks[0], SMALL), await world(other, clocks[1], LARGE)]
    ratios = []
    for place, day in enumerate(DAYS):
        took = []
        for tracker, clock in zip(trackers, clocks, strict=True):
            clock.advance(START.replace(day=day) - clock.now())
            took.append(await swept(tracker))
        (few, short), (many, long) = took
        print(f"2013-03-{day}: {few} and {many} cases looked at, {short * 1000:.0f} and {long * 1000:.0f} ms")
        assert few == many >= DUE
        if place:  # the first reads what no one has read yet
            ratios.append(long / short)
    late = [
        await each.pool.fetchval("SELECT count(*) FROM tracker.events WHERE name = 'step-overdue'") for each in trackers
    ]
    await other.close()
    assert late == [DUE * len(DAYS)] * 2, "each late step once, in both"
    print(f"ratios {', '.join(f'{ratio:.2f}' for ratio in ratios)}; median {median(ratios):.2f}, at most {MOST}")
    assert median(ratios) <= MOST
