"""What the desk refused: a page elsewhere that posts in a reader's name, a host that is not ours, a form without the
session's token. The desk has no log of its own, so it tells intake's audit trail, beside its answers."""

import asyncio
import collections
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import structlog

from services.access.audit import Entry
from services.runtime.door import SAFE
from services.runtime.problems import ProblemError
from services.runtime.trail import Seldom

MOST_WAITING = 200
"""Refusals that are not told yet; with more, none is noted until some are."""
PAUSE_SECONDS = 2.0

log = structlog.get_logger(__name__)


class Refusals:
    """Those of one desk. ``run`` tells of them; belongs to one event loop."""

    def __init__(
        self, tell: Callable[[Entry, int], Awaitable[None]], now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._tell, self._now = tell, now
        self._seldom = Seldom()
        self._waiting: collections.deque[tuple[Entry, int]] = collections.deque()
        self._wake = asyncio.Event()

    def __call__(self, entry: Entry, status: int) -> None:
        """Note that something was refused; once a minute for each address, action and answer."""
        if status == 401 and entry.method in SAFE:
            return  # who is not logged in is led to the page where she can: that is no attempt at anything
        if len(self._waiting) >= MOST_WAITING or not self._seldom.is_new(entry, status, self._now()):
            return
        self._waiting.append((entry, status))
        self._wake.set()

    async def run(self) -> None:
        """Tell what comes, in its order, until cancelled; waits for an intake that is away."""
        is_away = False
        while True:
            await self._wake.wait()
            try:
                await self._tell(*self._waiting[0])
            except ProblemError as error:
                if not is_away:
                    log.warning("refusals_not_told", reason=error.detail)
                is_away = True
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            is_away = False
            self._waiting.popleft()
            if not self._waiting:
                self._wake.clear()
