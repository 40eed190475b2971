"""Partitions worked on by several processes at once: Python computes in one processor, a large log is worth all."""

import asyncio
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import Any, TypeVar

import structlog

from services.runtime import collector
from services.runtime.failed import Failed, reason_of

log = structlog.get_logger(__name__)

T = TypeVar("T")

WORTH_RECORDS = 100_000
"""From how many records on more processes are worth their start, of about a second of the processor each."""
MOST = 8


def how_many(records: int, partitions: int) -> int:
    """How many processes so much work is for; 1: this one alone."""
    return 1 if records < WORTH_RECORDS else max(1, min(os.cpu_count() or 1, partitions, MOST))


async def each(
    work: Callable[..., Coroutine[Any, Any, T]], shares: Sequence[tuple[Any, ...]], processes: int
) -> AsyncIterator[tuple[int, T]]:
    """What ``work`` returns for each of ``shares``, its arguments, with the share's place, as they come.

    ``work`` is a function of a module, and what goes to it and comes back can be pickled. Raises :class:`Failed` with
    what the first that failed says; whatever ends this ends the processes.
    """
    pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), _begin)
    loop = asyncio.get_running_loop()
    before = {child.pid for child in multiprocessing.active_children()}
    running = {loop.run_in_executor(pool, _one, work, share): place for place, share in enumerate(shares)}
    try:
        while running:
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for future in done:
                result = await future
                if isinstance(result, _Failure):
                    if result.trace:
                        log.error("process_failed", reason=result.text, exception=result.trace)
                    raise Failed(result.text)
                yield running.pop(future), result
    except BrokenProcessPool:
        raise Failed("a process that folded partitions was ended; is there enough memory?") from None
    finally:
        for future in running:
            future.cancel()
        pool.shutdown(wait=False, cancel_futures=True)
        if running:
            for child in multiprocessing.active_children():
                if child.pid not in before:
                    child.terminate()


def _begin() -> None:
    """In each process: Ctrl-C is the first one's to hear, and without it there is nothing to do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    collector.settled()
    first = multiprocessing.parent_process()
    assert first is not None

    def follow() -> None:
        wait([first.sentinel])
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


@dataclass(frozen=True)
class _Failure:
    text: str
    trace: str = ""
    """Where it was, of a fault that nobody foresaw."""


def _one(work: Callable[..., Coroutine[Any, Any, T]], share: tuple[Any, ...]) -> T | _Failure:
    """What it returns; or what it failed with, in words: not every exception can be sent on."""
    try:
        return asyncio.run(work(*share))
    except Failed as error:
        return _Failure(str(error))
    except Exception as error:  # noqa: BLE001 - raised again by whoever waits for it
        return _Failure(reason_of(error), traceback.format_exc())
