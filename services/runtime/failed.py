"""What a command says when it can't go on, and how it shows how far it is."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from services.runtime.retry import reason_of

Progress = Callable[[int, str], AbstractContextManager[Callable[[int], None]]]
"""Shows that so much of a thing is to be done, and gives what counts it."""


class Failed(RuntimeError):
    """The command can't be carried out; says why in one line."""


def postgres_failed(error: BaseException) -> Failed:
    """PostgreSQL can't be reached, or refuses: with what names its address."""
    return Failed(f"PostgreSQL: {reason_of(error)}; its address comes from SHIXIAN_POSTGRES, else from SHIXIAN_HOME")
