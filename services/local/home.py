"""A home folder looked at before anything is started in it: what can't work is said at once, in one line."""

import errno
import os
from pathlib import Path

from services.local.failures import DiskFull, HomeUnusable, of_system
from services.runtime import disk
from services.runtime.ends import Cause

POSTGRES_MAJOR = "18"
LEAST_FREE = 16_000_000
"""Bytes without which nothing is started where no reserve is set."""


def needed(reserve: int) -> int:
    """How much must be free for a start, in bytes."""
    return reserve or LEAST_FREE


def check(home: Path, reserve: int) -> None:
    """Make ``home`` if need be, and look whether the two servers can live there; ``reserve`` in bytes.

    Raises :class:`HomeUnusable` or :class:`DiskFull`.
    """
    if not home.is_absolute():
        raise HomeUnusable(Cause.HOME_UNUSABLE, home, "expected an absolute path")
    try:
        _make(home)
        _room(home, reserve)
        _postgres(home / "postgres")
        _kafka(home / "kafka")
    except OSError as error:
        raise of_system(error, home) from error


def _make(home: Path) -> None:
    for part in (*reversed(home.parents), home):
        if part.exists() and not part.is_dir():
            raise HomeUnusable(Cause.HOME_IS_FILE, part, "is a file, not a folder")
    home.mkdir(parents=True, exist_ok=True)
    owner = home.stat().st_uid
    if os.geteuid() not in (0, owner):
        raise HomeUnusable(Cause.HOME_NOT_OURS, home, f"belongs to another user (uid {owner})")
    if os.statvfs(home).f_flag & os.ST_RDONLY:
        raise HomeUnusable(Cause.HOME_READ_ONLY, home, os.strerror(errno.EROFS))
    if not os.access(home, os.R_OK | os.W_OK | os.X_OK):
        raise HomeUnusable(Cause.HOME_NOT_OURS, home, os.strerror(errno.EACCES))


def _room(home: Path, reserve: int) -> None:
    free = disk.free_bytes(home)
    if free < needed(reserve):
        shown = disk.megabytes(free), disk.megabytes(needed(reserve))
        raise DiskFull(f"{home}: {shown[0]} free, {shown[1]} needed", home=home, free=shown[0], needed=shown[1])


def _postgres(folder: Path) -> None:
    data = folder / "data"
    if not data.exists():
        return
    version = data / "PG_VERSION"
    if not version.exists():
        raise HomeUnusable(Cause.HOME_FOREIGN, data, "is no PostgreSQL cluster (no PG_VERSION in it)")
    made_by = version.read_text("ascii", errors="replace").strip()
    if made_by != POSTGRES_MAJOR:
        raise HomeUnusable(
            Cause.HOME_VERSION, data, f"was made by PostgreSQL {made_by[:20]}; this version brings {POSTGRES_MAJOR}"
        )


def _kafka(folder: Path) -> None:
    data = folder / "data"
    if data.exists() and not (data / "meta.properties").exists() and any(data.iterdir()):
        raise HomeUnusable(Cause.HOME_FOREIGN, data, "holds files, but no Kafka log (no meta.properties in it)")
