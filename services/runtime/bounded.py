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
import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")

SPAN_SECONDS = 5.0
"""Of processor time, for all records of one transaction. A batch of 2,000 ordinary ones takes about 0.2 s, so this is
some 25 times that on a machine as fast as ours, and still eight times on one a third as fast; and it is far below the
120 s after which the watchdog ends a process that makes no progress."""
TICK_SECONDS = 0.05
_INTERRUPT = SystemExit
"""Raised into the thread. Code that catches ``Exception`` lets it through, and a thread ends on it in silence."""

alive: contextvars.ContextVar[Callable[[], None]] = contextvars.ContextVar("alive", default=lambda: None)
"""Called while work goes on within its budget, or has come a step further: it is slow, but not stuck."""


class TookTooLong(Exception):
    """The work used up its processor time, ``seconds``, and was interrupted; it had no effect."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"took longer than {seconds:g} s of processor time to decide")
        self.seconds = seconds


class _Thread(threading.Thread, Generic[T]):
    def __init__(self, work: Callable[[], T], finished: Callable[[], None]) -> None:
        super().__init__(name="computing", daemon=True)  # a process that must end does not wait for it
        self._work, self._finished = work, finished
        self._context = contextvars.copy_context()
        self._clock: int | None = None
        self.result: list[T] = []
        self.error: Exception | None = None

    def run(self) -> None:
        if hasattr(time, "pthread_getcpuclockid"):  # not on macOS, where the time on the wall has to do
            self._clock = time.pthread_getcpuclockid(threading.get_ident())
        try:
            self.result.append(self._context.run(self._work))
        except Exception as error:  # noqa: BLE001 - handed to the task that waits for it
            self.error = error
        except _INTERRUPT:
            return
        self._finished()

    def seconds(self, began: float) -> float:
        """Processor time used so far."""
        if self._clock is None:
            return 0.0 if hasattr(time, "pthread_getcpuclockid") else time.monotonic() - began
        try:
            return time.clock_gettime(self._clock)
        except OSError:  # the thread has ended by itself
            return 0.0

    def interrupt(self) -> None:
        """Raise into the thread; again and again until it has ended, since what it runs may swallow one."""
        if self.ident is not None and self.is_alive():
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self.ident), ctypes.py_object(_INTERRUPT))


async def run(work: Callable[[], T], seconds: float | None = None) -> T:
    """What ``work`` returns, done in a thread of its own. Raises what it raises.

    Raises :class:`TookTooLong` when it has used ``seconds`` of processor time (``SPAN_SECONDS`` where left out).
    """
    limit = SPAN_SECONDS if seconds is None else seconds
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def finished() -> None:
        with suppress(RuntimeError):  # the loop was closed: nobody waits any more
            loop.call_soon_threadsafe(ended.set)

    thread = _Thread(work, finished)
    began = time.monotonic()
    thread.start()
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
        if not thread.result and thread.error is None:  # nobody waits for it any more
            thread.interrupt()
    if thread.result:
        return thread.result[0]
    if thread.error is not None:
        raise thread.error
    raise TookTooLong(limit)
