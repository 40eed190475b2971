"""Counts by law in a database filled before there were any: what its migration makes equals a fold of the same log."""

from datetime import date
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from services.events.cases import CaseEvent
from services.runtime.migrations import migrate
from services.stats import snapshot
from services.stats.cells import Cell
from services.stats.rebuild import MIGRATIONS
from services.stats.worker import Folder, metrics
from tests.integration.test_stats_store import batch
from tests.stats_events import answered, decided, filed, recorded, summary, tally

NEW = ("breached", "breached-ended", "review-later", "contradicting")
"""The kinds of counters that there were not."""
LATE: Any = {"due_on": date(2013, 3, 22), "overdue_from": date(2013, 3, 23)}
LICENCE: Any = {"statute": "CN-LICENSING"}
ENDED_LATER: Any = {**LATE, "on": date(2014, 2, 3), "timeliness": "late", "outcome": "refused"}
EVENTS: list[CaseEvent] = [
    recorded("open", 1, summary()),
    recorded("overdue", 1, summary(**LATE)),
    recorded("overdue-licence", 1, summary(**LATE, **LICENCE)),
    recorded("late-in-its-year", 1, summary(**LATE)),
    recorded("late-in-its-year", 2, answered(on=date(2013, 6, 3), timeliness="late", **LATE)),
    recorded("late-in-the-next", 1, summary(**LATE)),
    recorded("late-in-the-next", 2, answered(**ENDED_LATER)),
    recorded("licence-late-in-the-next", 1, answered(**ENDED_LATER, **LICENCE)),
    recorded("under-another-law-first", 1, summary(**LICENCE)),
    recorded("under-another-law-first", 2, answered()),
    recorded("taken-back", 1, summary(**LATE)),
    recorded("taken-back", 2, summary(state="retracted")),
    filed("reviewed", 1, "v1", date(2013, 6, 1), answered(**LICENCE)),
    decided("reviewed", 2, date(2014, 3, 1), "v1", request=answered(**LICENCE)),
    filed("reviewed", 3, "v2", date(2013, 7, 1), answered(**LICENCE)),
    filed("a", 1, "own", date(2013, 6, 1)),
    decided("a", 2, date(2014, 5, 1), "own"),
    tally("a", 3, 7, "regulations-in-force"),
    tally("a", 4, "12.50", "fees-collected", "t2"),
]
SAME = {
    "request": "*",
    "review": "*",
    "tally": "*",
    "cell": f"{', '.join(Cell._fields)}, count",
    # In sum by subject: which event first made a request late, or a review one of a later year, the log alone knows.
    "cell_change": f"{', '.join(Cell._fields)}, subject, sum(delta)",
}


async def columns(conn: Any, schema: str, table: str) -> list[str]:
    rows = await conn.fetch(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = $1 AND table_name = $2 "
        "ORDER BY ordinal_position",
        schema,
        table,
    )
    return [f'"{row[0]}"' for row in rows]


async def fill(conn: Any, schema: str) -> None:
    """Put into an older schema what it would hold, from today's: its own columns, and the counters that it knew."""
    for table in ("request", "review", "tally", "cell_change", "folded"):
        names = ", ".join(await columns(conn, schema, table))
        kinds = "kind <> ALL($1::text[])" if table == "cell_change" else "$1::text[] IS NOT NULL"
        await conn.execute(
            f"INSERT INTO {schema}.{table} ({names}) SELECT {names} FROM stats.{table} WHERE {kinds}", NEW
        )
    names = ", ".join(await columns(conn, schema, "cell"))
    places = names.replace(', "count"', "")
    await conn.execute(
        f"INSERT INTO {schema}.cell ({names}) SELECT {places}, sum(count) FROM stats.cell "
        f"WHERE kind <> ALL($1::text[]) GROUP BY {places}",
        NEW,
    )


async def rows_in(conn: Any, schema: str, table: str) -> list[str]:
    wanted = SAME[table]
    if table == "cell_change":
        grouped = wanted.replace(", sum(delta)", "")
        query = f"SELECT {wanted} FROM {schema}.{table} GROUP BY {grouped} HAVING sum(delta) <> 0"
    else:
        query = f"SELECT {wanted} FROM {schema}.{table}" + (" WHERE count <> 0" if table == "cell" else "")
    return sorted(repr(sorted(row.items())) for row in await conn.fetch(query))


async def test_a_database_filled_before_comes_to_the_counts_by_law_of_a_fold(pool: Any, tmp_path: Path) -> None:
    for script in MIGRATIONS.iterdir():
        if script.name[:4] in ("0001", "0002", "0003", "0004"):
            (tmp_path / script.name).write_text(script.read_text("utf-8"), "utf-8")
    await Folder(pool, metrics(CollectorRegistry())).handle(batch(EVENTS))
    assert (await snapshot.audit(pool)).differences == 0
    async with pool.acquire() as conn:
        await migrate(conn, "older", tmp_path)
        await fill(conn, "older")
        assert await conn.fetchval("SELECT count(*) FROM older.cell_change") > len(EVENTS)
        assert await migrate(conn, "older", MIGRATIONS) == [
            "0005_statutes",
            "0006_contradicting",
            "0007_contradicting_known",
            "0008_office",
            "0009_unconfirmed",
            "0010_ordered_answers",
        ]
        for table in SAME:
            assert await rows_in(conn, "older", table) == await rows_in(conn, "stats", table), table
        laws = await conn.fetch("SELECT DISTINCT statute FROM older.cell WHERE kind = 'breached' ORDER BY 1")
        assert [row["statute"] for row in laws] == ["CN-2008", "CN-LICENSING"]
