"""Schemas brought up to date, and positions, against the real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiokafka import TopicPartition

from services.events.refusals import Reason
from services.runtime import dead_letters, progress
from services.runtime.dead_letters import DeadLetter
from services.runtime.migrations import MigrationRefused, migrate


@pytest.fixture
async def conn(postgres: str) -> AsyncIterator[Any]:
    conn = await asyncpg.connect(postgres)
    yield conn
    await conn.close()


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    (tmp_path / "0001_first.sql").write_text("CREATE TABLE one (n int); CREATE TABLE two (n int);")
    (tmp_path / "README.md").write_text("not SQL")
    return tmp_path


ALL = [
    "shared/0001_progress",
    "shared/0002_dead_letters",
    "shared/0003_attempts",
    "shared/0004_dead_letter_subject",
    "shared/0005_dead_letter_code",
    "0001_first",
]


async def test_files_are_applied_once_in_order_and_in_their_schema(conn: Any, scripts: Path) -> None:
    assert await migrate(conn, "mine", scripts) == ALL
    assert await migrate(conn, "mine", scripts) == []
    (scripts / "0003_third.sql").write_text("INSERT INTO two VALUES (3)")
    (scripts / "0002_second.sql").write_text("INSERT INTO two VALUES (2)")
    assert await migrate(conn, "mine", scripts) == ["0002_second", "0003_third"]
    assert [r["n"] for r in await conn.fetch("SELECT n FROM mine.two")] == [2, 3]
    assert await conn.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    assert await conn.fetchval("SHOW search_path") == '"$user", public'


async def test_two_services_have_their_own_schemas(conn: Any, scripts: Path) -> None:
    await migrate(conn, "mine", scripts)
    assert await migrate(conn, "yours", scripts) == ALL


async def test_many_processes_may_start_at_once(postgres: str, scripts: Path) -> None:
    async def start() -> list[str]:
        own = await asyncpg.connect(postgres)
        try:
            return await migrate(own, "mine", scripts)
        finally:
            await own.close()

    done = await asyncio.gather(*(start() for _ in range(6)))
    assert sorted(map(len, done)) == [0, 0, 0, 0, 0, len(ALL)]


async def test_a_file_that_fails_leaves_nothing_behind(conn: Any, scripts: Path) -> None:
    (scripts / "0002_wrong.sql").write_text("CREATE TABLE three (n int); SELECT no_such_column")
    with pytest.raises(asyncpg.UndefinedColumnError):
        await migrate(conn, "mine", scripts)
    assert not await conn.fetchval("SELECT to_regnamespace('mine') IS NOT NULL")


async def test_a_file_changed_after_it_was_applied_is_refused(conn: Any, scripts: Path) -> None:
    await migrate(conn, "mine", scripts)
    (scripts / "0001_first.sql").write_text("CREATE TABLE other (n int)")
    with pytest.raises(MigrationRefused, match="0001_first was changed"):
        await migrate(conn, "mine", scripts)


async def test_a_schema_of_a_later_version_is_refused(conn: Any, scripts: Path) -> None:
    (scripts / "0002_later.sql").write_text("CREATE TABLE three (n int)")
    await migrate(conn, "mine", scripts)
    (scripts / "0002_later.sql").unlink()
    with pytest.raises(MigrationRefused, match="0002_later"):
        await migrate(conn, "mine", scripts)


@pytest.mark.parametrize("name", ["", "Mine", "a b", 'a"; DROP SCHEMA x', "1a"])
async def test_a_schema_has_a_plain_name(conn: Any, scripts: Path, name: str) -> None:
    with pytest.raises(ValueError, match="schema name"):
        await migrate(conn, name, scripts)


async def test_positions_start_at_none_and_only_grow(conn: Any, postgres: str, scripts: Path) -> None:
    await migrate(conn, "mine", scripts)
    async with conn.transaction():
        assert await progress.lock(conn, "mine", "t", 1) == 0
        await progress.advance(conn, "mine", "t", 1, 7)
    async with conn.transaction():
        assert await progress.lock(conn, "mine", "t", 1) == 7
        await progress.advance(conn, "mine", "t", 1, 7)
        with pytest.raises(progress.ProgressWentBack):
            await progress.advance(conn, "mine", "t", 1, 6)
        with pytest.raises(progress.ProgressWentBack):
            await progress.advance(conn, "mine", "t", 2, 1)
    async with asyncpg.create_pool(postgres, min_size=1, max_size=1) as pool:
        asked = [TopicPartition("t", 1), TopicPartition("t", 2), TopicPartition("u", 1)]
        assert await progress.positions(pool, "mine", asked) == {TopicPartition("t", 1): 7}


async def test_a_lock_holds_others_back_until_the_transaction_ends(conn: Any, postgres: str, scripts: Path) -> None:
    await migrate(conn, "mine", scripts)
    other = await asyncpg.connect(postgres)

    async def zombie() -> int:
        async with other.transaction():
            return await progress.lock(other, "mine", "t", 0)

    async with conn.transaction():
        await progress.lock(conn, "mine", "t", 0)
        waiting = asyncio.create_task(zombie())
        done, _ = await asyncio.wait([waiting], timeout=0.3)
        assert not done
        await progress.advance(conn, "mine", "t", 0, 5)
    assert await asyncio.wait_for(waiting, 10) == 5
    await other.close()


async def test_dead_letters_keep_the_bytes_and_are_written_once(conn: Any, scripts: Path) -> None:
    await migrate(conn, "mine", scripts)
    letter = DeadLetter("t", 0, 3, b"\x00\xff", Reason("nul-character", "bad \x00 byte", {"field": "a\x00b"}))
    await dead_letters.record(conn, "mine", [letter, DeadLetter("t", 0, 4, b"", Reason("unfit", "empty"))])
    await dead_letters.record(conn, "mine", [letter])
    rows = await conn.fetch('SELECT "offset", value, reason FROM mine.dead_letter ORDER BY 1')
    assert [tuple(r) for r in rows] == [(3, b"\x00\xff", "bad \\0 byte"), (4, b"", "empty")]
