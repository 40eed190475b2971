"""Runs the services as child processes over the local stack, until a signal or until one of them ends.

What may be relied on:

- the services start together once Kafka and PostgreSQL answer, and all must answer their ready URL with 200;
- on SIGINT, SIGTERM or SIGHUP they are stopped in the order given, then Kafka and PostgreSQL, all of it within
  :data:`STOP_SECONDS`; what has not ended by its time is killed, which loses nothing (work is acknowledged only once
  it is stored);
- a service that ends by itself ends the whole: a system with a part missing looks alive and isn't;
- nothing outlives this process: the kernel ends the children with it.
"""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType

import httpx
import structlog

from services.runtime.local.process import tie_to_parent
from services.runtime.local.stack import LocalStack
from services.runtime.settings import Settings

log = structlog.get_logger(__name__)

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STOP_SECONDS = 10.0
_SERVICES_SECONDS = 5.5
"""Of these, what the services have together; the rest is Kafka's and PostgreSQL's."""
_HEAD_START_SECONDS = 1.5
"""How long the next service waits with its own end for the one before it."""
_TAIL_LINES = 20


@dataclass(frozen=True, slots=True)
class Service:
    """A child process to run."""

    name: str
    argv: Sequence[str]
    ready_url: str
    """Answers 200 once the service is able to work."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to our own environment."""


class ServiceDied(RuntimeError):
    """A part of the system ended by itself."""

    def __init__(self, name: str, code: int | None, last_lines: str) -> None:
        how = "" if code is None else f" with status {code}" if code >= 0 else f" by {signal.Signals(-code).name}"
        super().__init__(f"{name} ended{how}" + (f"\n{last_lines}" if last_lines else ""))
        self.name, self.code = name, code


class NotReady(RuntimeError):
    """A service runs but did not become ready in time."""


class _Interrupted(BaseException):
    """A signal asked us to end while we were starting; not an error, so no ``except Exception`` may stop it."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


@dataclass(slots=True)
class _Child:
    service: Service
    process: asyncio.subprocess.Process
    tail: deque[str]
    forwarding: asyncio.Task[None]
    ended: asyncio.Task[int]


def run_up(
    settings: Settings,
    services: Sequence[Service],
    on_ready: Callable[[], Awaitable[None]] | None = None,
    *,
    ready_seconds: float = 60.0,
) -> signal.Signals:
    """Start the stack and ``services``, await ``on_ready`` once all are ready, serve until a signal; give that back.

    Children get ``SHIXIAN_KAFKA`` and ``SHIXIAN_POSTGRES``; ``on_ready`` is cancelled by a signal. Call
    it from the main thread. Raises
    :class:`ServiceDied`, :class:`NotReady`, what :meth:`LocalStack.start` raises and what ``on_ready`` raises, each
    with everything stopped.
    """
    stack = LocalStack(settings)
    stopping: list[float] = []
    with _signals_interrupt():
        try:
            stack.start()
            env = {"SHIXIAN_KAFKA": stack.kafka, "SHIXIAN_POSTGRES": stack.postgres, "PYTHONUNBUFFERED": "1"}
            if settings.log == "auto":  # they write to a pipe and can't see our terminal
                env["SHIXIAN_LOG"] = "console" if sys.stderr.isatty() else "json"
            return asyncio.run(_serve(stack, services, env, on_ready, ready_seconds, stopping))
        except _Interrupted as interrupted:
            return signal.Signals(interrupted.signum)
        finally:
            # From here on we only end: another signal can't make it faster, only leave it undone.
            for signum in ENDING:
                signal.signal(signum, signal.SIG_IGN)
            used = time.monotonic() - stopping[0] if stopping else 0.0
            stack.stop(max(2.0, STOP_SECONDS - used - 1.0))


@contextlib.contextmanager
def _signals_interrupt() -> Iterator[None]:
    def interrupt(signum: int, _frame: FrameType | None) -> None:
        raise _Interrupted(signum)

    before = {signum: signal.signal(signum, interrupt) for signum in ENDING}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


async def _serve(
    stack: LocalStack,
    services: Sequence[Service],
    env: Mapping[str, str],
    on_ready: Callable[[], Awaitable[None]] | None,
    ready_seconds: float,
    stopping: list[float],
) -> signal.Signals:
    loop = asyncio.get_running_loop()
    signalled: asyncio.Future[signal.Signals] = loop.create_future()

    def on_signal(signum: signal.Signals) -> None:
        if not signalled.done():
            signalled.set_result(signum)

    for signum in ENDING:
        loop.add_signal_handler(signum, on_signal, signum)
    children: list[_Child] = []
    work: asyncio.Task[None] | None = None
    try:
        for service in services:
            children.append(await _spawn(service, env))
        work = asyncio.create_task(_become_ready(children, on_ready, ready_seconds))
        watch = asyncio.create_task(_first_death(stack, children))
        try:
            waiting: set[asyncio.Future[object]] = {signalled, work, watch}  # type: ignore[arg-type]
            while not signalled.done():
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                # A death explains a failure that it causes elsewhere, so it is told first.
                for task in (watch, work):
                    if task in done:
                        task.result()
            return signalled.result()
        finally:
            watch.cancel()
    finally:
        stopping.append(time.monotonic())
        if work is not None:
            work.cancel()
            await asyncio.wait([work], timeout=0.5)
        await _stop(children)


async def _spawn(service: Service, env: Mapping[str, str]) -> _Child:
    process = await asyncio.create_subprocess_exec(
        *service.argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **env, **service.env},
        # A session of its own: Ctrl-C on the terminal reaches us alone, and the order of ending is ours.
        start_new_session=True,
        preexec_fn=tie_to_parent(signal.SIGKILL),
    )
    assert process.stdout is not None
    tail: deque[str] = deque(maxlen=_TAIL_LINES)
    forwarding = asyncio.create_task(_forward(process.stdout, tail))
    log.debug("service_started", name=service.name, pid=process.pid)
    return _Child(service, process, tail, forwarding, asyncio.create_task(process.wait()))


async def _forward(source: asyncio.StreamReader, tail: deque[str]) -> None:
    """Pass a child's output on to our stderr by whole lines, and remember the last ones."""
    rest = b""
    while chunk := await source.read(65536):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            text = line.decode(errors="replace")
            tail.append(text)
            sys.stderr.write(text + "\n")
        sys.stderr.flush()
    if rest:
        tail.append(rest.decode(errors="replace"))
        sys.stderr.write(tail[-1] + "\n")


