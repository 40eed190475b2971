"""Runs the services as child processes over the local stack, until a signal or until one of them ends.

What may be relied on:

- the services start together once Kafka and PostgreSQL answer, and all must answer their ready URL with 200;
- on SIGINT, SIGTERM or SIGHUP they are stopped in the order given, then Kafka and PostgreSQL, all of it within
  :data:`STOP_SECONDS`; what has not ended by its time is killed, which loses nothing (work is acknowledged only once
  it is stored);
- a service that ends by itself ends the whole: a system with a part missing looks alive and isn't;
- Kafka and PostgreSQL are started again if they ended because the disk was full, once there is room (revival.py); any
  other end of theirs ends the whole;
- what a service writes goes to ``logs/NAME.log`` of the home; its warnings also to our stderr, a line each (output.py);
- nothing outlives this process: the kernel ends the children with it.
"""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import httpx
import structlog

from services.local import ports
from services.local.failures import LocalFailure, first_error, of_system
from services.local.output import Output
from services.local.process import tie_to_parent
from services.local.stack import LocalStack
from services.runtime.ends import Cause
from services.runtime.settings import Settings

log = structlog.get_logger(__name__)

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STOP_SECONDS = 10.0
_SERVICES_SECONDS = 5.5
"""Of these, what the services have together; the rest is Kafka's and PostgreSQL's."""
_HEAD_START_SECONDS = 1.5
"""How long the next service waits with its own end for the one before it."""
BOUND_SECONDS = 60.0
"""How often the servers' logs are held to their size."""
WRONG_CALL = 2
"""The exit code of a service with a wrong setting."""


@dataclass(frozen=True, slots=True)
class Service:
    """A child process to run."""

    name: str
    argv: Sequence[str]
    ready_url: str
    """Answers 200 once the service is able to work."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to our own environment."""
    port: ports.Wanted | None = None
    """Where it will listen: tried before anything is started."""


class ServiceDied(LocalFailure):
    """A part of the system ended by itself."""

    def __init__(
        self,
        name: str,
        code: int | None,
        last_lines: str,
        *,
        cause: Cause | None = None,
        reason: str = "",
        log_file: Path | str = "",
    ) -> None:
        killed = signal.Signals(-code).name if code is not None and code < 0 else ""
        how = "" if code is None else f" by {killed}" if killed else f" with status {code}"
        text = f"{name} ended{how}"
        super().__init__(text, details=last_lines, part=name, how=killed or code, reason=reason, log=log_file)
        self.name, self.code = name, code
        self.end = cause or (Cause.KILLED if killed else Cause.SETTING if code == WRONG_CALL else Cause.FAILED)


class NotReady(LocalFailure):
    """A service runs but did not become ready in time."""

    end = Cause.NOT_READY


class _Interrupted(BaseException):
    """A signal asked us to end while we were starting; not an error, so no ``except Exception`` may stop it."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


@dataclass(slots=True)
class _Child:
    service: Service
    process: asyncio.subprocess.Process
    output: Output
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
    :class:`ServiceDied`, :class:`NotReady`, another :class:`LocalFailure` and what ``on_ready`` raises, each with
    everything stopped.
    """
    stack = LocalStack(settings)
    home = settings.home.expanduser().resolve()
    stopping: list[float] = []
    with _signals_interrupt():
        try:
            stack.take()
            ports.check([*_kafka_ports(settings), *(s.port for s in services if s.port is not None)], stack.leftovers())
            stack.start()
            env = {"SHIXIAN_KAFKA": stack.kafka, "SHIXIAN_POSTGRES": stack.postgres, "PYTHONUNBUFFERED": "1"}
            env["SHIXIAN_LOG"] = "json"  # for us; what is shown and kept has the form that was asked for
            if stack.embedded and not settings.disk_folder:
                env["SHIXIAN_DISK_FOLDER"] = str(home)
            outputs = {service.name: _output(settings, home, service) for service in services}
            return asyncio.run(_serve(stack, services, outputs, env, on_ready, ready_seconds, stopping))
        except _Interrupted as interrupted:
            return signal.Signals(interrupted.signum)
        finally:
            # From here on we only end: another signal can't make it faster, only leave it undone.
            for signum in ENDING:
                signal.signal(signum, signal.SIG_IGN)
            used = time.monotonic() - stopping[0] if stopping else 0.0
            stack.stop(max(2.0, STOP_SECONDS - used - 1.0))


