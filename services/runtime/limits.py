"""What one principal may take of a service: calls a second and calls at once, so that none can starve the rest."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from services.access.principal import Principal
from services.runtime.problems import ProblemError

BURST_SECONDS = 10
"""Over how long the rate counts: a morning's posts may come at once."""
MOST_ACCOUNTS = 10_000


class Limits:
    """Of one process."""

    def __init__(self, rate: float, concurrent: int, now: Callable[[], float] = time.monotonic) -> None:
        """``rate`` in calls a second, ``concurrent`` at once; 0: no limit."""
        self._rate, self._concurrent, self._now = rate, concurrent, now
        self._left: dict[str, tuple[float, float]] = {}
        """By account: how many calls were left, and when that was."""
        self._working: dict[str, int] = {}

    @contextmanager
    def turn(self, principal: Principal) -> Iterator[None]:
        """A call's time. Raises :class:`ProblemError` (429 with ``Retry-After``) beyond a limit."""
        if principal.kind == "local":
            yield
            return
        account = principal.account
        self._take(account)
        working = self._working.get(account, 0)
        if self._concurrent and working >= self._concurrent:
            raise _refused(f"{account} has {working} calls at work at once, and may have no more", 1)
        self._working[account] = working + 1
        try:
            yield
        finally:
            left = self._working[account] - 1
            if left:
                self._working[account] = left
            else:
                del self._working[account]

    def _take(self, account: str) -> None:
        if not self._rate:
            return
        now, most = self._now(), max(1.0, self._rate * BURST_SECONDS)
        left, at = self._left.get(account, (most, now))
        left = min(most, left + (now - at) * self._rate)
        if left < 1:
            self._left[account] = left, now
            wait = math.ceil((1 - left) / self._rate)
            raise _refused(f"{account} makes more than {self._rate:g} calls a second", wait)
        if account not in self._left and len(self._left) >= MOST_ACCOUNTS:
            self._left.pop(next(iter(self._left)))
        self._left[account] = left - 1, now


def _refused(detail: str, seconds: int) -> ProblemError:
    return ProblemError(429, detail, kind="too-many-calls", headers={"Retry-After": str(seconds)})
