"""What is kept of each run, and the time that processes took."""

import contextlib
import statistics
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import psutil


def say(text: str) -> None:
    """Progress, on standard error."""
    sys.stderr.write(f"[{time.strftime('%H:%M:%S')}] {text}\n")
    sys.stderr.flush()


class Failed(Exception):
    """A part could not be measured; the message says why."""


def cpu(*pids: int | None) -> float:
    """CPU seconds of these processes, of their children that live, and of those of theirs that ended."""
    spent = 0.0
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            top = psutil.Process(pid)
            for process in (top, *top.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    times = process.cpu_times()
                    ended = times.children_user + times.children_system if process is top else 0.0
                    spent += times.user + times.system + ended
    return spent


@dataclass(slots=True)
class Run:
    """One run of one part."""

    rate: float
    """Records a second, from the first to the last."""
    second_half: float | None = None
    """The same of the second half alone, when what had to warm up is warm."""
    cpu_own: float | None = None
    """CPU microseconds a record, of the part's own processes."""
    cpu_kafka: float | None = None
    cpu_postgres: float | None = None


@dataclass
class Figures:
    """All that was found."""

    runs: dict[str, list[Run]] = field(default_factory=dict)
    numbers: dict[str, float] = field(default_factory=dict)
    """Single figures: latencies, shares, ratios."""
    problems: list[str] = field(default_factory=list)
    """Answers that differ, parts that failed: the bench then ends with 1."""
    missing: list[str] = field(default_factory=list)
    """Peers that are not on this machine, and why."""

    def keep(self, name: str, run: Run) -> None:
        self.runs.setdefault(name, []).append(run)
        half = f", second half {run.second_half:,.0f}" if run.second_half else ""
        say(f"  {name}: {run.rate:,.0f} a second{half}")

    def number(self, name: str, value: float) -> None:
        self.numbers[name] = value
        say(f"  {name}: {value:,.4g}")

    def problem(self, name: str, text: str) -> None:
        self.problems.append(f"{name}: {text}")
        say(f"  !! {name}: {text}")

    def median(self, name: str, what: str = "rate") -> float | None:
        """The median of a part's runs; None if there is none."""
        found = [getattr(run, what) for run in self.runs.get(name, ()) if getattr(run, what) is not None]
        return statistics.median(found) if found else None

    def ratio(self, of: str, to: str, what: str = "rate") -> float | None:
        """One part's median beside another's."""
        mine, theirs = self.median(of, what), self.median(to, what)
        return mine / theirs if mine and theirs else None

    def rows(self) -> dict[str, dict[str, Any]]:
        """Each part with its medians and its single rates."""
        whats = ("rate", "second_half", "cpu_own", "cpu_kafka", "cpu_postgres")
        return {
            name: {what: self.median(name, what) for what in whats} | {"rates": [round(r.rate, 1) for r in runs]}
            for name, runs in self.runs.items()
        }
