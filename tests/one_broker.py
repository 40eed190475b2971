"""The broker that all workers of a session share: one JVM instead of one for each, and one that is warm.

Whoever needs it first has it started, by a process that ends it in order when the session ends, however that ends.
Tests keep apart by the names of their topics and groups.
"""

import contextlib
import fcntl
import os
import select
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from services.local.jars import kafka_classpath
from services.local.kafka import KafkaNode

STOP_SECONDS = 30.0
_READY, _LOG, _LOCK = "bootstrap", "keeper.log", "lock"


@dataclass(frozen=True)
class Broker:
    """Where it is: its address for clients, and its folder."""

    bootstrap: str
    folder: Path


def lent(folder: Path, session: int) -> Broker:
    """The broker below ``folder``, running, until the process ``session`` has ended.

    Raises :class:`RuntimeError` where it does not start, with what it said.
    """
    with (folder / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ready = folder / _READY
        if not ready.exists():
            _keep(folder, session)
        return Broker(ready.read_text(), folder / "kafka")


def _keep(folder: Path, session: int) -> None:
    told = folder / _LOG
    reading, writing = os.pipe()
    with told.open("ab") as log:
        subprocess.Popen(
            [sys.executable, "-m", "tests.one_broker", str(folder), str(session), str(writing)],
            pass_fds=[writing],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    os.close(writing)
    with open(reading, "rb") as pipe:
        if not pipe.read(1):
            raise RuntimeError(f"the session's broker did not start: {told.read_text(errors='replace')}")


def end(folder: Path) -> None:
    """End it in order, if it was needed; its folder goes."""
    keeper = folder / "keeper.pid"
    if keeper.exists():
        with contextlib.suppress(ProcessLookupError):  # it did not start, which its test says
            pid = int(keeper.read_text())
            ended = os.pidfd_open(pid)
            os.kill(pid, signal.SIGTERM)
            select.select([ended], [], [], STOP_SECONDS + 5)
            os.close(ended)
    shutil.rmtree(folder, ignore_errors=True)


def _serve(folder: Path, session: int, ready: int) -> None:
    (folder / "keeper.pid").write_text(str(os.getpid()))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    ending = os.pidfd_open(session)
    node = KafkaNode(folder / "kafka", kafka_classpath())
    if not node.aot_cache.exists():
        # The first one on this machine: its start-up cache is written as it ends, and halves what all others cost.
        node.start()
        node.stop(STOP_SECONDS)
    node.start()
    try:
        (folder / _READY).write_text(node.bootstrap)
        os.write(ready, b"1")
        os.close(ready)
        select.select([ending], [], [])
    finally:
        node.stop(STOP_SECONDS)
    shutil.rmtree(folder, ignore_errors=True)  # the session had no time for it


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
