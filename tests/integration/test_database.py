"""The pool and a database that is away when the service starts."""

import asyncio
from importlib.resources import files
from pathlib import Path

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
