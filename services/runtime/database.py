"""Connections to PostgreSQL, made the same way by every service, and none of them waited for without end.

A server that is frozen keeps its connections open and answers nothing. Work waits for it: each statement, and each wait
for a connection, ends after a minute and is repeated in place. People don't: what they ask goes over a pool of its own,
is cut off sooner, and is refused at once while the probe gets no answer."""

import asyncio
from importlib.resources.abc import Traversable
from typing import Any, TypeAlias

import asyncpg
import structlog

from services.runtime import migrations
from services.runtime.failed import reason_of
from services.runtime.health import Part
from services.runtime.retry import report_to, retry_in_place

Conn: TypeAlias = "asyncpg.Connection[Any] | asyncpg.pool.PoolConnectionProxy[Any]"
"""A connection, of one's own or lent by a pool."""

Pool: TypeAlias = "asyncpg.Pool[Any]"

POOL_SIZE = 8
COMMAND_SECONDS = 60.0
ASKING_SIZE = 4
ASKING_SECONDS = 20.0
"""The longest that a statement of an HTTP request may take. The slowest report over a year of millions takes a few."""
ACQUIRE_SECONDS = 5.0
"""How long an HTTP request waits for a connection to be free, or made."""
LOOK_SECONDS = 2.0
ANSWER_SECONDS = 3.0
"""How often the probe asks, and how long it waits: a frozen server is reported within the sum of both."""
CLOSE_SECONDS = 2.0


class _Connection(asyncpg.Connection):
    """One that a pool takes back without asking the server to forget the session: nothing of ours is set for one, so
    that would be a wait for nothing after each use. What a transaction began is still rolled back."""

    def get_reset_query(self) -> str:
        return ""


_POOL: dict[str, Any] = {
    "min_size": 0,
    "max_queries": 50_000,
    "max_inactive_connection_lifetime": 300.0,
    "loop": None,
    "connection_class": _Connection,
    "record_class": asyncpg.Record,
}
"""asyncpg's own defaults, which only its function, and not its class, knows."""
_ERRORS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

log = structlog.get_logger(__name__)


class DatabaseAway(Exception):
    """There is no connection to be had for a request; the text says why."""


class _Patient(asyncpg.Pool):
    """For work: whoever waits for a connection hears in the end that none came, and repeats it."""

    seconds = COMMAND_SECONDS

    def acquire(self, *, timeout: float | None = None) -> Any:
        """As in asyncpg, but never without end. The time is the limit of giving the connection back, too."""
        return super().acquire(timeout=self.seconds if timeout is None else timeout)


class _Asking(_Patient):
    """For HTTP requests."""

    seconds = ACQUIRE_SECONDS

    def __init__(self, dsn: str, *, part: Part, **more: Any) -> None:
        super().__init__(dsn, **more)
        self._part = part

    async def _acquire(self, timeout: float | None) -> Any:
        if not self._part.is_ok:
            raise DatabaseAway(f"{self._part.name} is {self._part.state}: {self._part.reason}")
        try:
            return await super()._acquire(timeout)  # type: ignore[misc]  # the stubs leave it out
        except _ERRORS as error:
            raise DatabaseAway(reason_of(error)) from error


class DatabaseProbe:
    """Asks PostgreSQL every few seconds, over a connection of its own, whether it answers, and sets ``part``."""

    def __init__(self, dsn: str, part: Part) -> None:
        self.part = part
        self._dsn = dsn
        self._conn: asyncpg.Connection[Any] | None = None

    async def run(self) -> None:
        """Look until cancelled."""
        try:
            while True:
                await self.look()
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            self._drop()

    async def look(self) -> None:
        """Ask once."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                if self._conn is None:
                    self._conn = await asyncpg.connect(self._dsn, timeout=ANSWER_SECONDS)
                await self._conn.fetchval("SELECT 1", timeout=ANSWER_SECONDS)
        except _ERRORS as error:  # a TimeoutError is an OSError
            no_answer = f"PostgreSQL gave no answer in {ANSWER_SECONDS:g} s"
            reason = no_answer if isinstance(error, TimeoutError) else reason_of(error)
            if self.part.state != "away":
                log.warning("postgres_away", reason=reason)
            self.part.away(reason)
            self._drop()
            return
        if self.part.state == "away":
            log.info("postgres_back")
        self.part.ok()

    def _drop(self) -> None:
        conn, self._conn = self._conn, None
        if conn is not None:
            conn.terminate()


def pool(dsn: str) -> Pool:
    """A pool that is not connected yet; ``await`` it, or use :func:`ready`.

    It connects when a connection is first wanted: asyncpg closes a pool for good whose very first connection fails, so
    a service that started while its database was away would never get to it.
    """
    return _Patient(dsn, max_size=POOL_SIZE, command_timeout=COMMAND_SECONDS, **_POOL)


def asking(dsn: str, part: Part) -> Pool:
    """A pool for what HTTP requests ask; ``await`` it. It is used only while ``part`` (the probe's) is ok.

    Its connections raise :class:`DatabaseAway` where there is none to be had, and ``TimeoutError`` or
    ``QueryCanceledError`` when a statement takes too long; the server stops working on that as well.
    """
    settings = {"statement_timeout": f"{ASKING_SECONDS:.0f}s"}
    return _Asking(
        dsn, part=part, max_size=ASKING_SIZE, command_timeout=ASKING_SECONDS, server_settings=settings, **_POOL
    )


async def close(target: Pool) -> None:
    """Close ``target``; hard, if its server does not answer: what was begun is rolled back there by itself."""
    await target  # makes no connection; asyncpg would refuse to close a pool that its service never came to open
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
