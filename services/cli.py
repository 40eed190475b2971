"""The command ``shixian``. Each subcommand imports what it needs when it runs, so that ``--help`` is quick."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from services.commands import report_cli

app = typer.Typer(
    name="shixian",
    help="Time limits of requests to public authorities, tracked and counted. 依申请公开的时限跟踪与年度统计。",
    add_completion=False,
    pretty_exceptions_enable=False,
)

_UsageError: Any = typer.BadParameter.__base__
"""Typer's own class for a wrong call; it exports only its children."""

Url = Annotated[str, typer.Option(help="Address of the service; by default this machine's.")]


def fail(message: str) -> NoReturn:
    """One line on stderr and exit code 2."""
    typer.echo(f"shixian: {' '.join(message.split())}", err=True)
    raise typer.Exit(2)


def _settings() -> Any:
    from services.runtime.settings import SettingError, load

    try:
        return load()
    except SettingError as error:
        fail(str(error))


def _url(port: int, given: str = "") -> str:
    return given or f"http://127.0.0.1:{port}"


@contextmanager
def _progress(total: int, what: str) -> Iterator[Callable[[int], None]]:
    """A progress bar on stderr."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task(what, total=total)
        yield lambda n: bars.advance(task, n)


@app.command()
def up(
    demo: Annotated[bool, typer.Option("--demo", help="Also post the 2013 sample and print its report.")] = False,
    ops: Annotated[bool, typer.Option("--ops", help="Also run Prometheus and Alertmanager with the alerts.")] = False,
) -> None:
    """Run the whole system on this machine: Kafka, PostgreSQL and the three services, until Ctrl-C."""
    from services.commands.up import Failed, run

    try:
        run(_settings(), demo=demo, with_ops=ops)
    except Failed as error:
        fail(str(error))


def _serve(name: str) -> None:
    from importlib import import_module

    from services.runtime.settings import SettingError

    settings = _settings()
    try:
        if name != "intake":
            settings.require_postgres()
    except SettingError as error:
        fail(str(error))
    import_module(f"services.{name}.__main__").main()


@app.command()
def intake() -> None:
    """Run the intake service: HTTP to facts."""
    _serve("intake")


@app.command()
def tracker() -> None:
    """Run the tracker: facts to due dates and what follows from them."""
    _serve("tracker")


@app.command()
def stats() -> None:
    """Run the stats service: counts, reports and metrics."""
    _serve("stats")


@app.command()
def post(
    file: Annotated[Path, typer.Argument(help="JSON lines, a fact each; - for standard input.")], url: Url = ""
) -> None:
    """Post facts to intake, in their order; safe to repeat."""
    from services.intake import client

    try:
        lines = sys.stdin.buffer.readlines() if str(file) == "-" else file.read_bytes().splitlines()
    except OSError as error:
        fail(f"{file}: {error.strerror}")
    with _progress(len(lines), "posting") as advance:
        try:
            accepted = client.post(_url(_settings().intake_port, url), lines, advance)
        except (client.Refused, client.Unavailable) as error:
            fail(f"{file}: {error}")
    typer.echo(f"{accepted} facts accepted")


@app.command()
def sample() -> None:
    """Print the 2013 sample's facts as JSON lines (organ code gz-psb; the dates of single requests are invented)."""
    from services import samples

    for line in samples.sample():
        sys.stdout.buffer.write(line + b"\n")


app.command()(report_cli.report)
app.command()(report_cli.what_if)


@app.command()
def due(
    statute: Annotated[
        str, typer.Option(help="CN, UK, SCT, US, EU, IE, AU, DE, IN, BR, CN-LICENSING, or a version.")
    ] = "",
    received: Annotated[str, typer.Option(help="The day of receipt, YYYY-MM-DD.")] = "",
    channel: Annotated[str, typer.Option(help="How it was received; only some statutes ask.")] = "in-person",
    as_of: Annotated[str, typer.Option(help="Judge it on this day; left out: today, by this machine's clock.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Many cases: a JSON object a line in, one a line out.")
    ] = False,
    each_day: Annotated[bool, typer.Option("--each-day", help="Explain day by day instead of by ranges.")] = False,
) -> None:
    """When an answer is due, and why; no service needed."""
    from services.commands import due as dues

    if jsonl:
        if statute or received:
            fail("--jsonl reads whole cases from standard input; --statute and --received belong to a single one")
        dues.many(sys.stdin.buffer, sys.stdout.buffer)
        return
    if not statute or not received:
        fail("--statute and --received are needed (or --jsonl, to read cases from standard input)")
    try:
        found = dues.one(statute, received, channel, as_of, each_day)
    except dues.Wrong as error:
        fail(str(error))
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        dues.show(found)


