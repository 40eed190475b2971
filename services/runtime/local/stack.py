"""The embedded Kafka and PostgreSQL of one home folder.

Layout of a home (``SHIXIAN_HOME``)::

    up.lock      held while the stack runs; says who holds it
    run.json     where both answer, while the stack runs: for the commands that look at it from beside
    kafka/       the broker: the log of record in ``kafka/data``, its log files beside it (kafka.py)
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
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import psutil  # type: ignore[import-untyped]
import structlog

from services.runtime.local.jars import kafka_classpath
from services.runtime.local.kafka import KafkaNode
from services.runtime.local.postgres import PostgresServer
from services.runtime.local.process import PortTaken, tail
from services.runtime.local.progress import ShowProgress, show_progress
from services.runtime.settings import Settings

log = structlog.get_logger(__name__)


RUN_FILE = "run.json"


@dataclass(frozen=True, slots=True)
class Running:
    """A stack that runs: the process that holds it, Kafka's bootstrap servers and PostgreSQL's URI."""

    pid: int
    kafka: str
    postgres: str


class HomeHeld(RuntimeError):
    """Another process runs the stack of this home."""

    def __init__(self, home: Path, pid: int, since: str, command: str) -> None:
        super().__init__(f"{home} is held by process {pid} since {since} ({command})")
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

    def start(self, timeout: float = 60.0) -> None:
        """Take the home, start both side by side, and wait until both answer; ``timeout`` in seconds for each.

        Raises :class:`HomeHeld`, :class:`PortTaken`, :class:`~services.runtime.local.jars.JarError`,
        :class:`~services.runtime.local.kafka.BrokerFailed` or
        :class:`~services.runtime.local.postgres.PostgresFailed`, with nothing left running.
        """
        if self._settings.kafka and self._settings.postgres:
            return
        self._lock = hold(self._home)
        try:
            classpath = [] if self._settings.kafka else kafka_classpath(progress=self._progress)
            if not self._settings.postgres:
                self._postgres = PostgresServer(self._home / "postgres")
                self._postgres.launch()
            if not self._settings.kafka:
                port = self._settings.kafka_port
                self._kafka = KafkaNode(
                    self._home / "kafka", classpath, port=port, controller_port=port + 1 if port else 0
                )
                self._start_kafka(self._kafka, timeout)
                self.kafka = self._kafka.bootstrap
            if self._postgres is not None:
                self._postgres.wait_ready(timeout)
                self.postgres = self._postgres.dsn
        except BaseException:
            self.stop(3.0)
            raise
        _tell(self._home, Running(os.getpid(), self.kafka, self.postgres))
        log.info("local_stack_up", home=str(self._home), kafka=self.kafka, postgres=self.postgres)

    @staticmethod
    def _start_kafka(node: KafkaNode, timeout: float) -> None:
        try:
            node.start(timeout)
        except PortTaken as error:
            raise PortTaken(f"{error}; SHIXIAN_KAFKA_PORT names another, 0 any free one") from error

    def died(self) -> tuple[str, int | None, str] | None:
        """Name, status and last log lines of a part of ours that ended by itself, if one did."""
        if self._kafka is not None and not self._kafka.alive:
            return "kafka", self._kafka.returncode, tail(self._home / "kafka" / "kafka.log")
        if self._postgres is not None and not self._postgres.alive:
            return "postgres", self._postgres.returncode, tail(self._home / "postgres" / "postgres.log")
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


def _tell(home: Path, found: Running) -> None:
    draft = home / f"{RUN_FILE}.new"
    draft.write_text(json.dumps(asdict(found)), encoding="utf-8")
    draft.replace(home / RUN_FILE)


def running(settings: Settings) -> Running | None:
    """Where the stack of the settings' home answers, if one runs there now."""
    try:
        found = Running(**json.loads((settings.home.expanduser() / RUN_FILE).read_text(encoding="utf-8")))
    except (FileNotFoundError, json.JSONDecodeError, TypeError):
        return None
    return found if psutil.pid_exists(found.pid) else None


def hold(home: Path) -> IO[str]:
    """Take ``home`` for this process until the file given back is closed, or the process ends in whatever way.

    Raises :class:`HomeHeld` with the holder's process id, start and command.
    """
    home.mkdir(parents=True, exist_ok=True)
    file = (home / "up.lock").open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with file:
            file.seek(0)
            holder = json.loads(file.read() or "{}")
        raise HomeHeld(home, holder.get("pid", 0), holder.get("since", "?"), holder.get("command", "?")) from None
    file.truncate(0)
    since = datetime.now(UTC).isoformat(timespec="seconds")
    json.dump({"pid": os.getpid(), "since": since, "command": shlex.join(sys.orig_argv)}, file)
    file.flush()
    return file
