"""The subcommands that need nothing but the law and the contract: ``due``, ``check`` and ``schema``."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from services.commands.console import RulesFolder, fail, use_rules
from services.commands.output import print_json


def due(
    statute: Annotated[
        str, typer.Option(help="CN, UK, SCT, US, EU, IE, AU, DE, IN, BR, CN-LICENSING, or a version.")
    ] = "",
    received: Annotated[str, typer.Option(help="The day of receipt, YYYY-MM-DD.")] = "",
    channel: Annotated[str, typer.Option(help="How it was received; only some statutes ask.")] = "in-person",
    as_of: Annotated[str, typer.Option(help="As of this day; by default today, by this machine's clock.")] = "",
    known_on: Annotated[str, typer.Option(help="Count with the calendar as it was known on this day.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Many cases: a JSON object a line in, one a line out.")
    ] = False,
    each_day: Annotated[bool, typer.Option("--each-day", help="Explain day by day instead of by ranges.")] = False,
    item: Annotated[str, typer.Option(help="The code of the service item that it is for.")] = "",
    items: Annotated[
        Path | None, typer.Option(help="Facts with item-registered, JSON lines; left out: the sample's items.")
    ] = None,
    rules: RulesFolder = "",
) -> None:
    """When an answer is due, and why; no service needed."""
    from services.commands import due as dues

    use_rules(rules)
    if jsonl:
        if statute or received or known_on or item:
            options = "--statute, --received, --known-on and --item"
            fail(f"--jsonl reads whole cases from standard input; it can't be used with {options}")
        dues.many(sys.stdin.buffer, sys.stdout.buffer)
        return
    if not statute or not received:
        fail("--statute and --received are needed (or --jsonl, to read cases from standard input)")
    try:
        asked = dues.item_named(item, items) if item else None
        answer = dues.one(statute, received, channel, as_of, each_day, known_on, asked)
    except dues.Wrong as error:
        fail(str(error))
    if as_json:
        print_json(json.dumps(answer, ensure_ascii=False, indent=2))
    else:
        dues.show(answer)


def check(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Scenario files (TOML); by default those that ship and the office's own."),
    ] = None,
    rules: RulesFolder = "",
) -> None:
    """Compare scenarios of the law with what the program makes of them; exit 1 where one comes out otherwise."""
    from services.commands import check as checks

    use_rules(rules)
    wrong = total = 0
    try:
        for one in checks.check(files or checks.in_force()):
            total += 1
            wrong += bool(one.differences)
            for each in one.differences:
                typer.echo(f"{one.file}: {one.name}: {each.key}: expected {each.expected}, found {each.found}")
            if one.differences:
                typer.echo(f"    {one.source}")
    except checks.Unreadable as error:
        fail(str(error))
    typer.echo(f"{total} scenarios, {wrong} with another result 共{total}个情形，{wrong}个结果不符")
    raise typer.Exit(1 if wrong else 0)


def schema(
    format: Annotated[
        str, typer.Option(help="json-schema, asyncapi, statute, calendar, form, scenario or map")
    ] = "json-schema",
    type: Annotated[str, typer.Option(help="One event type by its name, e.g. answer-issued.")] = "",
) -> None:
    """Print the JSON Schema of the events or of a data file's format, or the AsyncAPI document of the topics."""
    from services.commands import formats
    from services.events import asyncapi, schema

    if format == "asyncapi":
        document = asyncapi.asyncapi()
    elif format in formats.TITLES:
        document = formats.schema(format)
    elif format == "json-schema":
        try:
            document = schema.json_schema(type or None)
        except schema.UnknownType as error:
            fail(f"--type: {error}")
    else:
        fail(f"--format: expected json-schema, asyncapi, {', '.join(formats.TITLES)}, got {format!r}")
    print_json(json.dumps(document, ensure_ascii=False, indent=2))
