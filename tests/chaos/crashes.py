"""A worker's outside, with a crash or a halt before any single thing that it says to it.

A worker reaches the outside only through its pool and its producer, so whatever lies between two steps lies between
two calls seen here. Nothing in the worker knows of this.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

from services.runtime.packing import Record

_CALLS = ("execute", "fetch", "fetchval", "fetchrow", "executemany", "copy_records_to_table")


class Crash(BaseException):
    """The process ends here; nobody catches this."""


class Gate(Protocol):
    """What everything has to pass that a worker says to the outside."""

    async def pass_by(self, what: str) -> None:
        """One thing more is about to happen."""


class Fuse:
    """Counts what passes, and blows at a place given."""

    def __init__(self, at: int | None = None) -> None:
        self.at = at
        self.trace: list[str] = []

    async def pass_by(self, what: str) -> None:
        """Raises :class:`Crash` at the place given."""
        self.trace.append(what)
        if len(self.trace) == self.at:
            raise Crash(what)


class Halt:
    """Stops its worker between step 4 and step 5, once: all is read and decided, and nothing is written yet."""

    def __init__(self) -> None:
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()

    async def pass_by(self, what: str) -> None:
        if not what.startswith("fetch") and ".progress" not in what and not self.reached.is_set():
            self.reached.set()
            await self.go_on.wait()


class _Conn:
    def __init__(self, conn: Any, gate: Gate) -> None:
        self._conn, self._gate = conn, gate

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._conn, name)
        if name not in _CALLS:
            return found

        async def called(*args: Any, **named: Any) -> Any:
            await self._gate.pass_by(f"{name} {' '.join(str(args[0]).split())[:100] if args else ''}")
            return await found(*args, **named)

        return called

    @asynccontextmanager
    async def transaction(self, **named: Any) -> AsyncIterator[None]:
        async with self._conn.transaction(**named):
            yield
            await self._gate.pass_by("commit")
        # What was committed stays so, though a worker that crashes here does not hear of it.
        await self._gate.pass_by("committed")


class GatedPool:
    """A pool whose connections pass by a gate."""

    def __init__(self, pool: Any, gate: Gate) -> None:
        self._pool, self._gate = pool, gate

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Any]:
        async with self._pool.acquire() as conn:
            yield _Conn(conn, self._gate)

    def __getattr__(self, name: str) -> Any:
        async def asked(*given: Any, **named: Any) -> Any:
            async with self.acquire() as conn:
                return await getattr(conn, name)(*given, **named)

        return asked


class MemoryLog:
    """The topics that a producer writes to, in memory; what is in it survives a crash."""

    def __init__(self) -> None:
        self.topics: dict[str, list[Record]] = {}
        self.gate: Gate = Fuse()

    async def send_all(self, topic: str, records: Sequence[Record]) -> list[Any]:
        """Take the records one by one, with a place to crash before each."""
        for record in records:
            await self.gate.pass_by(f"send to {topic}")
            self.topics.setdefault(topic, []).append(record)
        await self.gate.pass_by("acknowledged")
        return []
