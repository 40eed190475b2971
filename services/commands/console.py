"""What the subcommands share: how a wrong call ends, where the settings are, how far a thing is."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from rich.console import Console

RulesFolder = Annotated[
    str, typer.Option("--rules", help="A folder of the office's own files; by default that of SHIXIAN_RULES.")
]


def fail(message: str) -> NoReturn:
    """One line on stderr and exit code 2."""
    typer.echo(f"shixian: {' '.join(message.split())}", err=True)
    raise typer.Exit(2)


def read_settings() -> Any:
    """The settings; one that is wrong ends the command with its name."""
    from services.runtime.settings import SettingError, load

    try:
        return load()
    except SettingError as error:
        fail(str(error))


def use_rules(folder: str = "") -> None:
    """Put the data files of an office in force, of ``folder`` or else of ``SHIXIAN_RULES``; a bad one is one line.

    Without a folder there is nothing to check: what ships was read by the tests, and each command reads what it needs.
    """
    chosen = folder or read_settings().rules
    if not chosen:
        return
    from services.stats import in_force
    from services.statute.errors import StatuteError

    try:
        in_force.use(chosen)
    except StatuteError as error:
        fail(f"{'--rules' if folder else 'SHIXIAN_RULES'}: {error}")


def url_of(settings: Any, service: str, given: str = "") -> str:
    """The address given, else that of this machine's ``service``; one that is no address ends the command."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(given or settings.url(service))
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return parts.geturl().rstrip("/")
    except ValueError as error:
        fail(f"--url: expected an address like http://127.0.0.1:8701, got {given!r} ({error})")
    fail(f"--url: expected an address like http://127.0.0.1:8701, got {given!r}")


def where_from(service: str, given: str) -> str:
    """What names the address of ``service``, for a message that nobody answers there."""
    return "--url" if given else f"SHIXIAN_HOST, SHIXIAN_{service.upper()}_PORT"


@contextmanager
def progress(total: int, what: str) -> Iterator[Callable[[int], None]]:
    """A progress bar on stderr."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task(what, total=total)
        yield lambda n: bars.advance(task, n)


def verbatim(**options: Any) -> "Console":
    """A terminal that shows names as they are: what is in brackets is no style, what is in colons no picture."""
    from rich.console import Console

    return Console(markup=False, emoji=False, **options)


def at_home(what: Callable[[Any], Any]) -> Any:
    """Run ``what`` with settings that say where the log and the tables are; what is wrong is one line, exit code 2."""
    from services.commands.reach import Unreachable, reach
    from services.runtime import logs

    settings = read_settings()
    logs.configure(replace(settings, log_level="error"), "command")
    # That a broker is away the command says itself, in one line, so the client library need not log it.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        with reach(settings) as reachable:
            return what(reachable)
    except Unreachable as error:
        fail(str(error))
