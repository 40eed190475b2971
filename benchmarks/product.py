"""The product's own parts: the tracker and the stats service over a whole topic, and a rebuild."""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Sequence

import asyncpg

from benchmarks.expected import Expected
from benchmarks.measuring import Failed, Figures, Run, cpu
from benchmarks.servers import NOW, PARTITIONS, Servers

LIMIT_SECONDS = 240.0
CELLS = """
SELECT organ, year, CASE kind WHEN 'received' THEN 'received' ELSE a END AS what, sum(count)::bigint AS count
FROM stats.cell WHERE kind IN ('received', 'closed') GROUP BY 1, 2, 3
"""


def spent(servers: Servers, own: Sequence[int]) -> tuple[float, float, float]:
    """CPU seconds so far of a part's own processes, the broker and PostgreSQL."""
    return cpu(*own), cpu(*servers.broker_pids), cpu(servers.postgres.pid)


async def work(
    servers: Servers, figures: Figures, label: str, name: str, prefix: str, expected: Expected, processes: int = 1
) -> str:
    """One run of a service over its whole topic into a fresh database, by its own position; the database's URI."""
    total, dsn = expected.records, await servers.database()
    with contextlib.ExitStack() as stack:
        own = [stack.enter_context(servers.service(name, dsn, prefix)).pid for _ in range(processes)]
        conn = await asyncpg.connect(dsn)
        query = f"SELECT coalesce(sum(next_offset), 0)::bigint FROM {name}.progress"
        first, first_at, half, half_at, seen = 0, 0.0, 0, 0.0, 0
        before, limit = (0.0, 0.0, 0.0), time.monotonic() + LIMIT_SECONDS
        while seen < total:
            if time.monotonic() > limit:
                raise Failed(f"{seen} of {total} records in {LIMIT_SECONDS:g} s")
            with contextlib.suppress(asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
                seen = await conn.fetchval(query)
            now = time.perf_counter()
            if seen and not first:
                first, first_at, before = seen, now, spent(servers, own)
            if not half and 2 * seen >= total:
                half, half_at = seen, now
            await asyncio.sleep(0.02)
        done, after = time.perf_counter(), spent(servers, own)
        if first == total:
            raise Failed("all was done at the first look: too few records to measure")
        shares = [1e6 * (b - a) / (total - first) for a, b in zip(before, after, strict=True)]
        late = (total - half) / (done - half_at) if half < total else None
        figures.keep(label, Run((total - first) / (done - first_at), late, *shares))
        if name == "tracker":
            await _published(servers, conn, prefix)
            await _check_tracker(figures, label, conn, expected)
        else:
            await _check_stats(figures, label, conn, expected)
        await conn.close()
    return dsn


async def _published(servers: Servers, conn: asyncpg.Connection, prefix: str) -> None:
    """The tracker publishes right after the commit that was seen."""
    rows = await conn.fetchval("SELECT count(*) FROM tracker.events")
    async with asyncio.timeout(30):
        while sum((await servers.ends(f"{prefix}cases")).values()) < rows:  # noqa: ASYNC110 - another process's work
            await asyncio.sleep(0.05)


async def _check_tracker(figures: Figures, label: str, conn: asyncpg.Connection, expected: Expected) -> None:
    found = await conn.fetchval("SELECT count(*) FROM tracker.cases")
    if found != expected.keys:
        figures.problem(label, f"{found} cases, not {expected.keys}")
    if letters := await conn.fetchval("SELECT count(*) FROM tracker.dead_letter"):
        figures.problem(label, f"{letters} dead letters")


async def _check_stats(figures: Figures, label: str, conn: asyncpg.Connection, expected: Expected) -> None:
    rows = await conn.fetch(CELLS)
    cells = {f"{r['organ']}|{r['year']}|{r['what']}": r["count"] for r in rows if r["count"]}
    expected.compare(
        figures, label, {"cells": cells, "keys": await conn.fetchval("SELECT count(*) FROM stats.request")}
    )


async def rebuild(servers: Servers, figures: Figures, dsn: str, prefix: str, expected: Expected) -> None:
    """``shixian rebuild --service stats`` over the same topic, start and comparison included."""
    env = {
        **os.environ,
        "SHIXIAN_KAFKA": servers.kafka.bootstrap,
        "SHIXIAN_POSTGRES": dsn,
        "SHIXIAN_TOPIC_PREFIX": prefix,
        "SHIXIAN_PARTITIONS": str(PARTITIONS),
        "SHIXIAN_NOW": NOW,
    }
    began = time.perf_counter()
    command = [sys.executable, "-c", "from services.cli import main; main()", "rebuild", "--service", "stats"]
    with servers.process("rebuild", command, env) as process:
        code = await asyncio.to_thread(process.wait, LIMIT_SECONDS)
    figures.keep("rebuild", Run(expected.records / (time.perf_counter() - began)))
    if code:
        figures.problem("rebuild", f"ended with {code}; its output is in rebuild.log")
