"""The subcommand ``rehearse``."""

from datetime import UTC, datetime, time
from pathlib import Path
from typing import Annotated

import typer

from services.commands.console import (
    RulesFolder,
    fail,
    progress,
    read_settings,
    url_of,
    use_rules,
    verbatim,
    where_from,
)
from services.commands.output import print_json


def rehearse(
    file: Annotated[
        Path | None,
        typer.Argument(help="A calendar-published fact (JSON), a statute's or calendar's file (TOML), or a folder."),
    ] = None,
    release: Annotated[
        bool, typer.Option("--release", help="The data files of this very release, and the office's own over them.")
    ] = False,
    facts: Annotated[
        Path | None, typer.Option(help="Decide the requests in this file of facts offline; no service is asked.")
    ] = None,
    as_of: Annotated[str, typer.Option(help="With --facts: on this day; left out: today.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with all requests.")] = False,
    url: Annotated[str, typer.Option(help="Address of the tracker; by default this machine's.")] = "",
    rules: RulesFolder = "",
) -> None:
    """Show which open requests a notice or changed data files would move, from what date to what date."""
    from services.commands import rehearsal_shown
    from services.commands import rehearse as rehearsing
    from services.runtime.failed import Failed

    if (file is None) != release:
        fail("expected either a file or folder, or --release")
    if as_of and facts is None:
        fail("--as-of belongs to --facts; a running tracker rehearses for today")
    use_rules(rules)
    try:
        proposed = rehearsing.this_release() if file is None else rehearsing.read(file)
        if facts is not None:
            rehearsal = rehearsing.offline(proposed, facts, _instant(as_of))
        else:
            address, named = url_of(read_settings(), "tracker", url), where_from("tracker", url)
            rehearsal = rehearsing.ask(address, named, proposed, progress, trust_env=bool(url))
    except Failed as error:
        fail(str(error))
    if as_json:
        print_json(rehearsal_shown.as_json(rehearsal))
    else:
        rehearsal_shown.show(rehearsal, verbatim())


def _instant(day: str) -> datetime:
    if not day:
        return datetime.now(UTC)
    from services.runtime.clock import day_of

    try:
        return datetime.combine(day_of(day), time(12), UTC)
    except ValueError:
        fail(f"--as-of: expected a date YYYY-MM-DD that exists, got {day!r}")
