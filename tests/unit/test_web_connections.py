"""The limits of a connection, asked of the real server through raw sockets."""

import asyncio
import json
import subprocess
import sys
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog
import uvicorn
from litestar import Request, Response, get, post
from litestar.params import FromQuery
from litestar.response import Stream
from prometheus_client import CollectorRegistry

from services.local.process import free_port
from services.runtime import connections, edge, main
from services.runtime.health import Health
from services.runtime.web import create_app, new_registry
from tests.support import open_guard

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


@get("/v1/large")
async def large(size: FromQuery[int]) -> Response[bytes]:
    """As many bytes as asked for."""
    return Response(b"x" * size, media_type="application/octet-stream")


@post("/v1/things", status_code=200)
async def write(request: Request[Any, Any, Any]) -> dict[str, int]:
    """Counts what is sent."""
    return {"bytes": len(await request.body())}


@get("/v1/slow")
async def slow() -> dict[str, str]:
    """Longer than anybody waits."""
    await asyncio.sleep(3600)
    return {}


@get("/v1/torn")
async def torn() -> Stream:
    """Fails when its answer has begun."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"x" * 10
        raise RuntimeError("the secret of the house")

    return Stream(pieces)


class Served:
    """A server, and calls to it."""

    def __init__(self, server: uvicorn.Server, health: Health, registry: CollectorRegistry, port: int) -> None:
        self.server, self.health, self.registry, self.port = server, health, registry, port

    async def open(self) -> Streams:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def answer(self, *pieces: bytes) -> tuple[int, dict[str, str], bytes]:
        """What comes for the bytes sent, to the connection's end or the answer's."""
        reader, writer = await self.open()
        for piece in pieces:
            writer.write(piece)
        found = await one(reader)
        writer.close()
        return found

    def count(self, status: str) -> float:
        return sum(
            sample.value
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name == "shixian_http_requests_total" and sample.labels["status"] == status
        )


async def one(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """One answer: status, headers, body."""
    async with asyncio.timeout(20):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:] if line)}
        return int(head[0].split()[1]), headers, await reader.readexactly(int(headers["content-length"]))


async def closed(reader: asyncio.StreamReader) -> bytes:
    """What still comes until the server ends the connection."""
    async with asyncio.timeout(20):
        found = b""
        try:
            while piece := await reader.read(65536):
                found += piece
        except ConnectionError:
            pass
        return found


async def until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - the server's own doing is what is waited for
            await asyncio.sleep(0.02)


@asynccontextmanager
async def serving(grace: int = 1) -> AsyncIterator[Served]:
    health, registry = Health(), new_registry()
    app = create_app("things", [large, write, slow, torn], health, registry, max_body=1_000_000, guard=open_guard())
    sock = main._listen("127.0.0.1", 0)
    server = main._server(app, grace)
    task = asyncio.create_task(server.serve(sockets=[sock]))
    await until(lambda: server.started)
    try:
        yield Served(server, health, registry, sock.getsockname()[1])
    finally:
        health.stopping = server.should_exit = True
        await task


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


def problem(found: tuple[int, dict[str, str], bytes]) -> tuple[int, str]:
    """The status and the detail of a refusal that is a problem, ends its connection and is safe to look at."""
    status, headers, body = found
    assert headers["content-type"] == "application/problem+json"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["connection"] == "close"
    told = json.loads(body)
    assert told["status"] == status
    return status, told["detail"]


HUGE = b"a" * 40_000


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + HUGE + b"\r\n\r\n", 431),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 101 + b"\r\n", 431),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + HUGE, 431),
        (b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET /" + HUGE, 414),
        (b"\r\n" * 20_000, 431),
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),  # TLS
        (b"GET /\xe7\x94\xb3 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n", 400),
        (b"POST /v1/things HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n", 400),
        (b"POST /v1/things HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST /v1/things HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;" + 2 * HUGE, 400),
        (b"POST /v1/things HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " + 2 * HUGE, 400),
    ],
)
async def test_what_is_too_much_or_no_http_is_refused_as_a_problem(served: Served, sent: bytes, status: int) -> None:
    found = await served.answer(sent)
    assert problem(found)[0] == status


@pytest.mark.parametrize("asked", [b"POST /v1/things", b"GET /healthz", b"DELETE /nowhere"])
async def test_a_body_announced_as_too_large_is_refused_before_it_comes(served: Served, asked: bytes) -> None:
    status, headers, _ = await served.answer(asked + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 60000000\r\n\r\n")
    assert (status, headers["content-type"]) == (413, "application/problem+json")


async def test_a_head_just_within_the_limits_is_taken(served: Served) -> None:
    headers = b"".join(b"X-%d: %s\r\n" % (i, b"a" * 250) for i in range(98))
    asked = b"GET /healthz?q=" + b"a" * 4_000 + b" HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n"
    status, _, body = await served.answer(asked)
    assert status == 400 and b"query.q" in body  # read whole, and answered by what is in it


async def test_a_body_in_the_same_breath_as_its_head_is_no_part_of_the_head(served: Served) -> None:
    head = b"POST /v1/things HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n"
    assert (await served.answer(head + b"x" * 900_000))[2] == b'{"bytes":900000}'
    chunked = b"POST /v1/things HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert (await served.answer(chunked + b"1\r\nx\r\n" * 60_000 + b"0\r\n\r\n"))[2] == b'{"bytes":60000}'


@pytest.mark.parametrize("together", [True, False])
async def test_a_wish_for_another_protocol_is_left_alone_and_the_body_is_read(served: Served, together: bool) -> None:
    head = b"POST /v1/things HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    head += b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nContent-Length: 90000\r\n\r\n"
    reader, writer = await served.open()
    for _ in range(3):
        writer.write(head + b"x" * 90_000 if together else head)
        if not together:
            await asyncio.sleep(0.05)
            writer.write(b"x" * 90_000)
        assert (await one(reader))[2] == b'{"bytes":90000}'
    writer.write(head + b"x" * 90_000 + GET)
    assert [(await one(reader))[2] for _ in range(2)] == [b'{"bytes":90000}', b'{"status":"ok"}']
    writer.close()
    websocket = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n"
    found = await served.answer(websocket)
    assert (found[0], found[1]["connection"]) == (200, "close")
    assert problem(await served.answer(b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n"))[0] == 400


async def test_sixty_megabytes_of_headers_are_neither_kept_nor_waited_for(served: Served) -> None:
    reader, writer = await served.open()
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
    sent = 0
    try:
        while sent < 60_000_000:
            writer.write(b"X: " + b"a" * 65_000 + b"\r\n")
            sent += 65_005
            await writer.drain()
    except ConnectionError:
        pass
    rest = await closed(reader)
    assert rest.startswith(b"HTTP/1.1 431 ") or not rest  # or the reset came before it was read
    assert (await served.answer(GET))[0] == 200


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


async def test_requests_sent_ahead_are_answered_in_order_and_not_without_end(served: Served) -> None:
    reader, writer = await served.open()
    for size in range(20):
        writer.write(b"GET /v1/large?size=%d HTTP/1.1\r\nHost: x\r\n\r\n" % size)
    assert [len((await one(reader))[2]) for _ in range(20)] == list(range(20))
    writer.write((b"GET /v1/slow HTTP/1.1\r\nHost: x\r\n\r\n") * 1000)
    assert await closed(reader) == b""
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


async def test_a_request_that_the_end_cuts_short_is_told_so() -> None:
    async with serving() as served:
        reader, writer = await served.open()
        writer.write(b"GET /v1/slow HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: len(served.server.server_state.tasks) == 1)
    found = await one(reader)
    assert problem(found) == (503, "the service is stopping and did not finish this request; send it again")
    assert found[1]["retry-after"] == "5"
    assert await closed(reader) == b""
    writer.close()


async def test_head_has_the_length_and_no_body(served: Served) -> None:
    reader, writer = await served.open()
    writer.write(b"HEAD /v1/large?size=5 HTTP/1.1\r\nHost: x\r\n\r\n" + GET)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    assert b"content-length: 5\r\n" in head
    assert await reader.readexactly(12) == b"HTTP/1.1 200"
    writer.close()


async def test_an_answer_that_fails_midway_is_torn_and_told_once(
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
