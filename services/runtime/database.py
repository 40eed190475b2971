"""Connections to PostgreSQL, made the same way by every service."""

import asyncio
from importlib.resources.abc import Traversable
from typing import Any, TypeAlias

import asyncpg
import structlog

from services.runtime import migrations
from services.runtime.health import Part
from services.runtime.retry import report_to, retry_in_place

Conn: TypeAlias = "asyncpg.Connection[Any] | asyncpg.pool.PoolConnectionProxy[Any]"
"""A connection, of one's own or lent by a pool."""

Pool: TypeAlias = "asyncpg.Pool[Any]"

POOL_SIZE = 8
COMMAND_SECONDS = 60.0
CLOSE_SECONDS = 2.0

log = structlog.get_logger(__name__)


def pool(dsn: str) -> Pool:
    """A pool that is not connected yet; ``await`` it, or use :func:`ready`.

    It connects when a connection is first wanted: asyncpg closes a pool for good whose very first connection fails, so
    a service that started while its database was away would never get to it.
    """
    return asyncpg.create_pool(dsn, min_size=0, max_size=POOL_SIZE, command_timeout=COMMAND_SECONDS)


async def close(target: Pool) -> None:
    """Close ``target``; hard, if its server does not answer: what was begun is rolled back there by itself."""
    try:
        await asyncio.wait_for(target.close(), CLOSE_SECONDS)
    except TimeoutError:
        log.warning("pool_not_closed_in_time", seconds=CLOSE_SECONDS)
        target.terminate()


async def ready(target: Pool, schema: str, folder: Traversable, part: Part) -> None:
    """Connect ``target`` and bring ``schema`` up to date, waiting for the server as long as it takes.

    Raises what repeating can't help: a refused login, a refused migration.
    """

    async def connect() -> None:
        await target
        async with target.acquire() as conn:
            await migrations.migrate(conn, schema, folder)  # type: ignore[arg-type]  # a lent connection serves as well

    await retry_in_place(connect, on_retry=report_to(part))()
    part.ok()
