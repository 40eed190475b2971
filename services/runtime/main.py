"""The shell of a service process: its HTTP server, its worker and its tasks in one event loop.

The order of a life: signals, the service's own parts (``build``), HTTP, ``prepare``, worker and tasks. HTTP comes
early so that a service that waits for its database can say so. The end comes by SIGTERM or SIGINT (exit code 0), or
because one of these ended by itself (70), and takes the parts down in the other direction: HTTP takes no more
requests and finishes those it has, the worker finishes its batch, the tasks are cancelled, ``build`` closes what it
opened. A thread sees to it that this takes no longer than the setting allows.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, NoReturn

import structlog
import uvicorn

from services.runtime import addresses, collector, logs, tracing
from services.runtime.connections import Connection
from services.runtime.disk import room_of, watched
from services.runtime.ends import cause_of
from services.runtime.health import Health
from services.runtime.retry import uncancelled
from services.runtime.settings import SettingError, Settings
from services.runtime.settings import load as load_settings
from services.runtime.settings import unknown as unknown_settings
from services.runtime.watchdog import EXIT_FAILED, STALL_SECONDS, Watchdog, deadline, end_process
from services.runtime.worker import BatchWorker

LOOK_SECONDS = 3.0
SWITCH_SECONDS = 0.001
"""How soon a computing thread lets the loop have a turn; Python's own 0.005 would be added to every step of a
request, several times over."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Parts:
    """What a service is made of."""

    asgi: Any
    """The ASGI application."""
    port: int
    """The TCP port to listen on, 0 for any free one."""
    worker: BatchWorker | None = None
    tasks: Mapping[str, Callable[[], Coroutine[Any, Any, None]]] = field(default_factory=dict)
    """What runs beside the worker, by name. One may end; one that raises ends the process."""
    prepare: Callable[[], Awaitable[None]] | None = None
    """Awaited before worker and tasks start, while HTTP already answers: schema, topics. It may wait."""
    stall_seconds: float = STALL_SECONDS
    """How long the worker may stand still with work before it and no reason stated."""


Build = Callable[[Settings, Health], AbstractAsyncContextManager[Parts]]


class PartEnded(RuntimeError):
    """A part that should run for as long as the process does came to its end."""


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to us."""
        yield

    async def on_tick(self, counter: int) -> bool:
        """uvicorn's clock, ten times a second: once a second, see to the connections' limits."""
        if counter % 10 == 0:
            now = time.monotonic()
            for connection in list(self.server_state.connections):
                if isinstance(connection, Connection):
                    connection.look(now)
        return await super().on_tick(counter)


def use_uvloop() -> None:
    """Make uvloop the loop of this process, its threads' included, where it exists."""
    if sys.platform != "win32":
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())


def run_service(name: str, build: Build, settings: Settings | None = None) -> NoReturn:
    """Run the service ``name`` until a signal or a failure; ends the process with 0 or 70, or 2 for a wrong setting."""
    try:
        settings = settings or load_settings()
        settings.require_safe()
    except SettingError as error:
        sys.stderr.write(f"shixian {name}: {error}\n")
        sys.exit(2)
    logs.configure(settings, name)
    if names := unknown_settings():
        log.warning("settings_unknown", names=names)
    tracing.configure(settings, name)
    use_uvloop()
    sys.exit(asyncio.run(serve(name, build, settings)))


async def serve(name: str, build: Build, settings: Settings) -> int:
    """Run through the stages that the module's text describes; returns the exit code."""
    stop = asyncio.Event()
    building = asyncio.Event()
    me = asyncio.current_task()
    assert me is not None
    timers: list[threading.Timer] = []

    def on_signal(number: int) -> None:
        if stop.is_set():
            end_process("second_signal", signal=signal.Signals(number).name)
        log.info("stopping", signal=signal.Signals(number).name)
        timers.append(deadline(settings.shutdown_seconds, "shutdown_deadline"))
        stop.set()
        if building.is_set():
            me.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    health = Health()
    try:
        building.set()
        async with watched(room_of(settings, health)), build(settings, health) as parts:
            building.clear()
            if not stop.is_set():
                await _live(name, parts, settings, health, stop, timers)
    except asyncio.CancelledError:
        if not stop.is_set():
            raise
    except Exception as error:
        log.critical("service_failed", cause=cause_of(error), reason=str(error), exc_info=error)
        if not timers:
            deadline(settings.shutdown_seconds, "shutdown_deadline")
        return EXIT_FAILED
    log.info("stopped")
    return 0


