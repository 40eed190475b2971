"""What the services write: all of it into a file for each below the home, what needs attention onto the console.

A service started by `shixian up` writes a JSON object a line. The console gets its warnings, a line each; equal ones
ever more seldom, with a count. The files are rotated, so that they can't fill the disk.
"""

import json
import logging
import logging.handlers
import re
import sys
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import structlog

from services.runtime.ends import BY_EVENT, Cause
from services.runtime.logs import without_secrets
from services.runtime.silence import Silence

FILE_BYTES = 10_000_000
FILES = 2
"""Older ones kept of each service; together with the current one 30 MB."""
SHOWN = 300
"""Characters of a line on the console; the file has all of it."""
TAIL_LINES = 20
LIBRARIES = ("aiokafka", "faust", "mode")
"""Whose lines the console leaves out: the service's own part says the same once. The file has them."""

_CODES = frozenset(cause.value for cause in Cause)
_TRACEBACK = ("Traceback (most recent call last)", "Exception in thread", "During handling of", "The above exception")
_LONG = ("exception", "stacks", "stack")
_HEAD = ("timestamp", "level", "service", "event", "logger")
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}


class _File(logging.handlers.RotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:
        """Go on without the line: a log that can't be written (a full disk) must not end what it is about."""


class Output:
    """One service's lines."""

    def __init__(
        self,
        name: str,
        file: Path | None,
        *,
        level: str,
        console_json: bool,
        file_json: bool = True,
        all_lines: bool = False,
        write: Callable[[str], object] | None = None,
        silence: Silence | None = None,
    ) -> None:
        """``level``: from which on a line is shown; ``all_lines``: repeated ones and the libraries' as well."""
        self.name, self.path = name, file
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self.cause: Cause | None = None
        """Why the service ended, if it said so."""
        self.reason = ""
        self._level, self._console_json, self._file_json, self._all = level, console_json, file_json, all_lines
        self._write = write or (lambda text: sys.stderr.write(text + "\n"))
        self._silence = silence or Silence()
        self._quiet = self._traceback = False
        self._plain = structlog.dev.ConsoleRenderer(colors=False)
        self._file = None
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._file = _File(file, maxBytes=FILE_BYTES, backupCount=FILES, encoding="utf-8", errors="replace")

    def line(self, text: str) -> None:
        """Take one line that the service wrote."""
        entry = _parsed(text)
        if entry is None:
            self._keep(text)
            self.tail.append(text)
            if text.strip() and not self._in_traceback(text) and not self._quiet:
                self._show(text, text)
            return
        self._keep(text if self._file_json else self._rendered(entry))
        short = shortened(entry)
        self.tail.append(short)
        self._note(entry)
        if _LEVELS.get(str(entry["level"]), 50) < _LEVELS[self._level]:
            return
        if not self._all and str(entry.get("logger", "")).startswith(LIBRARIES):
            return
        shown = {key: value for key, value in entry.items() if key not in _LONG}
        equal = f"{entry['level']} {entry['event']} {entry.get('reason', '')}"
        self._show(json.dumps(shown, ensure_ascii=False) if self._console_json else short, equal)

    def quiet(self) -> None:
        """Show only what is critical from here on: all parts are being stopped, and each complains about the others."""
        self._quiet, self._level = True, "critical"

    def _in_traceback(self, text: str) -> bool:
        """Whether a printed line belongs to a traceback, but is not its last, which says what the error was."""
        if text.startswith(_TRACEBACK):
            self._traceback = True
        elif text and not text.startswith(" "):
            self._traceback = False
        return self._traceback

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _note(self, entry: Mapping[str, Any]) -> None:
        if entry["level"] != "critical":
            return
        event = str(entry["event"])
        cause = str(entry.get("cause", ""))
        if cause in _CODES:
            self.cause = Cause(cause)
        elif event in BY_EVENT:
            self.cause = BY_EVENT[event]
        else:
            return
        self.reason = str(entry.get("reason", event))

    def _show(self, text: str, equal: str) -> None:
        # Numbers differ between messages that say the same: an attempt, a port of the client's, a number of seconds.
        held = 0 if self._all else self._silence.says(re.sub(r"\d+", "#", equal))
        if held is not None:
            self._write(text if held == 0 else f"{text} (+{held})")

    def _keep(self, text: str) -> None:
        if self._file is not None:
            self._file.handle(logging.LogRecord(self.name, logging.INFO, "", 0, without_secrets(text), None, None))

    def _rendered(self, entry: Mapping[str, Any]) -> str:
        return str(self._plain(None, "", dict(entry)))


def shortened(entry: Mapping[str, Any]) -> str:
    """A line of the log for people: when, who, how bad, what, and its facts, cut to a line of a terminal."""
    head = f"{str(entry.get('timestamp', ''))[11:19]} {entry.get('service', '')} {entry['level']}: {entry['event']}"
    facts = " ".join(f"{key}={value}" for key, value in entry.items() if key not in (*_HEAD, *_LONG))
    text = " ".join(f"{head.strip()} {facts}".split())
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


def _parsed(text: str) -> dict[str, Any] | None:
    """The object that a line of the log is; None for what somebody printed."""
    if not text.startswith("{"):
        return None
    try:
        entry = json.loads(text)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and {"event", "level"} <= entry.keys() else None
