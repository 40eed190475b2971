"""Plans of queries over tables that the planner takes for large: no test should need a million rows to see one."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

ROWS = 1_000_000


async def pretend_large(conn: Any, schema: str, tables: Sequence[str], rows: int = ROWS) -> None:
    """Let the planner take each table, as it stands, for one of ``rows`` rows of the same kind.

    The planner multiplies the density that it remembers by the pages that it sees; only the density is made up, so a
    sequential scan looks cheaper than it would be, and a plan without one is all the surer.
    """
    await conn.execute("ANALYZE")
    for table in tables:
        pages = await conn.fetchval("SELECT pg_relation_size($1::regclass) / 8192", f"{schema}.{table}")
        assert pages, f"{table} has no rows to take the statistics from"
        done = await conn.fetchval(
            "SELECT pg_restore_relation_stats('schemaname', $1::text, 'relname', $2::text, 'relpages', $3::int, "
            "'reltuples', $4::real)",
            schema,
            table,
            pages,
            float(rows),
        )
        assert done, table


async def explained(conn: Any, sql: str, values: Sequence[Any], *, run: bool = True) -> list[dict[str, Any]]:
    """The nodes of the plan, run unless said otherwise, the topmost first."""
    how = "ANALYZE, TIMING OFF, FORMAT JSON" if run else "FORMAT JSON"
    (plan,) = json.loads(await conn.fetchval(f"EXPLAIN ({how}) {sql}", *values))
    return list(_nodes(plan["Plan"]))


async def generic(conn: Any, sql: str, values: Sequence[Any]) -> list[dict[str, Any]]:
    """The nodes of the plan that is made without knowing the values, as for a statement prepared long ago."""
    (plan,) = json.loads(await conn.fetchval(f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {sql}", *values))
    return list(_nodes(plan["Plan"]))


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for below in node.get("Plans", ()):
        yield from _nodes(below)


def looked_at(nodes: Sequence[dict[str, Any]]) -> int:
    """How many rows were read, whether they were of use or not; of a bitmap, in its index."""
    scans = [
        n for n in nodes if "Scan" in n["Node Type"] and n["Node Type"] not in ("Subquery Scan", "Bitmap Heap Scan")
    ]
    return sum(
        round(n["Actual Rows"] + n.get("Rows Removed by Filter", 0) + n.get("Rows Removed by Index Recheck", 0))
        * n["Actual Loops"]
        for n in scans
    )


def full_scans(nodes: Sequence[dict[str, Any]], small: Sequence[str] = ()) -> list[str]:
    """The tables read from end to end, without those that are always small."""
    return [n["Relation Name"] for n in nodes if n["Node Type"] == "Seq Scan" and n["Relation Name"] not in small]
