"""A TCP proxy whose connections can be cut, held back and refused, to stand between a service and what it needs."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import cast


class _Side(asyncio.Protocol):
    """One end of a proxied connection; what it reads goes to the other end."""

    def __init__(self, proxy: "Proxy", other: "_Side | None" = None) -> None:
        self.proxy, self.other = proxy, other
        self.transport: asyncio.Transport | None = None
        self.early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.proxy.sides.add(self)
        if self.proxy.held:
            self.transport.pause_reading()
        if self.other is None:
            self.other = _Side(self.proxy, self)
            self.proxy.background(self._reach(self.other))

    async def _reach(self, far: "_Side") -> None:
        try:
            await self.proxy.connect(far)
        except OSError:
            self.abort()
            return
        if self.transport is None:
            far.abort()
        for data in self.early:
            far.write(data)

    def data_received(self, data: bytes) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.write(data)
        else:
            self.early.append(data)

    def write(self, data: bytes) -> None:
        if self.transport is not None:
            self.transport.write(data)

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None and not self.proxy.held:
            self.other.transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        self.proxy.sides.discard(self)
        self.transport = None
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()


class Proxy:
    """Listens on a port of 127.0.0.1 and passes each connection on to a port or a Unix socket."""

    def __init__(self, listen_port: int, target: int | Path) -> None:
        self.port, self.target = listen_port, target
        self.sides: set[_Side] = set()
        self.held = False
        self._refusing = False
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin to listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._accept, "127.0.0.1", self.port)

    def _accept(self) -> asyncio.Protocol:
        return _Side(self)

    async def connect(self, far: asyncio.Protocol) -> None:
        """Reach the target for one connection. Raises ``OSError``."""
        if self._refusing:
            raise ConnectionRefusedError
        loop = asyncio.get_running_loop()
        if isinstance(self.target, Path):
            await loop.create_unix_connection(lambda: far, str(self.target))
        else:
            await loop.create_connection(lambda: far, "127.0.0.1", self.target)

    def background(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def cut(self, seconds: float) -> int:
        """Reset every connection and refuse new ones for ``seconds``; how many were cut."""
        sides = list(self.sides)
        for side in sides:
            side.abort()
        self._refusing = True
        try:
            await asyncio.sleep(seconds)
        finally:
            self._refusing = False
        return len(sides) // 2

    async def hold(self, seconds: float) -> None:
        """Let nothing through for ``seconds``, in either direction, and lose nothing of it: a network that hangs."""
        self.held = True
        for side in list(self.sides):
            if side.transport is not None and not side.transport.is_closing():
                side.transport.pause_reading()
        try:
            await asyncio.sleep(seconds)
        finally:
            self.held = False
            for side in list(self.sides):
                if side.transport is not None and not side.transport.is_closing():
                    side.transport.resume_reading()

    async def stop(self) -> None:
        """Stop listening and end every connection."""
        if self._server is not None:
            self._server.close()
        for side in list(self.sides):
            side.abort()
