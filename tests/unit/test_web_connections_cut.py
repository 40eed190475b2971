"""Connections that are slow, idle, too many or cut short, asked of the real server through raw sockets."""

import asyncio
import subprocess
import sys
import traceback
from collections.abc import AsyncIterator

import pytest
import structlog

from services.local.process import free_port
from services.runtime import connections, edge
from tests.raw_http import GET, Served, closed, one, problem, serving, until


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving() as found:
        yield found


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same limits in a shorter time."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 1.0)
    monkeypatch.setattr(connections, "READ_SECONDS", 1)
    monkeypatch.setattr(connections, "LINGER_SECONDS", 0.2)
    monkeypatch.setattr(edge, "BODY_SECONDS", 1.0)


@pytest.mark.usefixtures("brief")
async def test_half_open_connections_are_ended_and_hold_up_nobody(served: Served) -> None:
    half = [await served.open() for _ in range(400)]
    for number, (_, writer) in enumerate(half):
        writer.write((b"", b"GET /heal", GET[:-2], b"\r\n")[number % 4])
    assert (await served.answer(GET))[0] == 200
    ends = await asyncio.gather(*(closed(reader) for reader, _ in half))
    assert {end[:13] for end in ends} == {b"", b"HTTP/1.1 408 "}
    await until(lambda: not served.server.server_state.connections)
    for _, writer in half:
        writer.close()


@pytest.mark.usefixtures("brief")
async def test_a_dripping_head_or_body_is_ended(served: Served) -> None:
    async def drip(first: bytes) -> bytes:
        reader, writer = await served.open()
        writer.write(first)
        reading = asyncio.create_task(closed(reader))
        while not reading.done():
            writer.write(b"a")
            await asyncio.sleep(0.1)
        return reading.result()

    head, body, unread = await asyncio.gather(
        drip(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: "),
        drip(b"POST /v1/things HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"),
        drip(b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"),
    )
    assert head.startswith(b"HTTP/1.1 408 ")
    assert body.startswith(b"HTTP/1.1 408 ")
    assert b"the body came too slowly" in body
    assert unread.startswith(b"HTTP/1.1 404 ")
    assert served.count("5xx") == 0


@pytest.mark.usefixtures("brief")
async def test_a_reader_that_never_reads_is_cut_off(served: Served) -> None:
    reader, writer = await served.open()
    reader._transport.pause_reading()  # type: ignore[attr-defined]
    writer.write(b"GET /v1/large?size=30000000 HTTP/1.1\r\nHost: x\r\n\r\n")
    await until(lambda: served.count("2xx") == 1)
    await until(lambda: not served.server.server_state.connections)
    writer.close()


async def test_the_connection_that_is_idle_longest_makes_room(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 3)
    busy = await served.open()
    busy[1].write(b"GET /v1/slow HTTP/1.1\r\nHost: x\r\n\r\n")
    await until(lambda: len(served.server.server_state.tasks) == 1)
    idle = [await served.open() for _ in range(2)]
    await until(lambda: len(served.server.server_state.connections) == 3)
    assert (await served.answer(GET))[0] == 200
    assert await closed(idle[0][0]) == b""
    assert not busy[0].at_eof()
    for _ in range(3):
        streams = await served.open()
        streams[1].write(b"GET /v1/slow HTTP/1.1\r\nHost: x\r\n\r\n")
        idle.append(streams)
    await until(lambda: len(served.server.server_state.tasks) >= 3)
    assert problem(await served.answer(GET))[0] == 503
    for _, writer in [busy, *idle]:
        writer.close()


async def test_a_client_that_goes_away_is_no_failure_of_ours(served: Served) -> None:
    with structlog.testing.capture_logs() as logs:
        _, writer = await served.open()
        writer.write(b"POST /v1/things HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf")
        await until(lambda: len(served.server.server_state.tasks) == 1)
        writer.close()
        await until(lambda: served.count("gone") == 1)
        reader, writer = await served.open()
        writer.write(b"GET /v1/large?size=30000000 HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readexactly(10)
        writer.transport.abort()
        await until(lambda: served.count("2xx") == 1)
    assert served.count("5xx") == 0
    assert not logs


async def test_bodies_beyond_what_the_process_may_hold_are_put_off(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge, "MAX_BODIES", 150_000)
    head = b"POST /v1/things HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
    first = await served.open()
    first[1].write(head + b"x" * 99_000)
    await until(lambda: len(served.server.server_state.tasks) == 1)
    await asyncio.sleep(0.2)  # its bytes are read by now; were they not, the next call would be taken
    status, headers, _ = await served.answer(head + b"x" * 100_000)
    assert (status, headers["retry-after"]) == (503, "5")
    first[1].write(b"x" * 1_000)
    assert (await one(first[0]))[2] == b'{"bytes":100000}'
    assert (await served.answer(head + b"x" * 100_000))[2] == b'{"bytes":100000}'
    first[1].close()


async def test_a_request_that_the_end_cuts_short_is_answered_with_why() -> None:
    async with serving() as served:
        reader, writer = await served.open()
        writer.write(b"GET /v1/slow HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: len(served.server.server_state.tasks) == 1)
    found = await one(reader)
    assert problem(found) == (503, "the service is stopping and did not finish this request; send it again")
    assert found[1]["retry-after"] == "5"
    assert await closed(reader) == b""
    writer.close()


async def test_an_answer_that_fails_midway_is_torn_and_logged_once(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = await served.open()
    with structlog.testing.capture_logs() as logs:
        writer.write(b"GET /v1/torn HTTP/1.1\r\nHost: x\r\n\r\n")
        found = await closed(reader)
    assert found.startswith(b"HTTP/1.1 200 ")
    assert not found.endswith(b"0\r\n\r\n")  # or the client would take what it has for all there is
    assert b"secret" not in found
    (entry,) = logs
    assert entry["event"] == "request_failed"
    assert "the secret of the house" in "".join(traceback.format_exception(entry["exc_info"]))
    assert not [record for record in caplog.records if record.exc_info]
    writer.close()


SERVICE = """
import asyncio, contextlib, sys
from litestar import get
from services.runtime.main import Parts, run_service
from services.runtime.settings import Settings
from services.runtime.web import create_app, new_registry
from tests.support import open_guard

@get("/v1/slow")
async def slow() -> dict[str, str]:
    print("asked", flush=True)
    await asyncio.sleep(3600)
    return {}

@contextlib.asynccontextmanager
async def build(settings, health):
    registry = new_registry()
    yield Parts(create_app("slow", [slow], health, registry, guard=open_guard()), int(sys.argv[1]))

run_service("slow", build, Settings(shutdown_seconds=4.0))
"""


async def test_a_call_in_flight_at_sigterm_is_told_to_come_again() -> None:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVICE, str(port), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        async with asyncio.timeout(60):
            while True:
                try:
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                    break
                except ConnectionError:
                    await asyncio.sleep(0.1)
            writer.write(b"GET /v1/slow HTTP/1.1\r\nHost: x\r\n\r\n")
            assert process.stdout is not None
            assert await process.stdout.readline() == b"asked\n"
            process.terminate()
            found = await one(reader)
            _, told = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert problem(found)[0] == 503
    assert found[1]["retry-after"] == "5"
    assert process.returncode == 0
    assert b"Traceback" not in told
    writer.close()
