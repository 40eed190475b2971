"""A file that is read again when it has changed: a Kubernetes secret is exchanged under a process that runs."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import structlog

from services.runtime.health import Part

LOOK_SECONDS = 1.0
"""A change counts after this long."""

T = TypeVar("T")
log = structlog.get_logger(__name__)


class KeptFile(Generic[T]):
    """What ``read`` makes of the file at ``path``. One that can't be read any more leaves what was read last in
    force, and the part says why: a mistake in it must not shut everyone out."""

    def __init__(
        self, path: Path, read: Callable[[bytes], T], part: Part, now: Callable[[], float] = time.monotonic
    ) -> None:
        """Reads it at once. Raises ``OSError``, and ``ValueError`` where ``read`` does."""
        self._path, self._read, self._part, self._now = path, read, part, now
        self._mark = self._look()
        self._value = read(path.read_bytes())
        self._looked = now()
        self.changed: Callable[[T, T], None] = lambda before, after: None
        """Called after each change, with the content before and after it."""
        part.ok()

    def __call__(self) -> T:
        """The file's content as of a second ago at most."""
        if self._now() - self._looked >= LOOK_SECONDS:
            self._looked = self._now()
            self._refresh()
        return self._value

    def _refresh(self) -> None:
        try:
            mark = self._look()
            if mark == self._mark:
                return
            before, self._value = self._value, self._read(self._path.read_bytes())
        except (OSError, ValueError) as error:
            if self._part.is_ok:
                log.error("file_not_read", file=self._path.name, reason=str(error))
            self._part.waiting(f"{self._path.name}: {error}; what was read before stays in force")
            return
        self._mark = mark
        self._part.ok()
        log.info("file_read", file=self._path.name)
        self.changed(before, self._value)

    def _look(self) -> tuple[int, int, int]:
        stat = self._path.stat()
        return stat.st_mtime_ns, stat.st_size, stat.st_ino
