"""What a command says when it can't go on, and how it shows how far it is."""

from collections.abc import Callable
from contextlib import AbstractContextManager

Progress = Callable[[int, str], AbstractContextManager[Callable[[int], None]]]
"""Shows that so much of a thing is to be done, and gives what counts it."""


class Failed(RuntimeError):
    """The command can't be carried out; says why in one line."""
