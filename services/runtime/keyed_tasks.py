"""Work on several partitions at once, and within a partition one piece after the other.

While the database works for one partition, the process computes for another. More than a few at once would only hold
more in memory.
"""

import asyncio
import time
from collections.abc import Coroutine, Hashable
from typing import Any

from services.runtime.retry import CancelledWithin


class KeyedTasks:
    """At most ``width`` pieces of work at once, at most one a lane; the first failure ends it all."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._running: dict[Hashable, asyncio.Task[None]] = {}
        self._begun: dict[Hashable, float] = {}
        self._failure: BaseException | None = None

    async def start(self, lane: Hashable, work: Coroutine[Any, Any, None]) -> None:
        """Begin ``work`` when its lane is free and there is room. Raises what any piece failed with, once one did."""
        try:
            while self._failure is None and (lane in self._running or len(self._running) >= self._width):
                await asyncio.wait(self._running.values(), return_when=asyncio.FIRST_COMPLETED)
                await asyncio.sleep(0)  # their callbacks come first
            if self._failure is not None:
                raise self._failure
        except BaseException:
            work.close()
            raise
        task = asyncio.create_task(work)
        self._running[lane] = task
        self._begun[lane] = time.monotonic()
        task.add_done_callback(lambda done: self._ended(lane, done))

    def _ended(self, lane: Hashable, task: asyncio.Task[None]) -> None:
        del self._running[lane]
        del self._begun[lane]
        # A client library can cancel what it was asked; the piece is not done then, and the next must not begin.
        failure = (
            CancelledWithin(f"the work of {lane} was cancelled, and not by us")
            if task.cancelled()
            else task.exception()
        )
        self._failure = self._failure or failure

    async def idle(self) -> None:
        """Return when no piece runs, however the last ones ended."""
        while self._running:
            await asyncio.wait(self._running.values())
            await asyncio.sleep(0)  # their callbacks come first

    def touch(self, lane: Hashable) -> None:
        """The piece in ``lane`` has come a step further: for :meth:`oldest` it begins now."""
        if lane in self._begun:
            self._begun[lane] = time.monotonic()

    def oldest(self) -> float | None:
        """By the monotonic clock, the last step (or the beginning) of the piece whose step is longest ago; None if none
        runs."""
        return min(self._begun.values(), default=None)
