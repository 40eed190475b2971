"""One caller at a time at work that is dear, and a queue before it that has an end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.runtime.problems import ProblemError

MOST = 50
"""Callers in the queue: at a few hundredths of a second each, the last waits two or three seconds."""
RETRY_AFTER = "5"


class OneByOne:
    """The queue of one process."""

    def __init__(self, most: int = MOST) -> None:
        self._lock, self._most, self._count = asyncio.Lock(), most, 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """A turn for as long as the context lasts.

        Raises :class:`ProblemError` (503 with ``Retry-After``) where the queue is full: whoever floods it makes
        others come again, and not wait for ever.
        """
        if self._count >= self._most:
            detail = "too many are logging in at once; try again in a few seconds"
            raise ProblemError(503, detail, kind="busy", headers={"Retry-After": RETRY_AFTER})
        self._count += 1
        try:
            async with self._lock:
                yield
        finally:
            self._count -= 1