async def _become_ready(
    children: Sequence[_Child], on_ready: Callable[[], Awaitable[None]] | None, seconds: float
) -> None:
    # trust_env off: a proxy of the office network has no business between us and our own children.
    async with httpx.AsyncClient(trust_env=False, timeout=5.0) as client:
        limit = time.monotonic() + seconds
        for child in children:
            answer = "no answer"
            while True:
                with contextlib.suppress(httpx.TransportError):
                    response = await client.get(child.service.ready_url)
                    if response.status_code == 200:
                        break
                    answer = f"{response.status_code} {response.text[:200]}"
                if time.monotonic() > limit:
                    url = child.service.ready_url
                    raise NotReady(f"{child.service.name} was not ready in {seconds:.0f} s: {url}: {answer}")
                await asyncio.sleep(0.05)
    if on_ready is not None:
        await on_ready()


async def _first_death(stack: LocalStack, children: Sequence[_Child]) -> None:
    """Ends only by raising :class:`ServiceDied`."""
    while True:
        for child in children:
            if child.ended.done():
                await asyncio.wait([child.forwarding], timeout=1.0)
                raise ServiceDied(child.service.name, child.ended.result(), "\n".join(child.tail))
        if (died := stack.died()) is not None:
            raise ServiceDied(*died)
        await asyncio.sleep(0.1)


async def _stop(children: Sequence[_Child]) -> None:
    """SIGTERM in order, each with a head start on the next; SIGKILL to what is left when the time is up."""
    began = time.monotonic()
    for child in children:
        if not child.ended.done():
            log.debug("service_stopping", name=child.service.name)
            child.process.terminate()
            await asyncio.wait([child.ended], timeout=_HEAD_START_SECONDS)
    running = [child for child in children if not child.ended.done()]
    if running:
        left = _SERVICES_SECONDS - (time.monotonic() - began)
        await asyncio.wait([child.ended for child in running], timeout=max(0.0, left))
    for child in children:
        if not child.ended.done():
            log.warning("service_killed", name=child.service.name)
            os.killpg(child.process.pid, signal.SIGKILL)
    if children:
        await asyncio.wait([task for child in children for task in (child.ended, child.forwarding)], timeout=1.0)
    log.debug("services_stopped", seconds=round(time.monotonic() - began, 2))
