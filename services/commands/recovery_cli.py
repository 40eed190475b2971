"""The subcommands of recovery: ``rebuild``, ``audit``, ``export``, ``restore``."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from services.commands.console import at_home, fail, progress
from services.runtime.failed import Failed

Service = Annotated[str, typer.Option("--service", help="tracker, stats or all.")]


def _each_service(service: str, verb: str, do: Callable[..., Any]) -> NoReturn:
    """Run ``do`` for the services named, print what it found, and end with 0, or with 1 if there are differences."""
    import asyncio

    from services.commands.rebuild import SERVICES

    names = SERVICES if service == "all" else (service,)
    if not set(names) <= set(SERVICES):
        fail(f"--service: expected one of {', '.join(SERVICES)}, all, got {service!r}")

    def run(settings: Any) -> bool:
        equal = True
        for name in names:
            try:
                result = asyncio.run(do(settings, name, progress))
            except Failed as error:
                fail(str(error))
            equal = _say(result, verb) and equal
        return equal

    raise typer.Exit(0 if at_home(run) else 1)


def _say(result: Any, verb: str) -> bool:
    """Print what became of a service's tables; whether they are equal to the log, and nothing is left to be done."""
    for difference in result.differences.shown:
        typer.echo(f"{result.service}: {difference}")
    for kind, count in result.differences.counts.items():
        typer.echo(f"{result.service}: {count} differences in {kind}")
    for case in result.older.shown:
        typer.echo(f"{result.service}: {case}, by the rules in force (decided by older ones)")
    for kind, count in result.older.counts.items():
        changes = "" if verb == "audit" else "; changed" if result.swapped else "; --swap changes them"
        typer.echo(f"{result.service}: {count} {kind} decided by older rules{changes}")
    for name in result.reused.shown:
        typer.echo(f"{result.service}: {name}", err=True)
    for count in result.reused.counts.values():
        typer.echo(f"{result.service}: {count} facts whose source and id stand under another request as well", err=True)
    for note in result.notes:
        typer.echo(f"{result.service}: {note}", err=True)
    # An audit finds no fault in what older rules decided; to a rebuild it is a change like any other.
    same = result.equal and (verb == "audit" or not result.older.total)
    nothing = "nothing applied yet" if verb == "audit" else "no tables to compare with"
    equal = nothing if not result.compared else "equal" if same else "DIFFERENT"
    typer.echo(f"{verb} {result.service}: {equal}{'; put in place' if result.swapped else ''}")
    return bool(same) and not result.moved


def rebuild(
    service: Service = "all",
    swap: Annotated[bool, typer.Option("--swap", help="Put the new tables in place even if they differ.")] = False,
) -> None:
    """Fold the tracker's and the stats' tables anew from the log and compare; equal ones are put in place."""
    from services.commands import rebuild as command

    _each_service(service, "rebuild", lambda s, name, progress: command.rebuild(s, name, progress, swap=swap))


def audit(service: Service = "all") -> None:
    """Recount every counter, and compare every row with the log; prints what differs, and changes nothing."""
    from services.commands import rebuild as command

    _each_service(service, "audit", command.check)


def export(file: Annotated[Path, typer.Argument(help="The file to write; it must not exist.")]) -> None:
    """Write the log and the published reports to a compressed file with a chain of checksums; goes on where it was."""
    from services.commands import archive

    def run(settings: Any) -> archive.Counted:
        try:
            return archive.export(settings, file, progress)
        except Failed as error:
            fail(str(error))

    counted = at_home(run)
    if counted.as_of is not None:
        typer.echo(f"shixian: {file}.part was gone on with: the log as of {counted.as_of:%Y-%m-%d %H:%M:%SZ}", err=True)
    typer.echo(f"{counted.records} records exported{_and(counted.publications)}")


def restore(file: Annotated[Path, typer.Argument(help="A file that `shixian export` wrote.")]) -> None:
    """Write an exported file into an empty cluster, each record at its old offset; goes on where it was stopped."""
    from services.commands import archive

    def run(settings: Any) -> archive.Counted:
        try:
            return archive.restore(settings, file, progress)
        except Failed as error:
            fail(str(error))

    counted = at_home(run)
    typer.echo(f"{counted.records} records are in the log{_and(counted.publications)}")


def _and(publications: int) -> str:
    """Said also where there are none: they may be in another database than the one that was asked."""
    return f", and {publications} published reports are kept"
