"""The error of a command that fails, and how a command shows its progress. Imports no client, so that every command
may import it."""

from collections.abc import Callable
from contextlib import AbstractContextManager

Progress = Callable[[int, str], AbstractContextManager[Callable[[int], None]]]
"""Shows that so much of a thing is to be done, and gives what counts it."""


_DISK_FULL = "53100"


class Failed(RuntimeError):
    """The command can't be carried out; says why in one line."""


def reason_of(error: BaseException) -> str:
    """One line that says what is wrong, for the health page and the log."""
    text = " ".join(str(error).split())
    name = type(error).__name__
    if getattr(error, "sqlstate", None) == _DISK_FULL:
        return f"PostgreSQL: disk full: {text}"
    if not text:
        return name
    return text if text.startswith(name) else f"{name}: {text}"


def postgres_failed(error: BaseException) -> Failed:
    """PostgreSQL can't be reached, or refuses: with what names its address."""
    return Failed(f"PostgreSQL: {reason_of(error)}; its address comes from SHIXIAN_POSTGRES, else from SHIXIAN_HOME")
