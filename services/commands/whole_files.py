"""Files that are written whole or not at all, what stood in their place, and names that a file system takes."""

import errno
import os
import stat
from hashlib import sha256
from pathlib import Path

BEFORE = ".before"
"""Behind the name of a file: what stood there until the last run."""

_ENDING = 16
"""Bytes of an ending that is kept; a longer one tells no kind of file."""


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; a link stays one, and what is no file (a pipe, a terminal) is written as it is.

    Raises ``OSError`` with the file's name.
    """
    if _special(path):
        path.write_bytes(content)
        return
    path = Path(os.path.realpath(path))
    # Its own name and no longer one: the file's may already be as long as the file system takes.
    beside = path.with_name(f".{os.getpid()}.new")
    try:
        with beside.open("wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        if path.exists():
            beside.chmod(stat.S_IMODE(path.stat().st_mode))
        beside.replace(path)
    except OSError as error:
        error.filename = str(path)  # the name that was asked for
        raise
    finally:
        beside.unlink(missing_ok=True)


def before(path: Path) -> Path:
    """Where :func:`set_aside` keeps what stood at ``path``."""
    real = Path(os.path.realpath(path))
    return real.with_name(f"{real.name}{BEFORE}")


def set_aside(path: Path) -> Path | None:
    """Take a file away from its name, and keep it at :func:`before`; where it is then, None where there was no file.

    Raises ``OSError``.
    """
    real, kept = Path(os.path.realpath(path)), before(path)
    if not real.exists() or _special(path):
        return None
    for each in (real, kept):
        if each.is_dir():  # a folder can be renamed as well, with all that is in it
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(each))
    real.replace(kept)
    return kept


def fitting(folder: Path, name: str, more: int) -> tuple[str, str]:
    """A name as what stands before its ending, and that, short enough for ``more`` bytes to be added in ``folder``.

    What is cut off, a digest of the whole name stands for, so that two long names stay two. Raises ``OSError``.
    """
    room = os.pathconf(folder, "PC_NAME_MAX") - more
    stem, ending = Path(name).stem, Path(name).suffix
    if len(os.fsencode(name)) <= room:
        return stem, ending
    if len(os.fsencode(ending)) > _ENDING:
        stem, ending = name, ""
    digest = f"~{sha256(os.fsencode(name)).hexdigest()[:16]}"
    while len(os.fsencode(stem + digest + ending)) > room:
        stem = stem[:-1]
    return stem + digest, ending


def same(one: Path, other: Path) -> bool:
    """Whether two names are of one file, also by a link; what does not exist is like none. Raises ``OSError``."""
    return one.exists() and other.exists() and one.samefile(other)


def _special(path: Path) -> bool:
    """Whether something stands there that no file can be put in the place of, as standard output by its name."""
    return str(path.parent) in ("/dev", "/dev/fd", "/proc/self/fd") or (
        path.exists() and not path.is_file() and not path.is_dir()
    )
