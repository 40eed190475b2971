"""Repeating a call in place while what it needs is away.

A worker that gives up a batch would lose its place in the log's order, so a transient error is waited out where it
happened: the same call, the same arguments, a growing pause. Everything else is raised at once.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, ParamSpec, TypeVar

import asyncpg
import structlog
from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError

from services.runtime.failed import reason_of
from services.runtime.health import Part
from services.runtime.silence import Silence

P = ParamSpec("P")
R = TypeVar("R")

FIRST_SECONDS = 0.1
CAP_SECONDS = 10.0

log = structlog.get_logger(__name__)

_silence = Silence()
"""One for the process: when a server is away, all callers find out, and one line is enough."""

# Serialization failure, deadlock, shutdowns and start-up, read-only after a failover, an I/O error, which a full disk
# can look like; and all of class 53, too few resources: disk full, out of memory, too many connections.
_TRANSIENT_SQLSTATES = ("40001", "40P01", "57P01", "57P02", "57P03", "25006", "58030")
_TRANSIENT_CLASSES = ("08", "53")
_UNDER_WAY = "another operation"
"""No connection of ours is used by two tasks at once: where asyncpg says this, the server broke it off."""


class LogUnavailable(Exception):
    """The log (Kafka) could not be reached, or did not acknowledge, within the time given."""


class CancelledWithin(Exception):
    """What was awaited had been cancelled by the library that it belongs to, and not the task that awaits it."""


class Interrupted(Exception):
    """The service stops; the call that was being repeated has had no effect."""


async def uncancelled(work: Awaitable[R]) -> R:
    """Await ``work``; a cancellation that nobody asked for is an error and does not end the task without a word.

    A client whose connection breaks at the wrong moment cancels what it waits for itself, and lets that out: a task
    that passed it on would count as cancelled, and a task group takes no notice of such an end. Raises
    :class:`CancelledWithin`.
    """
    try:
        return await work
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise CancelledWithin("what was awaited had been cancelled by its own library") from error


def is_transient(error: BaseException) -> bool:
    """Whether repeating the same call later can help: a network or database outage, a deadlock, a busy server."""
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return state.startswith(_TRANSIENT_CLASSES) or state in _TRANSIENT_SQLSTATES
    if isinstance(error, asyncpg.InterfaceError):
        # asyncpg has one class for a connection that is gone and for wrong use; only the text distinguishes them. That
        # of a broken connection is also that its last operation is still under way when it is given back to the pool.
        return any(sign in str(error) for sign in ("closed", "closing", _UNDER_WAY))
    if isinstance(error, asyncpg.InternalClientError):
        # The server said goodbye on a connection that was idle, and asyncpg has read it, but not yet the end behind it.
        return _UNDER_WAY in str(error)
    return isinstance(error, OSError | LogUnavailable | CancelledWithin | KafkaConnectionError | KafkaTimeoutError)


def report_to(part: Part) -> Callable[[Exception | None], None]:
    """An ``on_retry`` that sets ``part``: waiting, and why, while a call is repeated; ok when it went through."""

    def report(error: Exception | None) -> None:
        if error is None:
            part.ok()
        else:
            part.waiting(reason_of(error))

    return report


def retry_in_place(
    call: Callable[P, Awaitable[R]],
    is_transient: Callable[[BaseException], bool] = is_transient,
    on_retry: Callable[[Exception | None], None] | None = None,
    *,
    stopping: asyncio.Event | None = None,
    first_seconds: float = FIRST_SECONDS,
    cap_seconds: float = CAP_SECONDS,
) -> Callable[P, Coroutine[Any, Any, R]]:
    """Wrap ``call`` so that it is repeated until it succeeds or fails with an error that is not transient.

    The pause doubles from ``first_seconds`` to ``cap_seconds``, each shortened at random by up to half so that many
    workers do not come back at once. ``on_retry`` gets each transient error, and None when the call succeeds after one.
    Raises what ``call`` raises if not transient; :class:`Interrupted` if ``stopping`` is set while it waits.
    """
    stop = stopping or asyncio.Event()

    async def repeated(*args: P.args, **kwargs: P.kwargs) -> R:
        attempt = 0
        reasons: dict[str, None] = {}  # a set that keeps the order
        while True:
            try:
                result = await uncancelled(call(*args, **kwargs))
            except Exception as error:
                if not is_transient(error):
                    raise
                attempt += 1
                if on_retry is not None:
                    on_retry(error)
                pause = min(cap_seconds, first_seconds * 2 ** min(attempt - 1, 30)) * random.uniform(0.5, 1.0)
                reason = reason_of(error)
                if (held := _silence.says(reason)) is not None:
                    more = {"held_back": held} if held else {}
                    log.warning("waiting_to_retry", attempt=attempt, seconds=round(pause, 2), reason=reason, **more)
                reasons.pop(reason, None)
                reasons[reason] = None
                if await _stopped(stop, pause):
                    raise Interrupted(reason_of(error)) from error
            else:
                if attempt and on_retry is not None:
                    on_retry(None)
                if reasons:
                    _say_back(list(reasons))
                return result

    return repeated


def _say_back(reasons: Sequence[str]) -> None:
    """Say that what a call waited for is back, once where many calls did; ``reasons`` in their order."""
    lasted = [seconds for reason in reasons if (seconds := _silence.over(reason)) is not None]
    if lasted:
        log.warning("went_through_after_retries", seconds=round(max(lasted), 1), last_reason=reasons[-1])


async def _stopped(stop: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return False
    return True