Service = Annotated[str, typer.Option("--service", help="tracker, stats or all.")]


def _at_home(what: Callable[[Any], Any]) -> Any:
    """Run ``what`` with settings that say where the log and the tables are; what is wrong is one line, exit code 2."""
    from services.commands.reach import Unreachable, reach
    from services.runtime import logs

    settings = _settings()
    logs.configure(replace(settings, log_level="error"), "command")
    try:
        with reach(settings) as found:
            return what(found)
    except Unreachable as error:
        fail(str(error))


def _each_service(service: str, verb: str, do: Callable[..., Any]) -> NoReturn:
    """Run ``do`` for the services named, print what it found, and end with 0, or with 1 if there are differences."""
    import asyncio

    from services.commands.rebuild import SERVICES, Failed

    names = SERVICES if service == "all" else (service,)
    if not set(names) <= set(SERVICES):
        fail(f"--service: expected one of {', '.join(SERVICES)}, all, got {service!r}")

    def run(settings: Any) -> bool:
        equal = True
        for name in names:
            try:
                result = asyncio.run(do(settings, name, _progress))
            except Failed as error:
                fail(str(error))
            equal = _say(result, verb) and equal
        return equal

    raise typer.Exit(0 if _at_home(run) else 1)


def _say(result: Any, verb: str) -> bool:
    """Print what became of a service's tables; whether they are equal to the log."""
    for difference in result.differences.shown:
        typer.echo(f"{result.service}: {difference}")
    for kind, count in result.differences.counts.items():
        typer.echo(f"{result.service}: {count} differences in {kind}")
    for note in result.notes:
        typer.echo(f"{result.service}: {note}", err=True)
    equal = "no tables to compare with" if not result.compared else "equal" if result.equal else "DIFFERENT"
    typer.echo(f"{verb} {result.service}: {equal}{'; put in place' if result.swapped else ''}")
    return bool(result.equal)


@app.command()
def rebuild(
    service: Service = "all",
    swap: Annotated[bool, typer.Option("--swap", help="Put the new tables in place even if they differ.")] = False,
) -> None:
    """Fold the tracker's and the stats' tables anew from the log and compare; equal ones are put in place."""
    from services.commands import rebuild as command

    _each_service(service, "rebuild", lambda s, name, progress: command.rebuild(s, name, progress, swap=swap))


@app.command()
def audit(service: Service = "all") -> None:
    """Recount every counter, and compare every row with the log; prints what differs, and changes nothing."""
    from services.commands import rebuild as command

    _each_service(service, "audit", command.check)


@app.command()
def export(file: Annotated[Path, typer.Argument(help="The file to write; it must not exist.")]) -> None:
    """Write the whole log to a compressed file with a chain of checksums; goes on where it was stopped."""
    from services.commands import archive

    def run(settings: Any) -> int:
        try:
            return archive.export(settings, file, _progress)
        except archive.Failed as error:
            fail(str(error))

    typer.echo(f"{_at_home(run)} records exported")


@app.command()
def restore(file: Annotated[Path, typer.Argument(help="A file that `shixian export` wrote.")]) -> None:
    """Write an exported log into an empty cluster, each record at its old offset; goes on where it was stopped."""
    from services.commands import archive

    def run(settings: Any) -> int:
        try:
            return archive.restore(settings, file, _progress)
        except archive.Failed as error:
            fail(str(error))

    typer.echo(f"{_at_home(run)} records are in the log")


letters = typer.Typer(help="Records that could not be applied: looked at, put back, or put aside.")
app.add_typer(letters, name="dead-letters")
Names = Annotated[list[str], typer.Argument(help="topic/partition/offset, as `list` prints it.", metavar="NAME...")]


