"""The subcommands ``report`` and ``what-if``. Each imports what it needs when it runs, so that ``--help`` is quick."""

import io
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.commands.console import RulesFolder, fail, read_settings, url_of, use_rules, verbatim
from services.commands.output import print_json
from services.runtime.failed import Failed

if TYPE_CHECKING:
    from services.stats.report import Lang

_Facts = Annotated[Path | None, typer.Option(help="Fold this file of facts offline instead of asking the service.")]


def report(
    organ: Annotated[str, typer.Option(help="The organ's code; with organs under it, the sum of them all.")],
    year: Annotated[int, typer.Option(min=1950, max=2199)],
    form: Annotated[str, typer.Option(help="The form, e.g. cn-2021; by default the one made for the year.")] = "",
    as_of: Annotated[str, typer.Option(help="A date: the report as it was known when that day ended.")] = "",
    facts: _Facts = None,
    format: Annotated[str, typer.Option(help="table, json, csv, xlsx, docx or html")] = "table",
    lang: Annotated[str, typer.Option(help="zh or en, for all formats but table and json.")] = "zh",
    output: Annotated[Path | None, typer.Option(help="Write into this file instead of standard output.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 where a rule of the form fails.")] = False,
    url: Annotated[str, typer.Option(help="Address of the stats service; by default this machine's.")] = "",
    rules: RulesFolder = "",
) -> None:
    """Print an organ's annual report."""
    from services.commands import reporting, who

    if format not in reporting.FORMATS:
        fail(f"--format: expected one of {', '.join(reporting.FORMATS)}, got {format!r}")
    if lang not in ("zh", "en"):
        fail(f"--lang: expected zh or en, got {lang!r}")
    if format in reporting.BINARY and output is None and sys.stdout.isatty():
        fail(f"--format: {format} is a binary format; give --output FILE, or redirect the output to a file")
    day = _day(as_of)
    use_rules(rules)
    language: Lang = "en" if lang == "en" else "zh"
    made_of = None
    try:
        if facts is not None:
            made = reporting.make_from(facts, form, organ, year, datetime.now(UTC), as_of=day)
            report, made_of = made.report, made.form
            content = b"" if format == "table" else reporting.written(made, format, language)
        else:
            settings = read_settings()
            address, own = url_of(settings, "stats", url), who.headers(settings)
            report = reporting.fetch(address, form, organ, year, as_of=day, headers=own)
            if format == "json":
                content = reporting.as_json(report).encode() + b"\n"
            elif format != "table":
                content = reporting.ask(
                    address, form, organ, year, format, as_of=day, lang=language, headers=own
                ).content
    except Failed as error:
        fail(str(error))
    if format == "table":
        console = verbatim() if output is None else verbatim(record=True, file=io.StringIO(), width=160)
        reporting.print_table(report, console, form=made_of)
        content = b"" if output is None else console.export_text().encode()
    _write(content, output)
    _judge(reporting.broken(report) if strict else [])


def what_if(
    statute: Annotated[str, typer.Option(help="The statute to hold the requests to, e.g. CN-2019 or UK.")],
    facts: Annotated[Path, typer.Option(help="A file of facts; no service is asked.")],
    organ: Annotated[str, typer.Option(help="Only requests to this organ.")] = "",
    year: Annotated[int, typer.Option(help="Only requests received in this year; 0: all.")] = 0,
    format: Annotated[str, typer.Option(help="table or json")] = "table",
) -> None:
    """Show how requests would have fared under another statute."""
    from services.commands import what_if

    if format not in ("table", "json"):
        fail(f"--format: expected table or json, got {format!r}")
    try:
        with facts.open("rb") as lines:
            compared = what_if.compare(lines, statute, datetime.now(UTC), organ, year)
    except OSError as error:
        fail(f"--facts: {facts}: {error.strerror}")
    except Failed as error:
        fail(str(error))
    if format == "json":
        print_json(what_if.as_json(compared))
    else:
        what_if.show(compared, verbatim())


def _write(content: bytes, output: Path | None) -> None:
    if output is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    try:
        output.write_bytes(content)
    except OSError as error:
        fail(f"--output: {output}: {error.strerror}")


def _day(text: str) -> date | None:
    if not text:
        return None
    from services.runtime.clock import day_of

    try:
        return day_of(text)
    except ValueError:
        fail(f"--as-of: expected a date YYYY-MM-DD that exists, got {text!r}")


def _judge(failures: list[str]) -> None:
    """Name each rule that fails on stderr, and exit with 1 if there is one."""
    for line in failures:
        typer.echo(f"shixian: {line}", err=True)
    if failures:
        raise typer.Exit(1)