async def _live(
    name: str, parts: Parts, settings: Settings, health: Health, stop: asyncio.Event, timers: list[threading.Timer]
) -> None:
    """Start, watch, and take down the parts; raises what ended one of them."""
    sock = _listen(settings.host, parts.port)
    grace = max(1, int(settings.shutdown_seconds / 3))
    server = _server(parts.asgi, grace, settings)
    running = {asyncio.create_task(_http(server, sock), name="http"): True}
    running[asyncio.create_task(_work(parts, stop), name="work")] = False
    log.info("started", service=name, pid=os.getpid(), address=f"http://{addresses.host_port(*sock.getsockname()[:2])}")
    try:
        await _until_one_fails(running, stop)
    finally:
        if not timers:
            timers.append(deadline(settings.shutdown_seconds, "shutdown_deadline"))
        health.stopping = True
        stop.set()
        server.should_exit = True
        http, work = running
        await asyncio.wait([http])
        if parts.worker is not None:
            await parts.worker.stop()
        work.cancel()
        await asyncio.wait([work])
        sock.close()


def _server(asgi: Any, grace: int, settings: Settings | None = None) -> _Server:
    """The HTTP server; in the end requests have ``grace`` seconds to finish."""
    settings = settings or Settings()
    return _Server(
        uvicorn.Config(
            asgi,
            http=Connection,
            ws="none",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=grace,
            server_header=False,
            # uvicorn would believe any program on this machine: only a proxy that is named says who calls, and how.
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=settings.trusted_proxies or None,
            ssl_certfile=settings.tls_cert or None,
            ssl_keyfile=settings.tls_key or None,
        )
    )


async def _until_one_fails(running: Mapping[asyncio.Task[None], bool], stop: asyncio.Event) -> None:
    stopped = asyncio.create_task(stop.wait())
    try:
        pending: set[asyncio.Task[Any]] = {stopped, *running}
        while not stop.is_set():
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopped}:
                if task.cancelled() and not stop.is_set():
                    raise PartEnded(f"{task.get_name()} was cancelled, and not by this process's end")
                task.result()
                if running[task] and not stop.is_set():
                    raise PartEnded(f"{task.get_name()} ended by itself")
    finally:
        stopped.cancel()


def _listen(host: str, port: int) -> socket.socket:
    try:
        return addresses.listen(host, port)
    except OSError as error:
        place = addresses.host_port(host, port)
        raise OSError(error.errno, f"can't listen on {place}: {error.strerror}") from error


async def _http(server: uvicorn.Server, sock: socket.socket) -> None:
    try:
        await server.serve(sockets=[sock])
    except SystemExit as error:  # uvicorn's way to say that the application's start-up failed
        raise PartEnded("the HTTP application failed to start") from error


async def _work(parts: Parts, stop: asyncio.Event) -> None:
    """Prepare, then run worker, watchdog and tasks together; the first to raise ends the others."""
    if parts.prepare is not None:
        await uncancelled(parts.prepare())
    collector.settled()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        async with asyncio.TaskGroup() as group:
            for task_name, task in parts.tasks.items():
                group.create_task(_named(task_name, task()), name=task_name)
            if parts.worker is not None:
                watchdog = _watchdog(parts.worker, parts.stall_seconds)
                group.create_task(_named("worker", _run_worker(parts.worker, stop)), name="worker")
                group.create_task(_named("watchdog", watchdog.run()), name="watchdog")
                group.create_task(_named("look", _look(parts.worker)), name="look")
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None


async def _named(name: str, task: Coroutine[Any, Any, None]) -> None:
    try:
        await uncancelled(task)
    except Exception:
        log.critical("task_failed", task=name)
        raise


async def _run_worker(worker: BatchWorker, stop: asyncio.Event) -> None:
    await worker.run()
    if not stop.is_set():
        raise PartEnded("the worker ended by itself")


def _watchdog(worker: BatchWorker, stall_seconds: float) -> Watchdog:
    watchdog = Watchdog(
        worker.stuck,
        worker.waiting,
        worker.progressed_at,
        stall_seconds,
    )
    worker.stalled_seconds, worker.stall_limit = lambda: watchdog.stalled_seconds, stall_seconds
    return watchdog


async def _look(worker: BatchWorker) -> None:
    """Keep the worker's knowledge of the log's ends, and of the broker, fresh."""
    try:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if worker.app.started:  # before that the worker itself asks, for its topic
                await worker.probe.look(worker.owned)
    finally:
        await worker.probe.close()
