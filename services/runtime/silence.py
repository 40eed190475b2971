"""Saying the same thing again and again, ever more seldom, without losing count of it."""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

FIRST_SECONDS = 10.0
CAP_SECONDS = 600.0
FORGOTTEN_SECONDS = 60.0
KEYS = 1000


@dataclass(slots=True)
class _Logged:
    began: float
    """When it was first seen; real times by the clock of :class:`Silence`."""
    last: float
    """When it was last let through."""
    seen: float
    pause: float
    held: int = 0


class Silence:
    """Which of many equal messages to let out: the first, then after 10 s, 20 s, 40 s ... up to ten minutes.

    One that was not seen for ``forgotten`` seconds is new again. Not for threads that share one.
    """

    def __init__(
        self,
        first: float = FIRST_SECONDS,
        cap: float = CAP_SECONDS,
        forgotten: float = FORGOTTEN_SECONDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._first, self._cap, self._forgotten, self._now = first, cap, forgotten, now
        self._logged: dict[Hashable, _Logged] = {}

    def says(self, key: Hashable) -> int | None:
        """None if this one is held back; else how many equal ones were since the last that was not."""
        now = self._now()
        known = self._logged.get(key)
        if known is None or now - known.seen > self._forgotten + known.pause:
            if len(self._logged) >= KEYS:
                del self._logged[min(self._logged, key=lambda each: self._logged[each].seen)]
            self._logged[key] = _Logged(now, now, now, self._first)
            return 0
        known.seen = now
        if now - known.last < known.pause:
            known.held += 1
            return None
        held, known.held, known.last = known.held, 0, now
        known.pause = min(self._cap, 2 * known.pause)
        return held

    def over(self, key: Hashable) -> float | None:
        """It has passed: how long it went on, in seconds; None if it was not there."""
        known = self._logged.pop(key, None)
        return None if known is None else self._now() - known.began
