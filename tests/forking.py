"""Our processes for tests, forked from one that has imported everything once: a start costs some hundredths of a second
of the processor instead of more than a whole one, and the tests start hundreds.

That they start from nothing too, as ``python -m services.NAME`` and as ``shixian``, is what the tests of ``up`` show.
"""

import array
import atexit
import gc
import importlib
import inspect
import json
import os
import pkgutil
import select
import selectors
import signal
import socket
import struct
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from services.local.process import tie_to_parent

SERVICES = ("intake", "tracker", "stats", "desk")
_MOST = 1 << 18
_CODE = struct.Struct("i")


class Forked:
    """A process of ours: what tests use of a :class:`subprocess.Popen`."""

    def __init__(self, pid: int, ended: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ended = ended

    def poll(self) -> int | None:
        """The exit code (a signal's number, negative), or None while it runs."""
        if self.returncode is None and select.select([self._ended], [], [], 0)[0]:
            (self.returncode,) = _CODE.unpack(os.read(self._ended, _CODE.size))
            os.close(self._ended)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, when it has ended. Raises :class:`subprocess.TimeoutExpired`."""
        if self.returncode is None and not select.select([self._ended], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        code = self.poll()
        assert code is not None
        return code

    def send_signal(self, signum: int) -> None:
        """A signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, signum)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


