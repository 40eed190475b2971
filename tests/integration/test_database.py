"""The pool and a database that is away when the service starts."""

import asyncio
import time
from importlib.resources import files
from pathlib import Path

import asyncpg
import pytest

from services.runtime import database
from services.runtime.health import Part
from services.runtime.local.postgres import PostgresServer
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
