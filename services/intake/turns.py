"""Turns of the calls that are read and written at once, so that more calls than intake can bear don't slow down those
that it has begun: without, all are worked on a little, and none is done before its time is over.

Calls that find no turn wait in their order, a short while; with many waiting, or at the end of that while, a call is
told to come back. Nothing of it has been written then.
"""

import asyncio
import collections
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.runtime.problems import RETRY_AFTER, ProblemError

MOST_CALLS, MOST_BYTES = 256, 2 * 1024 * 1024
"""At work at once; a single call may be larger. Small calls share a request to the broker."""
MOST_WAITING = 256
PATH = "/v1/events"
WAIT_SECONDS = 4.0


class Turns:
    """Those of one process; belongs to one event loop."""

    def __init__(
        self,
        calls: int = MOST_CALLS,
        size: int = MOST_BYTES,
        waiting: int = MOST_WAITING,
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        self._most_calls, self._most_bytes = calls, size
        self._most_waiting, self._wait_seconds = waiting, wait_seconds
        self._calls = self._bytes = 0
        self._waiting: collections.deque[tuple[asyncio.Future[None], int]] = collections.deque()

    @asynccontextmanager
    async def turn(self, size: int) -> AsyncIterator[None]:
        """A turn for a body of so many bytes, as long as the context lasts. Raises :class:`ProblemError` (503)."""
        if self._waiting or not self._fits(size):
            await self._wait(size)
        else:
            self._begin(size)
        try:
            yield
        finally:
            self._calls -= 1
            self._bytes -= size
            self._wake()

    def refuse_early(self, method: str, path: str) -> None:
        """Raises :class:`ProblemError` (503) for a call with facts that would find no room to wait, before anything of
        it is read: to refuse has to cost less than to take."""
        if method == "POST" and path == PATH and len(self._waiting) >= self._most_waiting:
            raise _busy(f"{len(self._waiting)} calls are waiting already")

    def _fits(self, size: int) -> bool:
        return not self._calls or (self._calls < self._most_calls and self._bytes + size <= self._most_bytes)

    def _begin(self, size: int) -> None:
        self._calls += 1
        self._bytes += size

    async def _wait(self, size: int) -> None:
        """Until it is this call's turn, which has begun then. Raises :class:`ProblemError` (503)."""
        if len(self._waiting) >= self._most_waiting:
            raise _busy(f"{len(self._waiting)} calls are waiting already")
        begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (begun, size)
        self._waiting.append(entry)
        try:
            async with asyncio.timeout(self._wait_seconds):
                await begun
        except BaseException as error:
            if begun.done() and not begun.cancelled():  # its turn came in the same moment
                self._calls -= 1
                self._bytes -= size
            elif entry in self._waiting:
                self._waiting.remove(entry)
            self._wake()
            if isinstance(error, TimeoutError):
                raise _busy(f"its turn did not come within {self._wait_seconds:g} s") from None
            raise

    def _wake(self) -> None:
        """Begin the turns of those who have waited longest, as far as they fit."""
        while self._waiting and self._fits(self._waiting[0][1]):
            begun, size = self._waiting.popleft()
            if not begun.done():
                self._begin(size)
                begun.set_result(None)


def _busy(why: str) -> ProblemError:
    detail = f"more is being sent than can be taken ({why}); nothing was written, send the same call again"
    return ProblemError(503, detail, kind="busy", headers={"Retry-After": RETRY_AFTER})
