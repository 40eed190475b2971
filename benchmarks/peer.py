"""A peer as a process of its own: started, timed by what it says, ended whatever happens."""

import asyncio
import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.expected import Expected
from benchmarks.measuring import Failed, Figures, Run
from benchmarks.product import spent
from benchmarks.servers import Servers
from services.local.process import tie_to_parent

LIMIT_SECONDS = 120.0
FOLDER = Path(__file__).parent / "peers"


async def run(servers: Servers, figures: Figures, label: str, command: Sequence[str], expected: Expected) -> None:
    """One run; its answer is compared. Raises :class:`Failed`."""
    log = servers.folder / f"{label.replace(' ', '-').replace('/', '-')}.log"
    process = _start(command, log, servers.folder)
    try:
        before, after, answer = await _figures(servers, process, log)
    finally:
        await asyncio.to_thread(_end, process)
    shares = [1e6 * (b - a) / expected.records for a, b in zip(before, after, strict=True)]
    figures.keep(label, Run(answer.pop("rate"), answer.pop("second_half"), *shares))
    if answer.pop("records") < expected.records:
        figures.problem(label, "not all records were read")
    expected.compare(figures, label, answer)


def _start(command: Sequence[str], log: Path, folder: Path) -> "subprocess.Popen[str]":
    with log.open("ab") as errors:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": f"{FOLDER}{os.pathsep}{FOLDER.parent.parent}"},
            start_new_session=True,
            preexec_fn=tie_to_parent(signal.SIGKILL),
        )


Spent = tuple[float, float, float]


async def _figures(
    servers: Servers, process: "subprocess.Popen[str]", log: Path
) -> tuple[Spent, Spent, dict[str, Any]]:
    """CPU at the first record and at the end, and the figures of the last line."""
    lines: queue.Queue[tuple[str, Spent]] = queue.Queue()

    def read() -> None:
        for line in process.stdout or ():  # the CPU is read as soon as the line is there
            lines.put((line, spent(servers, [process.pid])))
        lines.put(("", (0.0, 0.0, 0.0)))

    threading.Thread(target=read, daemon=True).start()
    before, limit = (0.0, 0.0, 0.0), time.monotonic() + LIMIT_SECONDS
    while True:
        try:
            line, now = await asyncio.to_thread(lines.get, True, max(0.1, limit - time.monotonic()))
        except queue.Empty:
            raise Failed(f"not done in {LIMIT_SECONDS:g} s") from None
        if line.startswith("FIRST"):
            before = now
        elif line.startswith("DONE "):
            return before, now, json.loads(line[5:])
        elif not line:
            raise Failed(f"ended with {await asyncio.to_thread(process.wait)}: {_last_words(log)}")


def _last_words(log: Path) -> str:
    words = [each for each in log.read_text(errors="replace").splitlines() if each.strip()]
    return " / ".join(words[-3:])[-400:]


def _end(process: "subprocess.Popen[str]") -> None:
    with contextlib.suppress(OSError, ValueError):
        if process.stdin:
            process.stdin.write("end\n")
            process.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(5)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)
