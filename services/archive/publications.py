"""Published reports in an archive: the one thing that the services keep and no log can give back."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from importlib.resources import files
from typing import Any

import asyncpg

from services.archive.lines import Kept, KeptKey
from services.runtime import migrations
from services.runtime.database import Conn
from services.runtime.failed import Failed, postgres_failed
from services.stats.publications import SCHEMA

_COLUMNS = "organ, year, number, published_on, made_at, content, digest"
_LOT = 500


@asynccontextmanager
async def connected(postgres: str) -> AsyncIterator[Any]:
    """A connection. Raises :class:`Failed`, also for what the database refuses while it is used."""
    try:
        conn: Any = await asyncpg.connect(postgres, timeout=30)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise postgres_failed(error) from error
    try:
        yield conn
    except (asyncpg.PostgresError, asyncpg.InterfaceError, migrations.MigrationRefused) as error:
        raise postgres_failed(error) from error
    finally:
        conn.terminate()


async def moment(conn: Conn) -> datetime:
    """Now, by the clock that stamps publications."""
    now: datetime = await conn.fetchval("SELECT clock_timestamp()")
    return now


async def published(conn: Conn, until: datetime, done: Collection[KeptKey]) -> AsyncIterator[list[Kept]]:
    """The publications made until then that are not ``done``, in lots."""
    if await conn.fetchval(f"SELECT to_regclass('{SCHEMA}.publication')") is None:
        return
    lot: list[Kept] = []
    async with conn.transaction(readonly=True):
        query = f"SELECT {_COLUMNS} FROM {SCHEMA}.publication WHERE made_at <= $1 ORDER BY organ, year, number"
        async for row in conn.cursor(query, until, prefetch=_LOT):
            kept = Kept(*row)
            if kept.key not in done:
                lot.append(kept)
            if len(lot) >= _LOT:
                yield lot
                lot = []
    if lot:
        yield lot


async def missing(conn: Conn, lot: Sequence[Kept]) -> list[Kept]:
    """Those of ``lot`` that are not there yet. Raises :class:`Failed` where another one is in the place of one."""
    if await conn.fetchval(f"SELECT to_regclass('{SCHEMA}.publication')") is None:
        return list(lot)
    rows = await conn.fetch(
        f"SELECT {_COLUMNS} FROM {SCHEMA}.publication "
        "JOIN unnest($1::text[], $2::int[], $3::int[]) AS w(organ, year, number) USING (organ, year, number)",
        *map(list, zip(*(kept.key for kept in lot), strict=True)),
    )
    here = {kept.key: kept for kept in (Kept(*row) for row in rows)}
    for kept in lot:
        if here.get(kept.key, kept) != kept:
            raise Failed(f"{kept.organ} {kept.year}: publication {kept.number} here differs from the one in the file")
    return [kept for kept in lot if kept.key not in here]


async def prepare(conn: Conn) -> None:
    """Make the tables if they are not there."""
    await migrations.migrate(conn, SCHEMA, files("services.stats") / "kept")  # type: ignore[arg-type]  # either connection serves


async def put(conn: Conn, lot: Sequence[Kept]) -> int:
    """Write those that are not there yet, all or none; how many. Raises :class:`Failed`."""
    async with conn.transaction():
        new = await missing(conn, lot)
        await conn.executemany(
            f"INSERT INTO {SCHEMA}.publication ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            [(k.organ, k.year, k.number, k.published_on, k.made_at, k.content, k.digest) for k in new],
        )
    return len(new)
