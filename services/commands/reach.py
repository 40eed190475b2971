"""Where the log and the tables are for a command: where the settings say, else at the local stack of the home.

If `shixian up` runs there, its Kafka and PostgreSQL are used; else the two are started for as long as the command runs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from services.commands import ends
from services.local.failures import LocalFailure
from services.local.run_file import running
from services.runtime.settings import Settings


class Unreachable(RuntimeError):
    """What the command needs can't be had; says why in one line."""


@contextmanager
def reach(settings: Settings) -> Iterator[Settings]:
    """The settings with addresses that answer, or should. Raises :class:`Unreachable`."""
    if settings.kafka and settings.postgres:
        yield settings
        return
    if (stack := running(settings)) is not None:
        yield replace(settings, kafka=settings.kafka or stack.kafka, postgres=settings.postgres or stack.postgres)
        return
    try:  # not sooner: the image has neither Kafka's packages nor PostgreSQL's
        from services.local.stack import LocalStack
    except ModuleNotFoundError as error:
        text = "SHIXIAN_KAFKA, SHIXIAN_POSTGRES: expected both; this installation has no servers of its own"
        raise Unreachable(f"{text} ({error.name} is not installed)") from error

    own = LocalStack(settings)
    try:
        own.start()
    except LocalFailure as error:
        raise Unreachable(ends.one_line(error)) from error
    try:
        yield replace(settings, kafka=own.kafka, postgres=own.postgres)
    finally:
        own.stop()
