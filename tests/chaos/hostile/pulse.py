"""Polls ``/healthz`` of each address from a process of its own; a line on stdin ends a window and prints its figures.

``python -m tests.chaos.hostile.pulse URL...``; the end of stdin ends it.
"""

import asyncio
import http.client
import json
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

EVERY_SECONDS = 0.05
WAIT_SECONDS = 30.0


@dataclass
class Window:
    """What one service answered since the last window: seconds of each answer, and polls that got none."""

    took: list[float] = field(default_factory=list)
    failed: int = 0

    def figures(self) -> dict[str, float]:
        """Counts, and seconds."""
        values = sorted(self.took) or [0.0]
        return {
            "polls": len(self.took),
            "failed": self.failed,
            "p99": values[min(len(values) - 1, int(0.99 * len(values)))],
            "max": values[-1],
        }


class _Poller(threading.Thread):
    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.address = urlsplit(url).netloc
        self.window = Window()

    def run(self) -> None:
        conn = http.client.HTTPConnection(self.address, timeout=WAIT_SECONDS)
        while True:
            began = time.monotonic()
            try:
                conn.request("GET", "/healthz")
                answer = conn.getresponse()
                answer.read()
                self.window.failed += answer.status != 200
                self.window.took.append(time.monotonic() - began)
            except (OSError, http.client.HTTPException):
                self.window.failed += 1
                conn.close()
            time.sleep(max(0.0, began + EVERY_SECONDS - time.monotonic()))


def main(urls: Sequence[str]) -> None:
    """Poll until stdin ends."""
    pollers = [_Poller(url) for url in urls]
    for poller in pollers:
        poller.start()
    for _ in sys.stdin:
        ended = [poller.window for poller in pollers]
        for poller in pollers:
            poller.window = Window()
        print(json.dumps([window.figures() for window in ended]), flush=True)


class Pulse:
    """The process, seen from the run."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls, self._process = list(urls), None  # type: list[str], asyncio.subprocess.Process | None

    async def start(self) -> None:
        """Begin to poll."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            __spec__.name,
            *self._urls,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )

    async def window(self) -> list[dict[str, float]]:
        """The figures of each address since the last window, which this one ends."""
        assert self._process is not None and self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(b"\n")
        async with asyncio.timeout(WAIT_SECONDS):
            found: list[dict[str, float]] = json.loads(await self._process.stdout.readline())
            return found

    async def stop(self) -> None:
        """End the process."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


if __name__ == "__main__":
    main(sys.argv[1:])
