"""The commands of recovery on what a run leaves: audit and rebuild find it equal, and a damaged counter shows."""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from tests import forking
from tests.chaos.cluster import Cluster
from tests.chaos.oracle import Findings

COMMAND_SECONDS = 1800.0


@dataclass
class Verdicts:
    """What the commands said, in the words of the summary."""

    audit: str = "not run"
    rebuild: str = "not run"
    damage: str = "not run"

    def line(self) -> str:
        """All three."""
        return f"audit={self.audit} rebuild={self.rebuild} damage={self.damage}"


async def run(cluster: Cluster, now: datetime, findings: Findings) -> Verdicts:
    """Run the commands, with the servers up and the services stopped; what is not as it should be is a finding."""
    env = {**os.environ, **cluster.env(), "SHIXIAN_NOW": now.isoformat(), "SHIXIAN_POSTGRES": cluster.postgres.dsn}
    found = Verdicts()

    code, said = await shixian(env, "audit")
    expected = "audit tracker: equal\naudit stats: equal\n"
    found.audit = _verdict("audit", "equal", (code, said) == (0, expected), said, findings)

    code, said = await shixian(env, "rebuild")
    expected = "rebuild tracker: equal; put in place\nrebuild stats: equal; put in place\n"
    found.rebuild = _verdict("rebuild", "equal", (code, said) == (0, expected), said, findings)

    cell = await _damage(cluster.postgres.dsn)
    code, said = await shixian(env, "audit", "--service", "stats")
    named = f"stats: counter {cell}: " in said
    found.damage = _verdict("damaged counter", "found", code == 1 and named, f"{cell}: {said}", findings)
    return found


def _verdict(what: str, word: str, good: bool, said: str, findings: Findings) -> str:
    if good:
        return word
    findings.add(f"{what} not {word}", said[-600:])
    return f"NOT-{word}"


async def _damage(dsn: str) -> str:
    """Add one to a counter; its name."""
    conn = await asyncpg.connect(dsn)
    try:
        row = await conn.fetchrow(
            "UPDATE stats.cell SET count = count + 1 WHERE ctid = (SELECT ctid FROM stats.cell "
            "WHERE count > 0 ORDER BY organ, year, kind, a, b, c, statute OFFSET 3 LIMIT 1) "
            "RETURNING organ, year, kind, a, b, c, statute"
        )
        assert row is not None, "there is no counter to damage"
        return " ".join(map(str, row))
    finally:
        await conn.close()


async def shixian(env: Mapping[str, str], *arguments: str) -> tuple[int, str]:
    """The command line to its end: exit code, and what it printed."""
    done = await asyncio.to_thread(forking.shixian, *arguments, env=env, seconds=COMMAND_SECONDS)
    return done.returncode, done.stdout if done.returncode in (0, 1) else done.stderr
