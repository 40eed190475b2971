"""The subcommands that run the services, and those that feed them. Each imports what it needs when it runs."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from services.commands.console import fail, progress, read_settings, url_of, where_from

Url = Annotated[str, typer.Option(help="Address of the service; by default this machine's.")]


def up(
    demo: Annotated[
        bool, typer.Option("--demo", help="Also post the samples: the year 2013, and an invented bureau of today.")
    ] = False,
    ops: Annotated[bool, typer.Option("--ops", help="Also run Prometheus and Alertmanager with the alerts.")] = False,
) -> None:
    """Run the whole system on this machine: Kafka, PostgreSQL and the four services, until Ctrl-C."""
    from services.runtime.failed import Failed

    try:
        from services.commands.up import run
    except ModuleNotFoundError as error:  # the image runs the services one by one, beside servers of their own
        fail(f"up: this installation has no servers of its own to start ({error.name} is not installed)")
    try:
        run(read_settings(), demo=demo, with_ops=ops)
    except Failed as error:
        fail(str(error))


def _serve(name: str) -> None:
    from importlib import import_module

    from services.runtime.settings import SettingError

    settings = read_settings()
    try:
        settings.require_safe()
        if name in ("tracker", "stats"):
            settings.require_postgres()
    except SettingError as error:
        fail(str(error))
    import_module(f"services.{name}.__main__").main()


def intake() -> None:
    """Run the intake service: HTTP to facts."""
    _serve("intake")


def tracker() -> None:
    """Run the tracker: facts to due dates and what follows from them."""
    _serve("tracker")


def stats() -> None:
    """Run the stats service: counts, reports and metrics."""
    _serve("stats")


def desk() -> None:
    """Run the desk: every page that people look at, made from the APIs of the other three."""
    _serve("desk")


def post(
    file: Annotated[Path, typer.Argument(help="JSON lines, a fact each; - for standard input.")],
    url: Url = "",
    partial: Annotated[
        bool, typer.Option("--partial", help="Post the good lines and name the others; else all or none.")
    ] = False,
) -> None:
    """Post facts to intake, in their order; safe to repeat. Names every line that is no fact."""
    from services.commands import who
    from services.intake import client

    try:
        lines = sys.stdin.buffer.readlines() if str(file) == "-" else file.read_bytes().splitlines()
    except OSError as error:
        fail(f"{file}: {error.strerror}")
    settings = read_settings()
    address, named = url_of(settings, "intake", url), where_from("intake", url)

    def waiting(reason: str) -> None:
        typer.echo(f"shixian: waiting for intake at {address} ({named}): {reason}", err=True)

    bad = [] if partial else client.check(lines)
    for each in bad:
        typer.echo(f"shixian: {file}: {each}", err=True)
    if bad:
        fail(f"{file}: {len(bad)} of {len(lines)} lines are not facts; nothing was posted (--partial posts the others)")
    with progress(len(lines), "posting") as advance:
        try:
            posted = client.post(
                address,
                lines,
                advance,
                partial=partial,
                on_wait=waiting,
                trust_env=bool(url),
                headers=lambda: who.headers(settings),
            )
        except client.Refused as error:
            fail(f"{file}: {error}")
        except client.Unavailable as error:
            fail(f"{file}: {error}; is `shixian up` running? The address comes from {named}")
    for each in posted.bad:
        typer.echo(f"shixian: {file}: {each}", err=True)
    typer.echo(f"{posted.accepted} facts accepted")
    if posted.bad:
        fail(f"{file}: {len(posted.bad)} lines were refused, the others posted")


def sample(
    items: Annotated[bool, typer.Option("--items", help="Its 34 service items (all invented) instead.")] = False,
) -> None:
    """Print the 2013 sample's facts as JSON lines (organ code gz-psb; the dates of single requests are invented)."""
    from services import samples

    for line in samples.items() if items else samples.sample():
        sys.stdout.buffer.write(line + b"\n")