def _kafka_ports(settings: Settings) -> list[ports.Wanted]:
    if settings.kafka or not settings.kafka_port:
        return []
    return [ports.Wanted(settings.kafka_port + n, "SHIXIAN_KAFKA_PORT") for n in (0, 1)]


def _output(settings: Settings, home: Path, service: Service) -> Output:
    terminal = sys.stderr.isatty()
    try:
        return Output(
            service.name,
            home / "logs" / f"{service.name}.log",
            level=settings.log_level,
            console_json=settings.log == "json" or (settings.log == "auto" and not terminal),
            file_json=settings.log != "console",
            all_lines=settings.log_level in ("debug", "info"),
        )
    except OSError as error:
        raise of_system(error, home) from error


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
    outputs: Mapping[str, Output],
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
        for service in reversed(services):  # what is stopped first asks the others, and is started last
            children.insert(0, await _spawn(service, outputs[service.name], env))
        work = asyncio.create_task(_become_ready(children, on_ready, ready_seconds))
        watch = asyncio.create_task(_first_death(stack, children))
        try:
            waiting: set[asyncio.Future[object]] = {signalled, work, watch}  # type: ignore[arg-type]
            while not signalled.done():
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                # A death explains a failure that it causes elsewhere, so it is reported first.
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
        for child in children:
            child.output.quiet()
        await _stop(children)


async def _spawn(service: Service, output: Output, env: Mapping[str, str]) -> _Child:
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
    forwarding = asyncio.create_task(_forward(process.stdout, output))
    log.debug("service_started", name=service.name, pid=process.pid)
    return _Child(service, process, output, forwarding, asyncio.create_task(process.wait()))


async def _forward(source: asyncio.StreamReader, output: Output) -> None:
    """Give a child's output on by whole lines."""
    rest = b""
    while chunk := await source.read(65536):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            output.line(line.decode(errors="replace"))
        sys.stderr.flush()
    if rest:
        output.line(rest.decode(errors="replace"))
    output.close()


async def _become_ready(
    children: Sequence[_Child], on_ready: Callable[[], Awaitable[None]] | None, seconds: float
) -> None:
    # trust_env off: a proxy of the office network has no business between us and our own children.
    # Nor does it matter whose certificate a child shows on this machine: nothing secret is sent to it.
    async with httpx.AsyncClient(trust_env=False, timeout=5.0, verify=False) as client:
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
                    raise NotReady(
                        f"{child.service.name} was not ready in {seconds:.0f} s: {url}: {answer}",
                        part=child.service.name,
                        seconds=f"{seconds:.0f}",
                        url=url,
                        reason=answer,
                        log=child.output.path or "",
                    )
                await asyncio.sleep(0.05)
    if on_ready is not None:
        await on_ready()


async def _first_death(stack: LocalStack, children: Sequence[_Child]) -> None:
    """Ends only by raising :class:`ServiceDied`."""
    revivals = stack.revivals()
    bounded = time.monotonic()
    while True:
        for child in children:
            if child.ended.done():
                await asyncio.wait([child.forwarding], timeout=1.0)
                output = child.output
                lines = "\n".join(output.tail)
                reason = output.reason or (output.tail[-1] if output.tail else "")
                raise ServiceDied(
                    child.service.name,
                    child.ended.result(),
                    lines,
                    cause=output.cause,
                    reason=reason,
                    log_file=output.path or "",
                )
        for revival in revivals:
            if not await revival.step() and (died := stack.died(revival.name)) is not None:
                name, code, lines, file = died
                raise ServiceDied(name, code, lines, reason=first_error(lines), log_file=file)
        if time.monotonic() - bounded > BOUND_SECONDS:
            bounded = time.monotonic()
            stack.bound_logs()
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
