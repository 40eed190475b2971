"""A service's schema made anew beside the one in use, and put in its place.

The side schema is made by the service's own migrations and remembers, partition by partition, what has been folded into
it; so a rebuild that was stopped goes on where it was, as long as what it is to be compared with has not moved on.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from importlib.resources.abc import Traversable
from typing import Any

import asyncpg
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from services.events import brokers
from services.runtime.database import Conn
from services.runtime.migrations import MigrationRefused, migrate, schema_name
from services.runtime.settings import Settings
from services.runtime.table_diff import TableDiff

IDLE_SECONDS = 15.0
"""How long a group may take to notice that its last member is gone: longer than a session lasts."""
COORDINATOR_SECONDS = 30.0
"""How long a cluster may take to name the coordinator of a group, which a new one has to choose first."""


class InUse(RuntimeError):
    """A service works on the schema, or another rebuild does."""


class Moved(RuntimeError):
    """The tables in use went on while the side schema was folded, which lacks what came to them since."""


def side_of(schema: str) -> str:
    """The name of the side schema."""
    return schema_name(f"{schema}_rebuild")


def old_of(schema: str) -> str:
    """The name that the schema in use gets when the other takes its place."""
    return schema_name(f"{schema}_before")


async def exists(conn: Conn, schema: str) -> bool:
    """Whether the schema is there and was made by migrations."""
    return bool(await conn.fetchval("SELECT to_regclass($1) IS NOT NULL", f"{schema}.migration"))


async def claim(conn: Conn, schema: str) -> None:
    """Keep other rebuilds of ``schema`` out for as long as ``conn`` lives. Raises :class:`InUse`."""
    if not await conn.fetchval("SELECT pg_try_advisory_lock(hashtextextended($1, 0))", f"shixian rebuild {schema}"):
        raise InUse(f"another rebuild or audit of {schema} runs")


async def open_side(
    conn: Conn, schema: str, folder: Traversable, targets: Mapping[TopicPartition, int]
) -> set[TopicPartition]:
    """Make the side schema ready to be folded up to ``targets``; the partitions that it already holds."""
    side = side_of(schema)
    if await exists(conn, side):
        done = await _resume(conn, side, folder, targets)
        if done is not None:
            return done
    await drop(conn, side)
    await migrate(conn, side, folder)  # type: ignore[arg-type]  # a lent connection serves as well
    async with conn.transaction():
        await conn.execute(
            f"CREATE TABLE {side}.rebuilding (topic text, partition int, target bigint NOT NULL, "
            "done boolean NOT NULL DEFAULT false, PRIMARY KEY (topic, partition))"
        )
        await conn.executemany(
            f"INSERT INTO {side}.rebuilding VALUES ($1, $2, $3)",
            [(tp.topic, tp.partition, end) for tp, end in targets.items()],
        )
    return set()


async def _resume(
    conn: Conn, side: str, folder: Traversable, targets: Mapping[TopicPartition, int]
) -> set[TopicPartition] | None:
    try:
        if await migrate(conn, side, folder):  # type: ignore[arg-type]  # as above
            return None
    except MigrationRefused:
        return None
    if not await conn.fetchval("SELECT to_regclass($1) IS NOT NULL", f"{side}.rebuilding"):
        return None
    rows = await conn.fetch(f"SELECT topic, partition, target, done FROM {side}.rebuilding")
    if {TopicPartition(r["topic"], r["partition"]): r["target"] for r in rows} != dict(targets):
        return None
    return {TopicPartition(r["topic"], r["partition"]) for r in rows if r["done"]}


@asynccontextmanager
async def beside(settings: Settings, snapshot: str) -> AsyncIterator[tuple[Conn, Conn]]:
    """For another process of the same work: a connection that sees the tables as in ``snapshot``, and one that
    writes."""
    opened = [await asyncpg.connect(settings.postgres, timeout=30)]
    try:
        opened.append(await asyncpg.connect(settings.postgres, timeout=30))
        live, conn = opened
        await live.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        await live.execute(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
        yield live, conn
    finally:
        for each in opened:
            each.terminate()


async def mark_done(conn: Conn, schema: str, tp: TopicPartition) -> None:
    """Remember that the side schema of ``schema`` holds a partition; in the transaction that wrote its rows."""
    await conn.execute(
        f"UPDATE {side_of(schema)}.rebuilding SET done = true WHERE topic = $1 AND partition = $2",
        tp.topic,
        tp.partition,
    )


async def drop(conn: Conn, schema: str) -> None:
    """Drop a schema, if it is there."""
    await conn.execute(f"DROP SCHEMA IF EXISTS {schema_name(schema)} CASCADE")


async def carry_over(conn: Conn, schema: str, rebuilt: Collection[str], log_ends: Mapping[TopicPartition, int]) -> None:
    """Copy into the side schema what no log can give back: every table but those in ``rebuilt``.

    Dead letters from beyond the log's ends are left behind: other records will come to stand at their offsets.
    """
    side = side_of(schema)
    own = {"migration", "rebuilding", *rebuilt}
    there = await conn.fetch("SELECT tablename FROM pg_tables WHERE schemaname = $1", side)
    for name in sorted({row["tablename"] for row in there} - own):
        columns = await conn.fetch(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = $1 AND table_name = $2 "
            "AND is_generated = 'NEVER' ORDER BY ordinal_position",
            side,
            name,
        )
        listed = ", ".join(f'"{row["column_name"]}"' for row in columns)
        if name == "dead_letter":  # a letter known already stays as it is, with its state; only new ones are added
            await conn.execute(
                f"DELETE FROM {side}.{name} s USING {schema}.{name} l "
                'WHERE (s.topic, s.partition, s."offset") = (l.topic, l.partition, l."offset")'
            )
        else:
            await conn.execute(f"DELETE FROM {side}.{name}")
        await conn.execute(
            f"INSERT INTO {side}.{name} ({listed}) OVERRIDING SYSTEM VALUE SELECT {listed} FROM {schema}.{name}"
        )
    await conn.executemany(
        f'DELETE FROM {side}.dead_letter WHERE topic = $1 AND partition = $2 AND "offset" >= $3',
        [(tp.topic, tp.partition, end) for tp, end in log_ends.items()],
    )


def beyond_the_log(
    positions: Mapping[TopicPartition, int], log_ends: Mapping[TopicPartition, int], problems: TableDiff
) -> bool:
    """Whether tables hold more than the log, as where an older export was restored beside them; each such position is a
    difference."""
    found = {tp: position for tp, position in sorted(positions.items()) if position > log_ends.get(tp, 0)}
    for tp, position in found.items():
        where = f"{tp.topic} {tp.partition}"
        problems.add("position", where, f"is {position}, and the log ends at {log_ends.get(tp, 0)}")
    return bool(found)


async def hold(conn: Conn, schema: str) -> None:
    """Keep the positions of ``schema`` as they are until the transaction ends. Raises :class:`InUse` if a service
    holds one."""
    try:
        await conn.fetch(f"SELECT FROM {schema}.progress FOR UPDATE NOWAIT")
    except asyncpg.LockNotAvailableError:
        raise InUse(f"a service is at work on the schema {schema}: stop it first") from None


async def require_unmoved(conn: Conn, schema: str, topic: str, positions: Mapping[int, int]) -> None:
    """Hold the positions of a topic, if they are those that the fold went by. Raises :class:`Moved` and
    :class:`InUse`."""
    await hold(conn, schema)
    rows = await conn.fetch(f"SELECT partition, next_offset FROM {schema}.progress WHERE topic = $1", topic)
    if {row["partition"]: row["next_offset"] for row in rows} != dict(positions):
        raise Moved(f"the service has read on in {topic} meanwhile")


async def swap(conn: Conn, schema: str) -> None:
    """Put the side schema in the place of ``schema``, which is kept as :func:`old_of`; inside a transaction.

    Raises :class:`InUse` if a service holds a position of it.
    """
    side, old = side_of(schema), old_of(schema)
    if await exists(conn, schema):
        await hold(conn, schema)
        await drop(conn, old)
        await conn.execute(f"ALTER SCHEMA {schema} RENAME TO {old}")
    await conn.execute(f"ALTER SCHEMA {side} RENAME TO {schema}")
    await conn.execute(f"DROP TABLE {schema}.rebuilding")


async def require_idle(bootstrap: str, group: str, seconds: float = IDLE_SECONDS) -> None:
    """Return if the consumer group has no member; a member killed just now is waited out. Raises :class:`InUse`."""
    admin = AIOKafkaAdminClient(**brokers.client(bootstrap))
    await admin.start()
    try:
        limit = asyncio.get_running_loop().time() + seconds
        while members := await _members(admin, group):
            if asyncio.get_running_loop().time() > limit:
                raise InUse(f"{members} processes of the group {group} are running: stop them first")
            await asyncio.sleep(1.0)
    finally:
        await admin.close()


async def _members(admin: Any, group: str) -> int:
    limit = asyncio.get_running_loop().time() + COORDINATOR_SECONDS
    while True:
        try:
            (answer,) = await admin.describe_consumer_groups([group])
        except GroupCoordinatorNotAvailableError:
            # The first question about a group of a new cluster makes the topic that answers it.
            if asyncio.get_running_loop().time() > limit:
                raise
            await asyncio.sleep(0.5)
            continue
        return sum(len(described[5]) for described in answer.groups)
