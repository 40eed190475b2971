"""Changing the access file: under a lock, written beside and put in its place whole, readable by its owner alone."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

from services.access import file
from services.access.file import Access, BadFile
from services.access.signed import Keys
from services.runtime.failed import Failed


def read(path: Path) -> Access:
    """The file's content; empty where there is none yet. Raises ``Failed``."""
    try:
        return file.decode(path.read_bytes()) if path.exists() else Access()
    except (OSError, BadFile) as error:
        raise Failed(f"{path}: {error}") from error


def change(path: Path, how: Callable[[Access], Access]) -> Access:
    """Change the file; what it holds then. Raises ``Failed``, and what ``how`` raises."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with path.with_name(f".{path.name}.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            after = how(read(path))
            put(path, file.encode(after))
    except OSError as error:
        raise Failed(f"{path}: {error.strerror}; expected a file that this user may write") from error
    return after


def put(path: Path, text: bytes) -> None:
    """Write a file in one step, for its owner alone. Raises ``OSError``."""
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as to:
        to.write(text)
        to.flush()
        os.fsync(to.fileno())
    if path.exists():
        # A service may run as another user than the one who issues tokens.
        known = path.stat()
        draft.chmod(known.st_mode & 0o777)
        if os.geteuid() == 0:
            os.chown(draft, known.st_uid, known.st_gid)
    draft.replace(path)


def new_key(path: Path) -> Keys:
    """Put a fresh key before the one that signed until now; the keys then. Raises ``Failed``."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        keys = Keys.new(Keys.read(path.read_bytes()) if path.exists() else None)
        put(path, keys.text())
    except (OSError, BadFile) as error:
        raise Failed(f"{path}: {error}") from error
    return keys
