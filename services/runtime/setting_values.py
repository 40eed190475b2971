"""What a setting's value may be, beyond its type: numbers from and to, the shapes of names and lists of them."""

import re
from collections.abc import Callable

LEAST_AUDIT_MONTHS = 6
"""Network logs are kept at least so long (Cybersecurity Law, article 21(3))."""

_MOST = 1e9
_RANGES: dict[str, tuple[float, float]] = {
    "audit_months": (LEAST_AUDIT_MONTHS, _MOST),
    "case_facts": (1, _MOST),
    "partitions": (1, 10_000),  # of one topic; a broker has to hold each of them open
    "replication": (1, 32),
    "otlp_ratio": (0, 1),
    "session_hours": (0.01, 24 * 366),
    "idle_minutes": (0.1, 60 * 24 * 366),
    "sweep_seconds": (0.05, _MOST),
    "shutdown_seconds": (0.1, 3600),
    # The embedded broker's controller takes the port after its own.
    "kafka_port": (0, 65534),
}


def range_of(name: str) -> tuple[float, float]:
    """The lowest and the highest value of a number."""
    return _RANGES.get(name) or ((0, 65535) if name.endswith("_port") else (0, _MOST))


def number_problem(name: str, number: float) -> str:
    """What was expected instead of ``number``; empty where it can be."""
    lowest, highest = range_of(name)
    if lowest <= number <= highest and number < _MOST:
        return ""
    what = "a port" if name.endswith("_port") else "a number"
    return f"{what} from {lowest:g} to {highest:g}" if highest < _MOST else f"{what} from {lowest:g} up"


_HOST = re.compile(r"(?:\*\.)?[\w-]+(?:\.[\w-]+)*\.?|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*")
_ORIGIN = re.compile(r"https?://[^/?#@\s*]+/?", re.IGNORECASE)
_TOPIC = re.compile(r"[A-Za-z0-9._-]{0,200}")  # Kafka's topic names have at most 249 of these


def _each(shape: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: all(shape.fullmatch(one) for each in text.split(",") if (one := each.strip()))


_SHAPES: dict[str, tuple[Callable[[str], bool], str]] = {
    "hosts": (_each(_HOST), "names without scheme and port, with commas between; `*.` before one for any under it"),
    "origins": (_each(_ORIGIN), "origins as https://name or https://name:port, with commas between"),
    "topic_prefix": (lambda text: _TOPIC.fullmatch(text) is not None, "at most 200 letters, digits, dots, - or _"),
}


def text_problem(name: str, text: str) -> str:
    """What was expected instead of ``text``; empty where it can be."""
    fits, expected = _SHAPES.get(name, (None, ""))
    return "" if fits is None or fits(text) else expected