def _letters(do: Callable[[Any, Any], Any]) -> Any:
    """Run ``do(module, settings)``, a coroutine."""
    import asyncio

    from services.commands import dead_letters

    def run(settings: Any) -> Any:
        try:
            return asyncio.run(do(dead_letters, settings))
        except dead_letters.Failed as error:
            fail(str(error))

    return _at_home(run)


@letters.command("list")
def letters_list(
    state: Annotated[str, typer.Option(help="open, replayed, discarded or all.")] = "open",
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the oldest first.")] = 100,
) -> None:
    """Print dead letters, a line each: name, when, state, reason."""
    if state not in ("open", "replayed", "discarded", "all"):
        fail(f"--state: expected open, replayed, discarded or all, got {state!r}")
    found, total = _letters(lambda module, settings: module.find(settings, "" if state == "all" else state, limit))
    for letter in found:
        line = f"{letter.name}\t{letter.recorded_at:%Y-%m-%d %H:%M:%SZ}\t{letter.state}\t{letter.reason}"
        typer.echo(line.replace("\n", " "))
    if len(found) < total:
        typer.echo(f"{len(found)} of {total}", err=True)


@letters.command("show")
def letters_show(
    name: Annotated[str, typer.Argument(help="topic/partition/offset, as `list` prints it.")],
    raw: Annotated[
        bool, typer.Option("--raw", help="Only the bytes, as they were: to be edited and replayed.")
    ] = False,
) -> None:
    """Print all that is known of one dead letter."""

    async def show(module: Any, settings: Any) -> Any:
        return module, await module.show(settings, module.parse(name))

    module, letter = _letters(show)
    if raw:
        sys.stdout.buffer.write(letter.value)
    else:
        typer.echo("\n".join(module.describe(letter)))


@letters.command("replay")
def letters_replay(
    names: Names,
    file: Annotated[Path | None, typer.Option(help="Put this in the place of the bytes; - for standard input.")] = None,
    why: Annotated[str, typer.Option(help="Kept with the letter; no personal data.")] = "",
) -> None:
    """Put dead letters back onto the log, as they were or edited; they must be facts by now."""
    if file is not None and len(names) > 1:
        fail("--file: expected one name with it")
    try:
        edited = None if file is None else sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        fail(f"{file}: {error.strerror}")
    for line in _letters(lambda m, settings: m.replay(settings, [m.parse(name) for name in names], edited, why)):
        typer.echo(line)


@letters.command("discard")
def letters_discard(
    names: Names, why: Annotated[str, typer.Option(help="Kept with the letter; no personal data.")]
) -> None:
    """Put dead letters aside for good, with the reason."""
    for line in _letters(lambda m, settings: m.discard(settings, [m.parse(name) for name in names], why)):
        typer.echo(line)


@app.command()
def schema(
    format: Annotated[str, typer.Option(help="json-schema, asyncapi or statute")] = "json-schema",
    type: Annotated[str, typer.Option(help="One event type by its name, e.g. answer-issued.")] = "",
) -> None:
    """Print the JSON Schema of the events, the AsyncAPI document of the topics, or the schema of statute files."""
    from services.events import asyncapi, schema
    from services.statute import profile_schema

    if format == "asyncapi":
        document = asyncapi.asyncapi()
    elif format == "statute":
        document = profile_schema.schema()
    elif format == "json-schema":
        try:
            document = schema.json_schema(type or None)
        except schema.UnknownType as error:
            fail(f"--type: {error}")
    else:
        fail(f"--format: expected json-schema, asyncapi or statute, got {format!r}")
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2))


def main() -> None:
    """The entry point: what is wrong with a call is one line on stderr and exit code 2."""
    if len(sys.argv) == 1:
        sys.argv.append("--help")
    try:
        code = app(standalone_mode=False)
    except _UsageError as error:
        typer.echo(f"shixian: {' '.join(error.format_message().split())}", err=True)
        code = 2
    except (typer.Abort, KeyboardInterrupt):
        code = 130
    sys.exit(code)
