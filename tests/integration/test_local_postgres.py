"""The embedded PostgreSQL: it keeps its rows, starts again after anything, and is open to its owner only."""

import stat
from pathlib import Path

import asyncpg
import psutil  # type: ignore[import-untyped]
import pytest

from services.local.postgres import PostgresFailed, PostgresServer
from tests.blanks import Blanks
from tests.integration import killed_parent
from tests.support import eventually


async def run(dsn: str, sql: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetch(sql)
    finally:
        await connection.close()


def is_gone(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


async def test_rows_survive_a_stop_and_a_kill_and_a_stop_does_not_wait_for_open_sessions(
    blanks: Blanks, folder: Path
) -> None:
    server = PostgresServer(blanks.postgres(folder / "postgres"))
    try:
        server.start()
        await run(server.dsn, "CREATE TABLE kept (value text)")
        await run(server.dsn, "INSERT INTO kept VALUES ('one')")
        open_session = await asyncpg.connect(server.dsn)
        try:
            assert server.stop(5)
        finally:
            open_session.terminate()
        assert not server.alive
        server.start()
        await run(server.dsn, "INSERT INTO kept VALUES ('two')")
        server.kill()
        assert not server.alive
        server.start()
        assert [row["value"] for row in await run(server.dsn, "SELECT value FROM kept ORDER BY value")] == [
            "one",
            "two",
        ]
    finally:
        server.stop()


async def test_a_server_that_its_killed_parent_left_is_ended_by_the_next_start(blanks: Blanks, folder: Path) -> None:
    blanks.postgres(folder / "postgres")
    left = killed_parent.run("postgres", folder / "postgres", "loose")
    assert not is_gone(left)
    server = PostgresServer(folder / "postgres")
    try:
        server.start()
        assert server.pid != left
        assert is_gone(left)
        assert (await run(server.dsn, "SELECT 1 AS one"))[0]["one"] == 1
    finally:
        server.stop()


def test_a_server_ends_with_its_killed_parent_and_its_folder_starts_again(blanks: Blanks, folder: Path) -> None:
    blanks.postgres(folder / "postgres")
    left = killed_parent.run("postgres", folder / "postgres", "tied")
    eventually(lambda: is_gone(left) or None, 10)
    server = PostgresServer(folder / "postgres")
    server.start()
    assert server.stop()


async def test_it_has_no_port_and_only_its_owner_may_enter_and_begins_an_interrupted_making_anew(folder: Path) -> None:
    half = folder / "postgres" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    server = PostgresServer(folder / "postgres")
    server.start()
    try:
        assert server.pid is not None
        assert not [link for link in psutil.Process(server.pid).net_connections("inet") if link.status == "LISTEN"]
        for path in {server.folder, server.socket_folder, server.data}:
            assert stat.S_IMODE(path.stat().st_mode) == 0o700
            assert path.stat().st_uid == psutil.Process(server.pid).uids().real != 0
        row = (
            await run(
                server.dsn,
                "SELECT pg_encoding_to_char(encoding) AS encoding, datlocale, current_setting('TimeZone') AS zone "
                "FROM pg_database WHERE datname = current_database()",
            )
        )[0]
        assert tuple(row) == ("UTF8", "C.UTF-8", "UTC")
    finally:
        server.stop()


async def test_a_path_too_long_for_a_socket_works(blanks: Blanks, folder: Path) -> None:
    server = PostgresServer(blanks.postgres(folder / ("时限" * 20) / "postgres"))
    try:
        server.start()
        assert server.socket_folder != server.folder
        assert (await run(server.dsn, "SELECT 1 AS one"))[0]["one"] == 1
    finally:
        server.stop()
        server.socket_folder.rmdir()


def test_a_folder_of_another_user_is_refused(folder: Path) -> None:
    (folder / "real").mkdir()
    (folder / "postgres").mkdir()
    server = PostgresServer(folder / "postgres")
    (folder / "postgres").rmdir()
    (folder / "postgres").symlink_to(folder / "real")
    with pytest.raises(PostgresFailed, match="another user"):
        server.start()


def test_a_server_that_cannot_start_shows_the_end_of_its_log(blanks: Blanks, folder: Path) -> None:
    server = PostgresServer(blanks.postgres(folder / "postgres"))
    (server.data / "postgresql.auto.conf").write_text("no_such_setting_of_ours = 1\n")
    with pytest.raises(PostgresFailed, match="no_such_setting_of_ours"):
        server.start()
    assert not server.alive


async def test_each_test_gets_an_empty_database_of_its_own(postgres: str) -> None:
    assert await run(postgres, "SELECT 1 FROM pg_tables WHERE schemaname = 'public'") == []
