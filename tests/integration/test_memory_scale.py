"""What a process holds in memory is what it works on, not what there is: 2,000,000 cases beside 20,000.

Two systems after one another, each with topics and a database of its own: the same facts are posted about cases that
are there and about new ones, the same lists and reports are read. Then the memory is compared that is a process's own.
"""

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec
import psutil  # type: ignore[import-untyped]
import pytest

from tests.chaos.hostile import rows
from tests.integration.recovery import environment
from tests.support import ServiceProcess, answered, eventually, received, service

pytestmark = pytest.mark.proof

NOW = datetime(2024, 6, 28, 4, tzinfo=UTC)
FEW, MANY = 20_000, 2_000_000
OLD, NEW, CALL = 12_000, 12_000, 500
"""Facts about cases that are there, and about new ones; so many in a call."""
ENDED = 98
"""Of each hundred cases that are there: an office has few open ones beside those of its years."""
MOST = 1.2
NAMES = ("intake", "tracker", "stats")


def facts(cases: int) -> Iterator[dict[str, Any]]:
    """Answers to cases, spread over all that there are, and receipts of new ones."""
    rng = random.Random(7)
    for number in range(max(OLD, NEW)):
        yield answered(f"{rows.PREFIX}{rng.randrange(cases):08}", "2024-06-28")
        yield received(f"new/{number}", "2024-06-27", "in-person", rows.codes()[number % rows.ORGAN_COUNT])


async def as_many_in_the_stats(dsn: str, template: str) -> None:
    """Copy the row of a request under the subjects of all cases that were put into the tracker's table."""
    conn = await asyncpg.connect(dsn)
    try:
        named = await conn.fetch(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'stats' "
            "AND table_name = 'request' AND is_generated = 'NEVER' AND column_name NOT IN ('subject', 'sequence')"
        )
        rest = ", ".join(f'"{row[0]}"' for row in named)
        await conn.execute(
            f"INSERT INTO stats.request (subject, sequence, {rest}) SELECT c.subject, c.sequence, {rest} FROM "
            f"(SELECT {rest} FROM stats.request WHERE subject = $1) r, (SELECT subject, sequence FROM tracker.cases "
            f"WHERE subject LIKE '{rows.PREFIX}%') c",
            template,
            timeout=1800,
        )
        await conn.execute("VACUUM (ANALYZE) stats.request", timeout=600)
    finally:
        await conn.close()


def post(intake: ServiceProcess, lot: list[Any]) -> None:
    headers = {"content-type": "application/cloudevents-batch+json"}
    answer = intake.http.post("/v1/events", content=msgspec.json.encode(lot), headers=headers)
    assert answer.status_code == 202, answer.text


async def value(dsn: str, query: str) -> Any:
    conn = await asyncpg.connect(dsn)
    try:
        return await conn.fetchval(query, timeout=600)
    finally:
        await conn.close()


async def memory(env: dict[str, str], cases: int) -> dict[str, float]:
    """MB that are each service's own after the load, over a system with so many cases."""
    dsn, counted = env["SHIXIAN_POSTGRES"], {"new": 0}
    with ExitStack() as stack:
        running = {name: stack.enter_context(service(name, env)) for name in NAMES}
        for one in running.values():
            one.wait_ready()
        post(running["intake"], [msgspec.json.decode(fact) for fact in rows.organs()])
        post(running["intake"], [received("template", "2024-06-27", "in-person", rows.codes()[0])])
        eventually(lambda: running["stats"].get("/v1/annual")["organs"] or None, 60)
        await rows.organs_looked_over(dsn, int(env["SHIXIAN_PARTITIONS"]), 120)
    await rows.put(dsn, cases, NOW, lambda _: None, ENDED)
    await as_many_in_the_stats(dsn, "template")
    with ExitStack() as stack:
        running = {name: stack.enter_context(service(name, env)) for name in NAMES}
        for one in running.values():
            one.wait_ready()
        lot: list[Any] = []
        began = time.monotonic()
        for fact in facts(cases):
            lot.append(fact)
            if len(lot) == CALL:
                post(running["intake"], lot)
                lot = []
                for path in ("/v1/requests?limit=1000", "/v1/requests?status=overdue&limit=1000", "/v1/office"):
                    running["tracker"].get(path)
                running["stats"].get(f"/v1/annual/{rows.codes()[0]}/2024.json?form=cn-2021")
        while counted["new"] < NEW:
            assert time.monotonic() - began < 900, counted
            counted["new"] = await value(dsn, "SELECT count(*) FROM stats.request WHERE subject LIKE 'new/%'")
        return {name: psutil.Process(one.process.pid).memory_full_info().uss / 1e6 for name, one in running.items()}


@pytest.mark.timeout(3600)
async def test_memory_is_that_of_the_work_not_of_the_cases(kafka: str, postgres: str, other_postgres: str) -> None:
    found = []
    for dsn, cases in ((postgres, FEW), (other_postgres, MANY)):
        env = environment(kafka, dsn, SHIXIAN_NOW=NOW.isoformat())
        found.append(await memory(env, cases))
        print(f"{cases} cases: " + ", ".join(f"{name} {size:.0f} MB" for name, size in found[-1].items()))
        touched = await value(
            dsn, f"SELECT count(DISTINCT subject) FROM tracker.events WHERE subject LIKE '{rows.PREFIX}%'"
        )
        assert touched > OLD * 0.6, "what was posted about old cases was decided"
    ratios = {name: found[1][name] / found[0][name] for name in NAMES}
    print(", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items()))
    assert max(ratios.values()) <= MOST, ratios
