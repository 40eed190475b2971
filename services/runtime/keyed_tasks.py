"""Work on several partitions at once, and within a partition one piece after the other.

While the database works for one partition, the process computes for another. More than a few large pieces at once would
only hold more in memory; small ones have room of their own, so that a partition with much to do, or with what is slow,
does not keep the others waiting.

Small pieces that wait for their lane become one: what a piece costs by itself (a transaction, a dozen times of waiting)
is shared by all that came meanwhile, so a lane that falls behind gets through more with each piece.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from services.runtime.retry import CancelledWithin

T = TypeVar("T")

LARGE = 500
"""From how many records on a piece is large."""
SLOW_SECONDS = 0.2
"""A lane whose piece runs for longer than an ordinary large one gets no more than one to follow it."""
HARD = 4.0
WAITING = 8000
"""The most records that wait, of all lanes together; then no more are fetched."""


@dataclass(slots=True)
class _Piece(Generic[T]):
    lane: Hashable
    given: list[T]
    size: int


class KeyedTasks(Generic[T]):
    """At most ``width`` pieces of work at once, and beside large ones up to ``spare`` more small ones; at most one a
    lane, each lane's in their order; the first failure ends it all. ``work`` does a piece: one thing given, or several
    of its lane."""

    def __init__(self, work: Callable[[list[T]], Coroutine[Any, Any, None]], width: int, spare: int = 0) -> None:
        self._work, self._width, self._spare = work, width, spare
        self._running: dict[Hashable, asyncio.Task[None]] = {}
        self._begun: dict[Hashable, float] = {}
        self._since: dict[Hashable, float] = {}
        self._sizes: dict[Hashable, int] = {}
        self._waiting: list[_Piece[T]] = []
        self._failure: BaseException | None = None
        self._looking = False

    def start(self, lane: Hashable, given: T, size: int = LARGE) -> None:
        """Begin work on ``given`` now, or when its lane is free and there is room. Raises what any piece failed with,
        once one did."""
        if self._failure is not None:
            raise self._failure
        last = next((piece for piece in reversed(self._waiting) if piece.lane == lane), None)
        if last is not None and last.size + size < LARGE:
            last.given.append(given)
            last.size += size
        else:
            self._waiting.append(_Piece(lane, [given], size))
        self._begin()
        self._look_again()

    def _look_again(self) -> None:
        """What runs may turn out to take long, and then what waits has room beside it: look in a while."""
        if self._waiting and not self._looking:
            self._looking = True
            asyncio.get_running_loop().call_later(SLOW_SECONDS, self._look)

    def _look(self) -> None:
        self._looking = False
        self._begin()
        self._look_again()

    def _begin(self) -> None:
        """What has room, the longest waiting first; a lane's later pieces stay behind its earlier ones."""
        passed: set[Hashable] = set(self._running)
        for piece in list(self._waiting):
            if piece.lane not in passed and self._has_room(piece.size):
                self._waiting.remove(piece)
                self._run(piece)
            passed.add(piece.lane)

    def _has_room(self, size: int) -> bool:
        large = sum(each >= LARGE for each in self._sizes.values())
        if size >= LARGE:
            return large < self._width and len(self._running) < self._width + self._spare
        # Beside small ones it need not hurry: what waits becomes one piece, which costs less than several at once. But
        # what takes long is no small one, however few records it has.
        now = time.monotonic()
        hard = sum(each >= LARGE or now - self._since[lane] > SLOW_SECONDS for lane, each in self._sizes.items())
        return len(self._running) < self._width + min(self._spare, hard)

    def _run(self, piece: _Piece[T]) -> None:
        task = asyncio.create_task(self._work(piece.given))
        self._running[piece.lane] = task
        self._begun[piece.lane] = self._since[piece.lane] = time.monotonic()
        self._sizes[piece.lane] = piece.size
        task.add_done_callback(lambda done: self._ended(piece.lane, done))

    def _ended(self, lane: Hashable, task: asyncio.Task[None]) -> None:
        del self._running[lane], self._begun[lane], self._since[lane], self._sizes[lane]
        # A client library can cancel what it was asked; the piece is not done then, and the next must not begin.
        failure = (
            CancelledWithin(f"the work of {lane} was cancelled, and not by us")
            if task.cancelled()
            else task.exception()
        )
        self._failure = self._failure or failure
        if self._failure is not None:
            self._waiting.clear()
        self._begin()

    async def idle(self) -> None:
        """Return when no piece runs, however the last ones ended. Those that wait are not begun any more."""
        self._waiting.clear()
        while self._running:
            await asyncio.wait(self._running.values())
            await asyncio.sleep(0)  # their callbacks come first

    def crowded(self) -> frozenset[Any] | None:
        """The lanes that should get nothing more until they have done some; None: all of them."""
        if sum(piece.size for piece in self._waiting) >= WAITING:
            return None
        now, found = time.monotonic(), set[Hashable]()
        count: dict[Hashable, int] = dict.fromkeys(self._running, 1)
        size = dict(self._sizes)
        for piece in self._waiting:
            count[piece.lane] = count.get(piece.lane, 0) + 1
            size[piece.lane] = size.get(piece.lane, 0) + piece.size
        for lane, pieces in count.items():
            slow = size[lane] >= LARGE or now - self._since.get(lane, now) > SLOW_SECONDS
            if pieces > 1 and slow:
                found.add(lane)
        return frozenset(found)

    def pressure(self) -> float:
        """0 where nothing runs, 1 where something does, ``HARD`` where it is large or takes long. From any thread."""
        now = time.monotonic()
        since, sizes = dict(self._since), dict(self._sizes)
        hard = any(now - begun > SLOW_SECONDS for begun in since.values()) or max(sizes.values(), default=0) >= LARGE
        return HARD if hard else float(bool(since))

    def touch(self, lane: Hashable) -> None:
        """The piece in ``lane`` has come a step further: for :meth:`oldest` it begins now."""
        if lane in self._begun:
            self._begun[lane] = time.monotonic()

    def oldest(self) -> float | None:
        """By the monotonic clock, the last step (or the beginning) of the piece whose step is longest ago; None if none
        runs."""
        return min(self._begun.values(), default=None)
