"""Requests of which a review orders another answer, in a database filled when they were taken for pending: after its
migration the counters are those of a fold of the same log."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from services.events.case_data import RequestSummary
from services.runtime.migrations import migrate
from services.stats import snapshot
from services.stats.cells import Cell, RequestRow, contributions
from services.stats.rebuild import MIGRATIONS
from services.stats.worker import Folder, metrics
from tests.integration.test_stats_statutes import SAME, columns, rows_in
from tests.integration.test_stats_store import batch
from tests.stats_events import answered, recorded, summary

EVENT = 'subject, sequence, recorded_at, cause_source, cause_id, partition, "offset"'
THAT_YEAR, LATER = date(2013, 6, 3), date(2014, 2, 3)
LATE: Any = {"due_on": date(2013, 3, 22), "overdue_from": date(2013, 3, 23), "timeliness": "late"}
ITEM: Any = {"item": "i", "statute": "CN-LICENSING", "committed_timeliness": "in-time"}
ORDERED: dict[str, RequestSummary] = {
    "in-its-year": answered(on=THAT_YEAR, state="open"),
    "in-the-next": answered(on=LATER, state="open"),
    "late-in-its-year": answered(on=THAT_YEAR, state="open", **LATE),
    "late-in-the-next": answered(on=LATER, state="open", extended=True, **LATE),
    "order-missed": answered(on=THAT_YEAR, state="open", overdue_from=date(2014, 9, 1)),
    "for-an-item": answered(on=LATER, state="open", **ITEM),
    "stopped": answered(on=LATER, state="stopped"),
}
OTHERS: dict[str, RequestSummary] = {
    "open": summary(),
    "answered": answered(on=LATER),
    "contradicting": answered(on=LATER, contradicting=True),
    "contradicting-at-once": answered(contradicting=True),
}


def before(subject: str, request: RequestSummary) -> dict[Cell, Any]:
    """What a request counted for when an ordered answer made it pending; contradictions in its first year only."""
    bare = replace(request, closed_on=None) if request.state in ("open", "stopped") else request
    cells = dict(contributions(RequestRow(subject, 1, bare)))
    return {cell: n for cell, n in cells.items() if cell.kind != "contradicting" or cell.year == 2013}


async def older(conn: Any, tmp_path: Path) -> None:
    """A schema as the release before left it: today's rows, that release's counters."""
    for script in MIGRATIONS.iterdir():
        if script.name[:4] < "0010":
            (tmp_path / script.name).write_text(script.read_text("utf-8"), "utf-8")
    await migrate(conn, "older", tmp_path)
    for table in ("request", "folded"):
        there = ", ".join(await columns(conn, "older", table))
        await conn.execute(f"INSERT INTO older.{table} ({there}) SELECT {there} FROM stats.{table}")
    await conn.execute("CREATE TEMP TABLE one AS SELECT DISTINCT ON (subject) * FROM stats.cell_change")
    names = ", ".join(Cell._fields)
    values = ", ".join(f"${n}" for n in range(2, 9))
    for subject, request in (ORDERED | OTHERS).items():
        for cell, number in before(subject, request).items():
            await conn.execute(
                f"INSERT INTO older.cell_change ({names}, delta, {EVENT}) SELECT {values}, $9, {EVENT} FROM one "
                "WHERE subject = $1",
                subject,
                *cell,
                number,
            )
    await conn.execute(
        f"INSERT INTO older.cell ({names}, count) SELECT {names}, sum(delta) FROM older.cell_change "
        f"GROUP BY {names} HAVING sum(delta) <> 0"
    )


async def test_requests_that_were_taken_for_pending_are_counted_as_ended_from_the_first_start(
    pool: Any, tmp_path: Path
) -> None:
    events = [recorded(subject, 1, request) for subject, request in (ORDERED | OTHERS).items()]
    await Folder(pool, metrics(CollectorRegistry())).handle(batch(events))
    assert (await snapshot.audit(pool)).differences == 0
    async with pool.acquire() as conn:
        await older(conn, tmp_path)
        was = await rows_in(conn, "older", "cell")
        assert was != await rows_in(conn, "stats", "cell")
        assert await migrate(conn, "older", MIGRATIONS) == ["0010_ordered_answers"]
        for table in SAME:
            assert await rows_in(conn, "older", table) == await rows_in(conn, "stats", table), table


@pytest.mark.parametrize("kind", ["carried", "closed", "breached", "committed"])
def test_the_rows_of_the_test_tell_the_two_releases_apart(kind: str) -> None:
    """A migration that forgot a kind of counter fails above."""
    changed = {
        cell.kind
        for subject, request in ORDERED.items()
        for cell in before(subject, request).keys() ^ contributions(RequestRow(subject, 1, request)).keys()
    }
    assert kind in changed
