"""The pool and a database that is away when the service starts."""

import asyncio
import time
from importlib.resources import files
from pathlib import Path

import asyncpg
import pytest

from services.local.postgres import PostgresServer
from services.runtime import database, migrations
from services.runtime.health import Part
from tests.integration.log_tools import until


async def test_a_service_that_starts_before_its_database_finds_it_later(folder: Path) -> None:
    server, part = PostgresServer(folder / "postgres"), Part("database")
    pool = database.pool(server.dsn)
    waiting = asyncio.create_task(database.ready(pool, "late", files("services.tracker") / "migrations", part))
    try:
        await until(lambda: part.state == "waiting" and part.reason != "starting", 20, "no word of the wait")
        server.launch()
        await asyncio.wait_for(waiting, 20)
        assert part.is_ok
        assert await pool.fetchval("SELECT count(*) FROM late.progress") == 0
    finally:
        waiting.cancel()
        pool.terminate()
        server.stop()


async def test_a_pool_that_can_not_be_closed_in_time_is_ended_all_the_same(postgres: str) -> None:
    """A server that hangs must not turn the orderly end of a service into a failure."""
    pool = database.pool(postgres)
    await pool
    await pool.acquire()  # never given back, as by a call that gets no answer
    began = time.monotonic()
    await database.close(pool)
    assert database.CLOSE_SECONDS <= time.monotonic() - began < database.CLOSE_SECONDS + 3
    with pytest.raises(asyncpg.InterfaceError):
        await pool.fetchval("SELECT 1")


async def test_a_pool_that_was_never_opened_is_closed_without_a_word() -> None:
    """What ended the service before it came to its database is what is reported, and not its pool."""
    pool = database.pool("postgresql://nobody@127.0.0.1:1/none")
    await database.close(pool)
    with pytest.raises(asyncpg.InterfaceError, match="closed"):
        await pool.fetchval("SELECT 1")


async def test_a_migration_may_take_longer_than_other_statements(postgres: str, tmp_path: Path) -> None:
    """An index on a large table does; a limit would have it begun again and again, and the service never start."""
    (tmp_path / "0001_slow.sql").write_text("SELECT pg_sleep(0.6); CREATE TABLE made (n int);")
    async with asyncpg.create_pool(postgres, command_timeout=0.3, min_size=0) as pool, pool.acquire() as conn:
        with pytest.raises(TimeoutError):
            await conn.execute("SELECT pg_sleep(0.6)")
        await migrations.migrate(conn, "slow", tmp_path)  # type: ignore[arg-type]  # a lent connection serves as well
        assert await conn.fetchval("SELECT count(*) FROM slow.made") == 0
