"""The embedded Kafka and PostgreSQL of one home folder.

Layout of a home (``SHIXIAN_HOME``)::

    logs/        what the services write, of `shixian up` (output.py)
    up.lock      held while the stack runs; says who holds it
    run.json     where both answer, while the stack runs: for the commands that look at it from beside
    kafka/       the broker: its password, for this user alone; the log of record in ``kafka/data``; its log files
    postgres/    the server: the cluster in ``postgres/data`` (postgres.py)

Everything of value is in the two ``data`` folders; a copy of the home made while it is down is a backup. The jars and
the JVM's start-up cache are not in the home but in the user's cache folder (jars.py), shared by all homes.
"""

import fcntl
import json
import os
import shlex
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import structlog

from services.local import home
from services.local.failures import LocalFailure, of_system
from services.local.jars import kafka_classpath
from services.local.kafka import KafkaNode
from services.local.postgres import PostgresServer
from services.local.process import bound, left_over, tail
from services.local.progress import ShowProgress, show_progress
from services.local.revival import Revival
from services.local.run_file import RUN_FILE, Running, announce
from services.runtime.disk import free_bytes
from services.runtime.ends import Cause
from services.runtime.settings import Settings

log = structlog.get_logger(__name__)


LOG_BYTES = 10_000_000
"""Of a server's log before it is cut; twice that with the part before."""


class HomeHeld(LocalFailure):
    """Another process runs the stack of this home."""

    end = Cause.HOME_HELD

    def __init__(self, home: Path, pid: int, since: str, command: str) -> None:
        text = f"{home} is held by process {pid} since {since} ({command})"
        super().__init__(text, home=home, pid=pid, since=since, command=command)
        self.home, self.pid, self.since, self.command = home, pid, since, command


class LocalStack:
    """Starts what the settings leave to us: with ``settings.kafka`` or ``.postgres`` set, that part is elsewhere.

    After :meth:`start`, :attr:`kafka` holds bootstrap servers and :attr:`postgres` a URI, ours or the settings'. Use
    it from the main thread: on Linux both servers end with the thread that started them, so that a killed ``up``
    leaves nothing running. Where that is not so, the next start finds what was left and ends it.
    """

    def __init__(self, settings: Settings, *, progress: ShowProgress = show_progress) -> None:
        self._settings = settings
        self._progress = progress
        self._home = settings.home.expanduser().resolve()
        self._lock: IO[str] | None = None
        self._kafka: KafkaNode | None = None
        self._postgres: PostgresServer | None = None
        self.kafka = settings.kafka
        self.postgres = settings.postgres

    @property
    def embedded(self) -> bool:
        """Whether any of the two is ours."""
        return not (self._settings.kafka and self._settings.postgres)

    def take(self) -> None:
        """Look at the home and hold it for this process, until :meth:`stop`; nothing, if it is held already.

        Raises :class:`~services.local.failures.HomeUnusable`,
        :class:`~services.local.failures.DiskFull` or :class:`HomeHeld`.
        """
        if self._lock is None:
            home.check(self._home, self._settings.disk_reserve * 1_000_000)
            try:
                self._lock = hold(self._home)
            except OSError as error:
                raise of_system(error, self._home) from error

    def leftovers(self) -> set[int]:
        """The processes of a crash that the next start ends."""
        leftover = left_over(self._home / "kafka" / "broker.pid", str(self._home / "kafka" / "server.properties"))
        return set() if leftover is None else {leftover.pid}

    def revivals(self) -> list[Revival]:
        """What keeps each of our servers running when the disk was full."""
        folder, least = self._home, home.needed(self._settings.disk_reserve * 1_000_000)
        servers = {"kafka": self._kafka, "postgres": self._postgres}
        return [Revival(n, s, lambda: free_bytes(folder), least) for n, s in servers.items() if s is not None]

    def bound_logs(self) -> None:
        """Keep the logs that our servers append to from growing without end; Kafka rotates its own."""
        for path in (self._home / "postgres" / "postgres.log", self._home / "kafka" / "console.log"):
            try:
                bound(path, LOG_BYTES)
            except OSError as error:
                log.warning("log_not_cut", file=str(path), reason=error.strerror)

    def start(self, timeout: float = 60.0) -> None:
        """Take the home, start both side by side, and wait until both answer; ``timeout`` in seconds for each.

        Raises a :class:`~services.local.failures.LocalFailure`, with nothing left running.
        """
        if not self.embedded:
            return
        self.take()
        try:
            classpath = [] if self._settings.kafka else kafka_classpath(progress=self._progress)
            if not self._settings.postgres:
                self._postgres = PostgresServer(self._home / "postgres")
                self._postgres.launch()
            if not self._settings.kafka:
                port = self._settings.kafka_port
                self._kafka = KafkaNode(
                    self._home / "kafka", classpath, port=port, controller_port=port + 1 if port else 0, has_login=True
                )
                self._kafka.start(timeout)
                self.kafka = self._kafka.bootstrap
            if self._postgres is not None:
                self._postgres.wait_ready(timeout)
                self.postgres = self._postgres.dsn
            announce(self._home, Running(os.getpid(), self.kafka, self.postgres))
        except OSError as error:
            self.stop(3.0)
            raise of_system(error, self._home) from error
        except BaseException:
            self.stop(3.0)
            raise
        log.info("local_stack_up", home=str(self._home), kafka=self.kafka, postgres=self.postgres)

    def died(self, name: str = "") -> tuple[str, int | None, str, Path] | None:
        """Name, status, last log lines and log file of a part of ours that ended by itself, if one did; of ``name``
        only, if given."""
        parts: dict[str, tuple[KafkaNode | PostgresServer | None, Path]] = {
            "kafka": (self._kafka, self._home / "kafka" / "kafka.log"),
            "postgres": (self._postgres, self._home / "postgres" / "postgres.log"),
        }
        for each, (part, file) in parts.items():
            if part is not None and not part.alive and name in ("", each):
                return each, part.returncode, tail(file), file
        return None

    def stop(self, timeout: float = 8.0) -> None:
        """Stop both side by side, in order for ``timeout`` seconds, then at once; give the home back."""
        parts = [part for part in (self._kafka, self._postgres) if part is not None]
        if parts:
            with ThreadPoolExecutor(len(parts)) as executor:
                in_order = all(list(executor.map(lambda part: part.stop(timeout), parts)))
            log.info("local_stack_down", home=str(self._home), in_order=in_order)
        self._kafka = self._postgres = None
        if self._lock is not None:
            (self._home / RUN_FILE).unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _holder(text: str) -> dict[str, Any]:
    """What a holder wrote of itself; nothing, of one that is just about to, or that had no room to."""
    try:
        content = json.loads(text)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def hold(folder: Path) -> IO[str]:
    """Take ``folder`` for this process until the file given back is closed, or the process ends in whatever way.

    Raises :class:`HomeHeld` with the holder's process id, start and command.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / "up.lock").open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with file:
            file.seek(0)
            holder = _holder(file.read())
        raise HomeHeld(folder, holder.get("pid", 0), holder.get("since", "?"), holder.get("command", "?")) from None
    file.truncate(0)
    since = datetime.now(UTC).isoformat(timespec="seconds")
    json.dump({"pid": os.getpid(), "since": since, "command": shlex.join(sys.orig_argv)}, file)
    file.flush()
    return file
