"""Saying the same thing again and again, ever more seldom, without losing count of it."""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

FIRST_SECONDS = 10.0
CAP_SECONDS = 600.0
FORGOTTEN_SECONDS = 60.0
KEYS = 1000


@dataclass(slots=True)
class _Told:
    began: float
    """When it was first seen; real times by the clock of :class:`Silence`."""
    told: float
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
        self._told: dict[Hashable, _Told] = {}

    def says(self, key: Hashable) -> int | None:
        """None if this one is held back; else how many equal ones were since the last that was not."""
        now = self._now()
        told = self._told.get(key)
        if told is None or now - told.seen > self._forgotten + told.pause:
            if len(self._told) >= KEYS:
                del self._told[min(self._told, key=lambda each: self._told[each].seen)]
            self._told[key] = _Told(now, now, now, self._first)
            return 0
        told.seen = now
        if now - told.told < told.pause:
            told.held += 1
            return None
        held, told.held, told.told = told.held, 0, now
        told.pause = min(self._cap, 2 * told.pause)
        return held

    def over(self, key: Hashable) -> float | None:
        """It has passed: how long it went on, in seconds; None if it was not there."""
        told = self._told.pop(key, None)
        return None if told is None else self._now() - told.began
