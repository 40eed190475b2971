"""A bureau's year in PostgreSQL: rows, counters, both returns and the units' year, each opened to its requests."""

from datetime import date, timedelta
from importlib.resources import files
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from services.commands import offline
from services.events.facts import Fact
from services.events.office_facts import ItemRegistered
from services.events.vocabulary import Label
from services.runtime.migrations import migrate
from services.stats import annual, drilldown, publications, publishing, snapshot, units
from services.stats.annual import Asked
from services.stats.cells import recount
from services.stats.fold import Fold
from services.stats.forms.form import load
from services.stats.forms.items import with_items
from services.stats.store import all_cells, all_rows
from services.stats.worker import Folder, metrics
from tests.integration.test_stats_store import batch
from tests.unit.test_office_year import NOW, UNITS, year

ORGANS = ("gz-psb",)
LOT = 60


@pytest.fixture
async def folded(pool: Any) -> tuple[list[Fact], Fold]:
    """The year's log, folded in lots into the tables, and in memory."""
    facts = year()
    _, events = offline.run(facts, NOW)
    folder, whole = Folder(pool, metrics(CollectorRegistry())), Fold()
    for event in events:
        whole.apply(event)
    for first in range(0, len(events), LOT):
        await folder.handle(batch(events[first : first + LOT], first))
    return facts, whole


async def test_rows_and_counters_are_those_of_the_fold_and_the_audit_agrees(
    pool: Any, folded: tuple[list[Fact], Fold]
) -> None:
    _, whole = folded
    async with pool.acquire() as conn:
        rows, cells = await all_rows(conn), await all_cells(conn)
    assert sorted(rows, key=repr) == sorted(whole.rows(), key=repr)
    assert cells == whole.cells == recount(rows)
    assert (await snapshot.audit(pool)).differences == 0
    assert (await snapshot.read(pool)).cards
    await pool.execute("UPDATE stats.office SET unit = 'legal' WHERE piece = 'card' AND subject = 'R00'")
    assert (await snapshot.audit(pool)).differences == 2  # one too many at the one unit, one too few at the other


async def test_the_units_year_is_opened_to_its_requests_and_known_as_of_a_day(
    pool: Any, folded: tuple[list[Fact], Fold]
) -> None:
    async with pool.acquire() as conn:
        found = await units.cells(conn, "gz-psb", 2025, None)
        named = {u.unit: u for u in units.units_of(found, UNITS, lambda code: Label(code, code), None)}
        for unit in UNITS:
            for measure in units.OPENED:
                number, requests = await units.behind(conn, "gz-psb", 2025, unit, measure, None, "", 1000)
                assert number == getattr(named[unit], measure) == sum(count for _, count in requests)
        number, first = await units.behind(conn, "gz-psb", 2025, "records", "late", None, "", 5)
        _, rest = await units.behind(conn, "gz-psb", 2025, "records", "late", None, first[-1][0], 100)
        assert (number, [s for s, _ in (*first, *rest)]) == (12, [f"R{n:02}" for n in range(12)])
        before = NOW - timedelta(days=1)
        assert await units.cells(conn, "gz-psb", 2025, before) == {}
        assert await units.cells(conn, "gz-psb", 2025, NOW + timedelta(days=1)) == found
        assert await units.behind(conn, "gz-psb", 2025, "records", "late", before, "", 5) == (0, [])


async def test_each_items_number_is_opened_to_its_requests(pool: Any, folded: tuple[list[Fact], Fold]) -> None:
    facts, _ = folded
    items = [each.data for each in facts if isinstance(each, ItemRegistered)]
    asked = Asked("gz-psb", 2025, with_items(load("cn-licensing"), items), "2025-07-01", None, ORGANS)
    async with pool.acquire() as conn:
        await migrate(conn, publications.SCHEMA, files("services.stats") / "kept")
        numbers = (await annual.answer(conn, asked)).report.numbers()
        for row in ("received", "granted", "refused", "withdrawn", "in-time", "in-committed-time"):
            columns = numbers["licensing", row]
            assert columns["total"] == sum(n for name, n in columns.items() if name != "total")
            for column in ("total", *(item.code for item in items[:3])):
                page = await drilldown.page(conn, asked, ("licensing", row, column), "", 100, "")
                assert len(page.requests or ()) == page.number == columns[column], (row, column)


async def test_a_publication_keeps_the_columns_of_its_items(pool: Any, folded: tuple[list[Fact], Fold]) -> None:
    facts, _ = folded
    items = [each.data for each in facts if isinstance(each, ItemRegistered)]
    organs: Any = SimpleNamespace(
        items=lambda codes: [item for item in items if item.organ in codes],
        today=lambda organ: date(2025, 7, 1),
        statutes=lambda: {"gz-psb": "CN"},
    )
    asked = Asked("gz-psb", 2025, with_items(load("cn-licensing"), items), "2025-07-01", None, ORGANS, "own")
    async with pool.acquire() as conn:
        await migrate(conn, publications.SCHEMA, files("services.stats") / "kept")
        report = (await annual.answer(conn, asked)).report
        made = publications.frozen(report, date(2025, 7, 1), "own", ORGANS, (), None)
        await publications.insert(conn, made)
        printed, form = await publishing.as_published(conn, organs, "gz-psb", 2025, 1)
        assert form == asked.form and printed.numbers() == report.numbers()
        assert len(printed.numbers()["licensing", "received"]) == 1 + len(items), "a column for each item, and all"
        (told,) = (await publishing.of_year(conn, organs, "gz-psb", 2025)).publications
        assert told.revisions == []
