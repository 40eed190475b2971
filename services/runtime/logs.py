"""Logging of a service: structlog and the libraries' own loggers through one pipe to stderr.

One JSON object a line for machines, readable lines on a terminal. Two guards: the client libraries, which write
hundreds of lines a second while the broker is away, are held to a few, ever more seldom; and no password of a
connection string gets out, whatever text it stands in.
"""

import logging
import re
import sys
import threading
import time
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

import structlog

from services.runtime.settings import Settings

LINES_PER_SECOND = 3
LONGEST_SECONDS = 60.0
NOISY = ("aiokafka", "faust", "mode", "asyncio", "uvicorn")
CHATTY = ("aiokafka", "faust", "httpx", "mode", "uvicorn")
"""Libraries whose informational lines are of no use to an operator: shown only at the level ``debug``."""

PASSING = ("Group Coordinator Request failed",)
"""Errors of the libraries' that are none: what they ask for takes a moment to come to be, and they ask again. If it
does not come, the service's own part says so."""

_URL_PASSWORD = re.compile(r"""(\w+://[^\s:/@'"]*):[^\s'"]*@""")
_NAMED_PASSWORD = re.compile(
    r"""(\b(?:sasl_plain_)?password["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,;&)]+)""", re.IGNORECASE
)


_TOKEN = re.compile(r"\bshx_([a-z2-7]{10})_[A-Za-z0-9_-]+|\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")


def without_secrets(text: str) -> str:
    """``text`` with the passwords of connection strings, tokens and signed cookies replaced by ``***``; a token's id
    stays, to find it by."""
    text = _NAMED_PASSWORD.sub(r"\1***", _URL_PASSWORD.sub(r"\1:***@", text))
    return _TOKEN.sub(lambda match: f"shx_{match[1]}_***" if match[1] else "***", text)


@dataclass(slots=True)
class _Window:
    began: float
    left: int
    """Lines that may still pass."""
    seconds: float = 1.0
    suppressed: int = 0
    """Held back since the last that passed."""


class RateLimit(logging.Filter):
    """Lets through ``per_second`` lines of each noisy logger, then, as long as it goes on writing more, one after 1 s,
    2 s, 4 s ... up to a minute; each says how many were held back since the last."""

    def __init__(self, per_second: int = LINES_PER_SECOND, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._per_second = per_second
        self._now = now
        self._lock = threading.Lock()
        self._windows: dict[str, _Window] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.split(".", 1)[0] not in NOISY:
            return True
        if record.msg is not None and str(record.msg).startswith(PASSING):
            return logging.getLogger().isEnabledFor(logging.DEBUG)
        with self._lock:
            now = self._now()
            window = self._windows.setdefault(record.name, _Window(now, self._per_second))
            if now - window.began >= window.seconds:
                flooded = window.suppressed > 0
                window.seconds = min(LONGEST_SECONDS, 2 * window.seconds) if flooded else 1.0
                window.left = 1 if flooded else self._per_second
                window.began = now
            if window.left <= 0:
                window.suppressed += 1
                return False
            window.left -= 1
            suppressed, window.suppressed = window.suppressed, 0
        if suppressed:
            record.suppressed = suppressed
        return True


class _Formatter(structlog.stdlib.ProcessorFormatter):
    def format(self, record: logging.LogRecord) -> str:
        return without_secrets(super().format(record))


def _add_suppressed(
    logger: Any, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:  # structlog's signature of a processor
    record = event.get("_record")
    if record is not None and hasattr(record, "suppressed"):
        event["suppressed"] = record.suppressed
    return event


def configure(settings: Settings, service: str = "") -> None:
    """Set up logging for the process; ``service`` is added to every line. May be called again."""
    as_json = settings.log == "json" or (settings.log == "auto" and not sys.stderr.isatty())
    level = getattr(logging, settings.log_level.upper())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=as_json),
        structlog.processors.StackInfoRenderer(),
    ]
    if service:
        shared.insert(0, _constant("service", service))
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    last: list[Any] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False, default=str)]
        if as_json
        # A plain traceback: the pretty one prints the values of variables, passwords among them.
        else [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        _Formatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder(allow=())],
            processors=[_add_suppressed, structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    handler.addFilter(RateLimit())
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in CHATTY:
        logging.getLogger(name).setLevel(level if level <= logging.DEBUG else max(level, logging.WARNING))
    logging.captureWarnings(True)


def _constant(key: str, value: str) -> Callable[..., MutableMapping[str, Any]]:
    def add(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event[key] = value
        return event

    return add
