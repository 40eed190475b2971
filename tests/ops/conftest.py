"""A system that is watched, started once for all tests of operations."""

import asyncio
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path

import asyncpg
import pytest

from services.local.postgres import PostgresServer
from tests.conftest import is_last_of
from tests.ops.tools import program
from tests.ops.watched import Watched

_SHARED: list[Watched] = []


@pytest.fixture(scope="session")
def watched(kafka: str, postgres_server: PostgresServer, session_folder: Path) -> Iterator[Watched]:
    """Services, Prometheus and Alertmanager, with the year 2013 in them."""
    for name in ("prometheus", "prometheus-alertmanager"):
        program(name)
    folder = session_folder / f"ops-{uuid.uuid4().hex[:8]}"
    folder.mkdir()
    running = Watched(folder, kafka, asyncio.run(new_database(postgres_server)))
    _SHARED.append(running)
    try:
        running.start()
        running.sample()
        yield running
    finally:
        _end_shared()


def _end_shared() -> None:
    while _SHARED:
        _SHARED.pop().close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, None, None]:
    """They end with the last test that may use them."""
    yield
    if is_last_of(item, nextitem):
        _end_shared()


async def new_database(server: PostgresServer) -> str:
    """The URI of a fresh database; it goes with the session's server."""
    name = f"ops_{uuid.uuid4().hex}"
    admin = await asyncpg.connect(server.dsn)
    await admin.execute(f'CREATE DATABASE "{name}"')
    await admin.close()
    return server.database_dsn(name)
