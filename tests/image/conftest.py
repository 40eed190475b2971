"""What the proofs of the image share."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from services.local.postgres import PostgresServer
from services.local.process import free_port
from tests.chaos.proxy import Proxy


@pytest.fixture(scope="session")
def database(postgres_server: PostgresServer) -> Iterator[str]:
    """The session's server by TCP: its socket is open to its own user alone, and the containers' user is another."""
    loop, proxy = asyncio.new_event_loop(), Proxy(free_port(), postgres_server.socket_folder / ".s.PGSQL.5432")
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(proxy.start(), loop).result(10)
    yield f"postgresql://shixian@127.0.0.1:{proxy.port}/postgres?sslmode=disable"
    asyncio.run_coroutine_threadsafe(proxy.stop(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()
