"""Pure work beside the event loop, and never for longer than its budget.

Deciding and folding have no I/O, so a thread can do them while the loop answers health checks and keeps its place in
the consumer group. What takes too long is interrupted there, within one bytecode: a loop in a decision that never ends
must cost its record, not the process.

The budget is processor time of that one thread. A machine that is busy, or was frozen for a minute, makes no work look
slow. What no Python exception can interrupt (a C function that never returns) is left to the watchdog, and to
:mod:`services.runtime.attempts` after it.
"""

import asyncio
import contextvars
import ctypes
import errno
import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

T = TypeVar("T")

SPAN_SECONDS = 5.0
"""Of processor time, for all records of one transaction. A batch of 2,000 ordinary ones takes about 0.2 s, so this is
some 25 times that on a machine as fast as ours, and still eight times on one a third as fast; and it is far below the
120 s after which the watchdog ends a process that makes no progress."""
TICK_SECONDS = 0.05
MOST_IDLE = 4
"""Threads that are kept to do the next piece."""
_INTERRUPT = SystemExit
"""Raised into the thread. Code that catches ``Exception`` lets it through, and a thread ends on it in silence."""

alive: contextvars.ContextVar[Callable[[], None]] = contextvars.ContextVar("alive", default=lambda: None)
"""Called while work goes on within its budget, or has come a step further: it is slow, but not stuck."""


class TookTooLong(Exception):
    """The work used up its processor time, ``seconds``, and was interrupted; it had no effect."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"took longer than {seconds:g} s of processor time to decide")
        self.seconds = seconds


class _Piece(Generic[T]):
    """Work that a thread was given, and what became of it."""

    def __init__(self, work: Callable[[], T], finished: Callable[[], None]) -> None:
        self._work, self._finished = work, finished
        self._context = contextvars.copy_context()
        self.result: list[T] = []
        self.error: Exception | None = None

    def do(self) -> None:
        try:
            self.result.append(self._context.run(self._work))
        except Exception as error:  # noqa: BLE001 - handed to the task that waits for it
            self.error = error
        self._finished()

    @property
    def done(self) -> bool:
        return bool(self.result) or self.error is not None


class _Thread(threading.Thread):
    """Does one piece after the other: a thread that waits costs nothing, a new one as much as deciding a fact."""

    def __init__(self) -> None:
        super().__init__(name="computing", daemon=True)  # a process that must end does not wait for it
        self._given: SimpleQueue[_Piece[Any] | None] = SimpleQueue()
        self._clock: int | None = None
        self._used = 0.0
        """Processor time that it had used when its piece began."""

    def run(self) -> None:
        if hasattr(time, "pthread_getcpuclockid"):  # not on macOS, where the time on the wall has to do
            self._clock = time.pthread_getcpuclockid(threading.get_ident())
        # An interruption ends it, in silence: whoever raised it gives it no other piece.
        with suppress(_INTERRUPT):
            while (piece := self._given.get()) is not None:
                piece.do()
                del piece  # what it holds may be large, and the next may be long in coming

    def give(self, piece: _Piece[Any]) -> None:
        """Have it do this next; it waits."""
        self._used = 0.0 if self._clock is None else time.clock_gettime(self._clock)
        self._given.put(piece)

    def end(self) -> None:
        """Have it end when what it does is done."""
        self._given.put(None)

    def seconds(self, began: float) -> float:
        """Processor time used for its piece so far."""
        if self._clock is None:
            return 0.0 if hasattr(time, "pthread_getcpuclockid") else time.monotonic() - began
        try:
            return time.clock_gettime(self._clock) - self._used
        except OSError:  # the thread has ended by itself
            return 0.0

    def interrupt(self) -> None:
        """Raise into the thread; again and again until it has ended, since what it runs may swallow one."""
        if self.ident is not None and self.is_alive():
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self.ident), ctypes.py_object(_INTERRUPT))


_idle: list[_Thread] = []
"""Those that wait for a piece."""


def _thread() -> _Thread:
    while _idle:
        if (thread := _idle.pop()).is_alive():
            return thread
    thread = _Thread()
    try:
        thread.start()
    except RuntimeError as error:  # the machine has no thread to give now, and may have one soon
        raise OSError(errno.EAGAIN, str(error)) from error
    return thread


async def run(work: Callable[[], T], seconds: float | None = None) -> T:
    """What ``work`` returns, done beside the loop. Raises what it raises, and ``OSError`` where no thread can be had.

    Raises :class:`TookTooLong` when it has used ``seconds`` of processor time (``SPAN_SECONDS`` where left out).
    """
    limit = SPAN_SECONDS if seconds is None else seconds
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def finished() -> None:
        with suppress(RuntimeError):  # the loop was closed: nobody waits any more
            loop.call_soon_threadsafe(ended.set)

    piece, thread = _Piece(work, finished), _thread()
    began = time.monotonic()
    thread.give(piece)
    slow = False
    try:
        while not ended.is_set() and thread.is_alive():
            with suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), TICK_SECONDS)
                break
            if slow or thread.seconds(began) > limit:
                slow = True
                thread.interrupt()
            elif math.isfinite(limit):
                alive.get()()
    finally:
        if slow or not piece.done:  # interrupted, or nobody waits for it any more
            thread.interrupt()
            thread.end()
        elif len(_idle) < MOST_IDLE:
            _idle.append(thread)
        else:
            thread.end()
    if piece.result:
        return piece.result[0]
    if piece.error is not None:
        raise piece.error
    raise TookTooLong(limit)
