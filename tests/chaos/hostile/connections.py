"""Connections that are slow, broken or greedy, to all three services; bounded in number, bytes and time."""

import asyncio
import socket
import struct
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field

HEADER_CHUNK = 64 * 1024
ANSWER_SECONDS = 20.0
RESET = struct.pack("ii", 1, 0)
"""``SO_LINGER`` with no time at all: closing sends a reset, as a cable that is pulled does."""


@dataclass
class Broken:
    """What became of them."""

    half_open: int = 0
    half_open_ended: int = 0
    """Those that the server ended by itself."""
    dripped: int = 0
    dripped_ended: int = 0
    aborted: int = 0
    never_read: int = 0
    greedy: list[str] = field(default_factory=list)
    """Services that took all of the headers that were far too large."""
    greedy_refused: int = 0
    unreachable: int = 0
    """Connections that could not be made, or were reset at once."""


@dataclass(frozen=True)
class Counts:
    """How many of each, to each service, and how many bytes of headers."""

    half_open: int = 120
    dripped: int = 20
    aborted: int = 200
    never_read: int = 10
    header_bytes: int = 60_000_000


SHORT = Counts(half_open=40, dripped=5, aborted=40, never_read=4, header_bytes=20_000_000)


async def attack(ports: dict[str, int], counts: Counts, stop: asyncio.Event, found: Broken) -> None:
    """All of them at once, until ``stop``; ``found`` tells how it is going."""

    async def tried(work: Awaitable[None]) -> None:
        try:
            await work
        except OSError:  # refused, or reset at once; a service that has ended shows elsewhere
            found.unreachable += 1

    async with asyncio.TaskGroup() as group:
        for name, port in ports.items():
            each = [_half_open(port, found, stop) for _ in range(counts.half_open)]
            each += [_drip(port, found, stop) for _ in range(counts.dripped)]
            each += [_never_read(port, _long(name), found, stop) for _ in range(counts.never_read)]
            each += [_abort(port, counts.aborted, found, stop), _greedy(name, port, counts.header_bytes, found)]
            for work in each:
                group.create_task(tried(work))


async def ended(found: Broken, limit: float) -> None:
    """Return when the servers have ended what is slow, or at ``limit`` of the monotonic clock."""
    while unended(found) and time.monotonic() < limit:  # noqa: ASYNC110 - looked at by the way
        await asyncio.sleep(0.2)


def _long(name: str) -> str:
    """A path with a long answer."""
    return {"tracker": "/v1/requests?limit=1000", "stats": "/schema/openapi.json"}.get(name, "/schema/openapi.json")


async def _connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port)


async def _ended(reader: asyncio.StreamReader) -> None:
    """Return when the other side has ended the connection."""
    try:
        while await reader.read(4096):
            pass
    except OSError:
        return


async def _until(stop: asyncio.Event, work: Awaitable[None]) -> bool:
    """Whether ``work`` came to its end before ``stop`` was set."""
    working, stopping = asyncio.ensure_future(work), asyncio.create_task(stop.wait())
    await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
    done = working.done()
    for task in (working, stopping):
        task.cancel()
    await asyncio.wait([working, stopping])
    return done


async def _half_open(port: int, found: Broken, stop: asyncio.Event) -> None:
    reader, writer = await _connect(port)
    found.half_open += 1
    try:
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-More: ")
        ended = await _until(stop, _ended(reader))
        found.half_open_ended += ended
    finally:
        writer.close()


async def _drip(port: int, found: Broken, stop: asyncio.Event) -> None:
    reader, writer = await _connect(port)
    found.dripped += 1

    async def dripping() -> None:
        ending = asyncio.create_task(_ended(reader))
        try:
            while not ending.done():
                writer.write(b" ")
                await asyncio.sleep(0.2)
        finally:
            ending.cancel()

    try:
        writer.write(_post(100_000))
        ended = await _until(stop, dripping())
        found.dripped_ended += ended
    finally:
        writer.close()


def _post(length: int) -> bytes:
    return (
        b"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/cloudevents-batch+json\r\n"
        b"Content-Length: %d\r\n\r\n[" % length
    )


async def _abort(port: int, count: int, found: Broken, stop: asyncio.Event) -> None:
    """Go away in the middle of a body, again and again."""
    for _ in range(count):
        if stop.is_set():
            return
        _, writer = await _connect(port)
        writer.write(_post(50_000) + b" " * 10_000)
        await asyncio.sleep(0.02)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        writer.transport.abort()
        found.aborted += 1


async def _never_read(port: int, path: str, found: Broken, stop: asyncio.Event) -> None:
    """Ask for much in one connection, and read none of it."""
    loop = asyncio.get_running_loop()
    sock = socket.socket()
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    try:
        await loop.sock_connect(sock, ("127.0.0.1", port))
        await loop.sock_sendall(sock, f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode() * 5)
        found.never_read += 1
        await stop.wait()
    except OSError:
        pass  # it was ended, which is as good
    finally:
        sock.close()


async def _greedy(name: str, port: int, limit: int, found: Broken) -> None:
    """Send headers without an end, until the server has enough of it."""
    reader, writer = await _connect(port)
    # What the kernel holds for a server that does not read counts as taken, so it holds little on our side.
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, HEADER_CHUNK)
    try:
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        sent = 0
        line = b"X-%d: " + b"x" * 4000 + b"\r\n"
        answer = asyncio.create_task(_answer(reader))
        while sent < limit and not answer.done():
            chunk = b"".join(line % n for n in range(HEADER_CHUNK // len(line)))
            writer.write(chunk)
            sent += len(chunk)
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await writer.drain()
            except OSError:  # a TimeoutError is one: it takes no more
                break
        if sent >= limit and not answer.done():
            found.greedy.append(f"{name} took {sent} bytes of headers")
        else:
            found.greedy_refused += 1
        answer.cancel()
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> None:
    try:
        await reader.readline()
    except OSError:
        return


def unended(found: Broken) -> Sequence[str]:
    """What the servers put up with for as long as it lasted."""
    kinds: Sequence[tuple[str, int, int]] = (
        ("half-open", found.half_open, found.half_open_ended),
        ("dripped", found.dripped, found.dripped_ended),
    )
    return [f"{count - ended} of {count} {kind}" for kind, count, ended in kinds if ended < count]
