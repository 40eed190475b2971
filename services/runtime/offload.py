"""What a caller asks for, done beside the event loop: the loop's own work never waits for it, and few run at once.

The loop that answers also runs the worker, the sweep and ``/healthz``. So whatever costs more than a moment of the
processor (decoding many rows, deriving accounts, making files) is done in a thread of this pool, and whatever asks the
database for much takes a turn first, so that the worker always finds a connection. Python threads share the processor
in slices of a few milliseconds; that is what ``/healthz`` waits for at most.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import ParamSpec, TypeVar

from services.runtime.problems import ProblemError

TURNS = 2
"""How many callers are served at once by one process: one reads while the other's rows are made into an answer."""
THREADS = 1
"""Python runs one thread at a time: with two, 207 lists over 1,000,000 cases were answered in the time in which one
answered 391, since each took the processor from the other, and both from the worker."""
MOST_REST_SECONDS = 1.0
"""While the worker has something in hand, the thread rests after each piece: for as long as that took times the
pressure, so that callers get half of what Python can do in one process, and less while much is to be done; never for
longer than this."""
WAIT_SECONDS = 5.0
"""How long a caller waits for a turn before being asked to come back later."""

P = ParamSpec("P")
T = TypeVar("T")


class Offload:
    """Turns and threads for one process's callers."""

    def __init__(
        self,
        turns: int = TURNS,
        threads: int = THREADS,
        wait_seconds: float = WAIT_SECONDS,
        pressure: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """``pressure``: how much the process has of its own in hand; 0: nothing."""
        self._turns = asyncio.Semaphore(turns)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="offload")
        self._wait_seconds = wait_seconds
        self._pressure = pressure
        self._ended, self._took = 0.0, 0.0
        """When the thread's last piece ended, by the monotonic clock, and how long it took, in seconds."""

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """A turn for as long as the context lasts; not to be taken again inside it.

        Raises :class:`ProblemError` (503 with ``Retry-After``) where none becomes free in time.
        """
        try:
            await asyncio.wait_for(self._turns.acquire(), self._wait_seconds)
        except TimeoutError:
            detail = f"too much is being asked at once; none of it ended within {self._wait_seconds:g} s"
            # As long as what is before it may take, and not the 5 s of a part that is away.
            raise ProblemError(503, detail, kind="busy", headers={"Retry-After": "10"}) from None
        try:
            yield
        finally:
            self._turns.release()

    async def thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """``work`` in a thread; take a turn around it. A caller that goes away does not end what has begun, but there
        are never more threads than the pool has."""
        return await asyncio.wrap_future(self._threads.submit(self._piece, lambda: work(*args, **kwargs)))

    def _piece(self, work: Callable[[], T]) -> T:
        while time.monotonic() < self._ended + min(self._pressure() * self._took, MOST_REST_SECONDS):
            time.sleep(0.005)
        began = time.monotonic()
        try:
            return work()
        finally:
            self._ended = time.monotonic()
            self._took = self._ended - began


def is_offloaded() -> bool:
    """Whether the caller runs in a thread of such a pool."""
    return threading.current_thread().name.startswith("offload")
