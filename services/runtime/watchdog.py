"""Ends a process that no longer works, so that whoever runs it can start it again.

It runs in a thread of its own: a loop that a call blocks can't watch itself. Ending hard is safe because a batch is
acknowledged only after its effects are stored.
"""

import asyncio
import io
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable

import structlog

EXIT_FAILED = 70
STALL_SECONDS = 120.0
TICK_SECONDS = 1.0

log = structlog.get_logger(__name__)


def stacks(loop: asyncio.AbstractEventLoop) -> str:
    """Where every task of ``loop`` and every thread of the process stands."""
    out = io.StringIO()
    for task in asyncio.all_tasks(loop):
        out.write(f"Task {task.get_name()}:\n{''.join(traceback.format_list(_suspended_at(task.get_coro())))}")
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for ident, frame in sys._current_frames().items():
        out.write(f"Thread {names.get(ident, ident)}:\n{''.join(traceback.format_stack(frame))}")
    return out.getvalue()


def _suspended_at(waiting: object) -> traceback.StackSummary:
    """The frames from a task's outermost coroutine to the one that waits; Task.get_stack() knows the first only."""
    frames = []
    while waiting is not None:
        kind = next((k for k in ("cr", "ag", "gi") if hasattr(waiting, f"{k}_frame")), None)
        if kind is None or (frame := getattr(waiting, f"{kind}_frame")) is None:
            break
        frames.append((frame, frame.f_lineno))
        waiting = getattr(waiting, "gi_yieldfrom" if kind == "gi" else f"{kind}_await")
    return traceback.StackSummary.extract(iter(frames))


def end_process(event: str, code: int = EXIT_FAILED, **facts: object) -> None:
    """Log ``event`` and end the process at once; also if the log's own lock or pipe is stuck."""
    last = threading.Timer(1.0, os._exit, (code,))
    last.daemon = True
    last.start()
    log.critical(event, exit_code=code, **facts)
    sys.stderr.flush()
    os._exit(code)


def deadline(seconds: float, event: str) -> threading.Timer:
    """End the process hard if it still runs in ``seconds``; the caller may ``cancel()`` the timer returned."""
    loop = asyncio.get_running_loop()
    timer = threading.Timer(seconds, lambda: end_process(event, seconds=seconds, stacks=stacks(loop)))
    timer.daemon = True
    timer.start()
    return timer


class Stall:
    """Decides how long there has been work but no progress, with no reason given for waiting."""

    def __init__(self, now: float) -> None:
        self._since = now

    def seconds(self, now: float, *, lag: int, waiting: bool, progressed_at: float) -> float:
        """Seconds without progress; waiting for a stated reason, and having nothing to do, start the count anew."""
        if lag <= 0 or waiting:
            self._since = now
        self._since = max(self._since, progressed_at)
        return now - self._since


class Watchdog:
    """Ends the process when a worker stalls, or the event loop is blocked, for ``limit`` seconds."""

    def __init__(
        self,
        lag: Callable[[], int],
        waiting: Callable[[], bool],
        progressed_at: Callable[[], float],
        limit: float = STALL_SECONDS,
        end: Callable[..., None] = end_process,
    ) -> None:
        self._lag, self._waiting, self._progressed_at = lag, waiting, progressed_at
        self._limit = limit
        self._end = end
        self.stalled_seconds = 0.0
        """How long there has been work but no progress."""
        self._lag_seen = 0
        self._waiting_seen = False
        self._beat = time.monotonic()
        self._over = threading.Event()

    async def run(self) -> None:
        """Keep the thread running, and show it that the loop turns, until cancelled."""
        loop = asyncio.get_running_loop()
        thread = threading.Thread(target=self._watch, args=(loop,), name="watchdog", daemon=True)
        self._beat = time.monotonic()
        thread.start()
        try:
            while True:
                self._lag_seen, self._waiting_seen = self._lag(), self._waiting()
                self._beat = time.monotonic()
                await asyncio.sleep(TICK_SECONDS)
        finally:
            self._over.set()

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        stall = Stall(time.monotonic())
        while not self._over.wait(TICK_SECONDS):
            now = time.monotonic()
            stalled = stall.seconds(
                now, lag=self._lag_seen, waiting=self._waiting_seen, progressed_at=self._progressed_at()
            )
            self.stalled_seconds = stalled
            if now - self._beat > self._limit:
                self._end("event_loop_blocked", seconds=round(now - self._beat), stacks=stacks(loop))
                return
            if stalled > self._limit:
                self._end("worker_stalled", seconds=round(stalled), lag=self._lag_seen, stacks=stacks(loop))
                return