class _Forge:
    """The process that forks, as its tests see it."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.forking", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                # openpyxl takes NumPy along where it is installed, and that would begin with threads.
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
                preexec_fn=tie_to_parent(signal.SIGKILL),
            )
        self._socket, self._lock = ours, threading.Lock()

    def start(self, entry: str, argv: Sequence[str], env: Mapping[str, str], files: Sequence[int]) -> Forked:
        order = json.dumps({"entry": entry, "argv": list(argv), "env": dict(env), "cwd": os.getcwd()}).encode()
        reading, writing = os.pipe()
        try:
            with self._lock:
                socket.send_fds(self._socket, [order], [*files, writing])
                answer = self._socket.recv(_CODE.size)
        finally:
            os.close(writing)
        if not answer:
            raise RuntimeError("the process that forks has ended")
        (pid,) = _CODE.unpack(answer)
        return Forked(pid, reading)


@cache
def _forge() -> _Forge:
    return _Forge()


def start_service(name: str, env: Mapping[str, str], stderr: int, stdout: int = 1) -> Forked:
    """``python -m services.NAME`` with ``env`` added to the environment and a file for its stderr; it ends with this
    process."""
    entry = f"services.{name}.__main__:main"
    with open(os.devnull, "rb") as nothing:
        files = [nothing.fileno(), stdout, stderr]
        return _forge().start(entry, [f"services.{name}"], {**os.environ, **env}, files)


def start_shixian(arguments: Sequence[str], env: Mapping[str, str], stderr: int) -> Forked:
    """The command line with nothing to read, its stdout thrown away, its stderr going to a file."""
    return start_process("services.cli:main", ["shixian", *arguments], env, stderr)


def start_process(
    entry: str, argv: Sequence[str], env: Mapping[str, str], stderr: int, stdout: int | None = None
) -> Forked:
    """``entry`` (module and function) in the same way; its stdout may go to a file, too."""
    with open(os.devnull, "r+b", buffering=0) as nothing:
        files = [nothing.fileno(), nothing.fileno() if stdout is None else stdout, stderr]
        return _forge().start(entry, argv, {**os.environ, **env}, files)


def run(entry: str, argv: Sequence[str], env: Mapping[str, str], seconds: float) -> "subprocess.CompletedProcess[str]":
    """``entry`` (module and function) to its end, with ``env`` added to the environment; what it printed is kept.

    Raises :class:`subprocess.TimeoutExpired`; the process is killed then.
    """
    with open(os.devnull, "rb") as nothing:
        out, err = os.memfd_create("stdout"), os.memfd_create("stderr")
        try:
            process = _forge().start(entry, argv, {**os.environ, **env}, [nothing.fileno(), out, err])
            try:
                code = process.wait(seconds)
            except BaseException:
                process.kill()
                raise
            return subprocess.CompletedProcess(list(argv), code, _read(out), _read(err))
        finally:
            os.close(out)
            os.close(err)


def shixian(*arguments: str, env: Mapping[str, str], seconds: float = 120) -> "subprocess.CompletedProcess[str]":
    """The command line, to its end."""
    return run("services.cli:main", ["shixian", *arguments], env, seconds)


def _read(file: int) -> str:
    return os.pread(file, os.fstat(file).st_size, 0).decode()


def serve(orders: socket.socket) -> None:
    """Fork what is ordered, and say how each ended, until the other side is gone."""
    for name in SERVICES:
        importlib.import_module(f"services.{name}.app")
    for found in pkgutil.iter_modules(importlib.import_module("services.commands").__path__, "services.commands."):
        importlib.import_module(found.name)
    importlib.import_module("services.cli")
    _warm()
    assert len(os.listdir("/proc/self/task")) == 1, "a thread would not be forked"
    gc.collect()
    gc.freeze()
    tie = tie_to_parent(signal.SIGKILL)
    with selectors.DefaultSelector() as waiting:
        waiting.register(orders, selectors.EVENT_READ)
        while True:
            for key, _ in waiting.select():
                if key.fileobj is not orders:
                    _reap(waiting, key)
                    continue
                order, files = _received(orders)
                if not order:
                    return
                pid = os.fork()
                if pid == 0:
                    if tie is not None:
                        tie()
                    _become(json.loads(order), files)
                for file in files[:3]:
                    os.close(file)
                waiting.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, files[3]))
                orders.send(_CODE.pack(pid))


LATER = (
    *("services.runtime.aiokafka_app", "services.runtime.faust_app", "faust.transport.drivers.aiokafka"),
    *("litestar._kwargs", "litestar.exceptions.responses", "litestar.middleware.allowed_hosts"),
    *("litestar.middleware.csrf", "litestar.middleware.response_cache", "litestar.plugins.attrs"),
    *("litestar.plugins.pydantic.plugins.schema", "anyio._backends._asyncio", "httpcore", "rich.progress", "uvloop"),
    *("uvicorn.lifespan.on", "uvicorn.loops.uvloop", "uvicorn.protocols.http.httptools_impl"),
)
"""What a process imports only once it runs."""


def _warm() -> None:
    """Have ready what each process would import or read by itself, half a second of the processor in all."""
    for name in LATER:
        importlib.import_module(name)
    importlib.import_module("services.statute.calendars").shipped("CN")
    importlib.import_module("services.stats.in_force").use("")
    inspect.getmodule(_warm.__code__)  # it looks at every module once, and Faust asks for one


def _received(orders: socket.socket) -> tuple[bytes, list[int]]:
    order, ancillary, _, _ = orders.recvmsg(_MOST, socket.CMSG_SPACE(4 * array.array("i").itemsize))
    files = array.array("i")
    for _, _, data in ancillary:
        files.frombytes(data)
    return order, list(files)


def _reap(waiting: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    pid, ended = key.data
    _, status = os.waitpid(pid, 0)
    waiting.unregister(key.fileobj)
    os.close(key.fd)
    try:
        os.write(ended, _CODE.pack(os.waitstatus_to_exitcode(status)))
    except BrokenPipeError:
        print(f"nobody waits for process {pid} any more", file=sys.stderr)
    os.close(ended)


def _become(order: dict[str, Any], files: list[int]) -> None:
    """Be the process that was ordered; does not return."""
    code: Any = 1
    try:
        for number, file in enumerate(files[:3]):
            os.dup2(file, number)
        os.closerange(3, 1 << 16)
        os.chdir(order["cwd"])
        os.environ.clear()
        os.environ.update(order["env"])
        sys.argv = order["argv"]
        # A test run in the background ignores Ctrl-C, and what it starts would, too.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        module, _, function = order["entry"].partition(":")
        getattr(importlib.import_module(module), function)()
        code = 0
    except SystemExit as end:
        code = end.code
        if code is not None and not isinstance(code, int):
            print(code, file=sys.stderr)
            code = 1
    except BaseException:  # noqa: BLE001  # what an interpreter does with what nobody caught
        traceback.print_exc()
    threading._shutdown()  # type: ignore[attr-defined]  # as an interpreter does at its end
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code or 0)


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as given:
        serve(given)
