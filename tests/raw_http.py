"""A server of the services' kind, and calls to it through raw sockets."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from litestar import Request, Response, get, post
from litestar.params import FromQuery
from litestar.response import Stream
from prometheus_client import CollectorRegistry

from services.runtime import main
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


def problem(found: tuple[int, dict[str, str], bytes]) -> tuple[int, str]:
    """The status and the detail of a refusal that is a problem, ends its connection and is safe to look at."""
    status, headers, body = found
    assert headers["content-type"] == "application/problem+json"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["connection"] == "close"
    told = json.loads(body)
    assert told["status"] == status
    return status, told["detail"]
