"""What the subcommands share: how a wrong call ends, where the settings are, how far a thing is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, Any, NoReturn

import typer

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
    """Put the data files of an office in force, of ``folder`` or else of ``SHIXIAN_RULES``; a bad one is one line."""
    from services.stats import in_force
    from services.statute.errors import StatuteError

    chosen = folder or read_settings().rules
    try:
        in_force.use(chosen)
    except StatuteError as error:
        fail(f"{'--rules' if folder else 'SHIXIAN_RULES'}: {error}")


def url_of(port: int, given: str = "") -> str:
    """The address given, else this machine's."""
    return given or f"http://127.0.0.1:{port}"


@contextmanager
def progress(total: int, what: str) -> Iterator[Callable[[int], None]]:
    """A progress bar on stderr."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task(what, total=total)
        yield lambda n: bars.advance(task, n)


def at_home(what: Callable[[Any], Any]) -> Any:
    """Run ``what`` with settings that say where the log and the tables are; what is wrong is one line, exit code 2."""
    from services.commands.reach import Unreachable, reach
    from services.runtime import logs

    settings = read_settings()
    logs.configure(replace(settings, log_level="error"), "command")
    try:
        with reach(settings) as found:
            return what(found)
    except Unreachable as error:
        fail(str(error))
