"""Child processes that neither outlive their parent nor hear its terminal, and free ports for them."""

import contextlib
import ctypes
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from services.local.failures import LocalFailure
from services.runtime.ends import Cause

_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1
# Below the kernel's range for outgoing connections, so that a port stays free while its server restarts.
_PORTS = range(20000, 32000)


class PortTaken(LocalFailure):
    """A port that was asked for is in use."""

    end = Cause.PORT_TAKEN


class OwnsProcess:
    """What runs one process, or none."""

    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    @property
    def returncode(self) -> int | None:
        """The status of a process that ended by itself; None while it runs, and after it was stopped."""
        return None if self._process is None else self._process.poll()

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None


def spawn(
    argv: Sequence[str],
    *,
    output: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    dies_by: int | None = signal.SIGKILL,
    user: int | None = None,
    group: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start ``argv`` in a session of its own, so that Ctrl-C on the terminal passes it by.

    Its stdout and stderr go to ``output``, anew; what was there becomes ``output.1``. On Linux the kernel sends it
    ``dies_by`` when this process ends in whatever way. The kernel ties that to the *thread* that starts it, so it is
    done from the main thread only.
    """
    set_aside(output)
    # For appending, so that the file can be cut short while it is written (:func:`bound`).
    with output.open("ab") as file:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            cwd=cwd,
            start_new_session=True,
            user=user,
            group=group,
            extra_groups=[] if user is not None else None,
            preexec_fn=tie_to_parent(dies_by),
        )


def tie_to_parent(signum: int | None) -> Callable[[], None] | None:
    """A ``preexec_fn`` that has the kernel send ``signum`` to the child when its parent ends; None where it can't."""
    if _LIBC is None or signum is None or threading.current_thread() is not threading.main_thread():
        return None
    prctl, parent = _LIBC.prctl, os.getpid()

    def tie() -> None:
        prctl(_PR_SET_PDEATHSIG, signum, 0, 0, 0)
        if os.getppid() != parent:  # it ended between the fork and the line above
            os._exit(1)

    return tie


def end(process: subprocess.Popen[bytes] | psutil.Process, timeout: float, signum: int = signal.SIGTERM) -> bool:
    """Send ``signum`` and wait ``timeout`` seconds, then SIGKILL to its whole group. True if the first was enough."""
    with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
        process.send_signal(signum)
        # A stopped process would only hear it when it is continued.
        process.send_signal(signal.SIGCONT)
        try:
            process.wait(timeout)
        except (subprocess.TimeoutExpired, psutil.TimeoutExpired):
            kill(process)
            return False
    return True


def kill(process: subprocess.Popen[bytes] | psutil.Process) -> None:
    """SIGKILL a process that :func:`spawn` made, and what it started in its session."""
    # Once it was waited for, its number may be another's: then there is nothing to send.
    if isinstance(process, subprocess.Popen) and process.poll() is not None:
        return
    with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
        if os.getpgid(process.pid) == process.pid:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.wait(10)


def left_over(pid_file: Path, marker: str) -> psutil.Process | None:
    """The process that ``pid_file``'s first line names, if it still runs and has ``marker`` in its command line.

    The second condition keeps us from a stranger that got the number since.
    """
    try:
        process = psutil.Process(int(pid_file.read_text().split("\n")[0]))
        if process.status() != psutil.STATUS_ZOMBIE and any(marker in part for part in process.cmdline()):
            return process
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        pass
    return None


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now; another may take it before you do, so be ready to try again."""
    for port in random.sample(_PORTS, 200):
        if port_free(port):
            return port
    raise PortTaken(f"no free port found between {_PORTS.start} and {_PORTS.stop}")


def port_free(port: int) -> bool:
    with socket.socket() as probe:
        # As a server would: connections of an earlier one that linger don't count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def set_aside(path: Path) -> None:
    """Make ``path`` its own ``.1``, the one before is dropped; an empty or missing one is left."""
    if path.exists() and path.stat().st_size:
        path.replace(path.with_name(f"{path.name}.1"))


def bound(path: Path, limit: int) -> None:
    """Cut a log that another process appends to: beyond ``limit`` bytes it is copied to ``.1`` and begun anew.

    What is written between the two is lost. Raises OSError.
    """
    if path.exists() and path.stat().st_size > limit:
        shutil.copyfile(path, path.with_name(f"{path.name}.1"))
        os.truncate(path, 0)


def tail(path: Path, lines: int = 15) -> str:
    """The last lines of a log, for an error's text."""
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""
