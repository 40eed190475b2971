"""Progress of a download: a bar on a terminal, plain lines elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Lock
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

Advance = Callable[[int], None]
"""Takes the bytes that came since the last call; fewer than none when an attempt is thrown away."""
ShowProgress = Callable[[str, int], AbstractContextManager[Advance]]
"""Takes a title and the bytes to come, and gives what counts them."""


@contextmanager
def show_progress(title: str, total: int, stream: TextIO | None = None) -> Iterator[Advance]:
    """Show ``title`` and how many of ``total`` bytes have come, on ``stream`` (stderr). Safe to call from threads."""
    out = sys.stderr if stream is None else stream
    with (_bar if out.isatty() else _lines)(title, total, out) as advance:
        yield advance


@contextmanager
def _bar(title: str, total: int, out: TextIO) -> Iterator[Advance]:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(file=out)) as progress:
        task = progress.add_task(title, total=total)
        yield lambda count: progress.advance(task, count)


@contextmanager
def _lines(title: str, total: int, out: TextIO) -> Iterator[Advance]:
    lock, done, shown = Lock(), 0, 0

    def advance(count: int) -> None:
        nonlocal done, shown
        with lock:
            done += count
            tenth = done * 10 // max(total, 1)
            if tenth > shown:
                shown = tenth
                out.write(f"{title}: {done / 1e6:.0f} of {total / 1e6:.0f} MB\n")
                out.flush()

    out.write(f"{title}: {total / 1e6:.0f} MB to fetch\n")
    out.flush()
    yield advance
