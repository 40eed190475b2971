"""Database schemas, brought up to date at start: numbered SQL files, forward only.

A service owns one schema. Its files ``NNNN_name.sql`` are applied in order, after those in ``services/runtime/sql``
that every service has (progress, dead letters), each once, and remembered with their digests in ``<schema>.migration``.
The files name their tables without the schema: it is first in the search path while they run.
"""

from __future__ import annotations  # asyncpg's classes take no parameters at run time

import hashlib
import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import structlog
from asyncpg import Connection

_SHARED = files("services.runtime") / "sql"
_SCHEMA = re.compile(r"[a-z][a-z0-9_]{0,50}")
_FILE = re.compile(r"[0-9]{4}_[a-z0-9_]+\.sql")

MIGRATION_SECONDS = 24 * 3600.0
"""What a file may take: an index on a large table takes longer than a pool lets other statements take."""

log = structlog.get_logger(__name__)


class MigrationRefused(Exception):
    """The schema is not one that these files made: a file was changed after it was applied, or it is newer than us."""


def schema_name(schema: str) -> str:
    """``schema`` if it can stand in SQL unquoted. Raises ValueError."""
    if not _SCHEMA.fullmatch(schema):
        raise ValueError(f"{schema!r} is not a schema name of lower-case letters, digits and _")
    return schema


def _scripts(folder: Traversable, prefix: str) -> dict[str, str]:
    files = sorted((f for f in folder.iterdir() if _FILE.fullmatch(f.name)), key=lambda f: f.name)
    return {f"{prefix}{f.name.removesuffix('.sql')}": f.read_text("utf-8") for f in files}


def _digest(text: str) -> str:
    return hashlib.sha256(text.replace("\r\n", "\n").encode()).hexdigest()


async def migrate(conn: Connection[Any], schema: str, folder: Traversable) -> list[str]:
    """Create ``schema`` if needed and apply what it lacks of ``folder``; the names of what was applied.

    One transaction under an advisory lock, so that several processes may start at once. A :class:`pathlib.Path` is a
    folder too. Raises :class:`MigrationRefused`; what the database refuses in a file is raised as it is.
    """
    schema_name(schema)
    wanted = _scripts(_SHARED, "shared/") | _scripts(folder, "")
    done: list[str] = []
    async with conn.transaction():
        await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"shixian migrations {schema}")
        await conn.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        await conn.execute(
            f"CREATE TABLE IF NOT EXISTS {schema}.migration "
            "(name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        applied = {r["name"]: r["sha256"] for r in await conn.fetch(f"SELECT name, sha256 FROM {schema}.migration")}
        if newer := applied.keys() - wanted.keys():
            raise MigrationRefused(f"schema {schema} has {', '.join(sorted(newer))}, which this version doesn't know")
        before: str = await conn.fetchval("SELECT current_setting('search_path')")
        for name, text in wanted.items():
            if name in applied:
                if applied[name] != _digest(text):
                    raise MigrationRefused(f"schema {schema}: {name} was changed after it had been applied")
                continue
            await conn.execute("SELECT set_config('search_path', $1, true)", schema)
            await conn.execute(text, timeout=MIGRATION_SECONDS)
            await conn.execute("SELECT set_config('search_path', $1, true)", before)
            await conn.execute(f"INSERT INTO {schema}.migration (name, sha256) VALUES ($1, $2)", name, _digest(text))
            done.append(name)
    if done:
        log.info("schema_migrated", schema=schema, applied=done)
    return done
