"""The subcommands that bring facts in from files: ``import`` and ``watch``. Each imports what it needs when it runs."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.commands.console import fail, progress, read_settings, url_of, where_from
from services.commands.run_cli import Url

if TYPE_CHECKING:
    from services.registers.reading import RegisterContent
    from services.runtime.settings import Settings

MapOption = Annotated[str, typer.Option("--map", help="A map (TOML), or the id of one that ships.")]
SetOption = Annotated[
    list[str] | None,
    # Without the backslash the help takes what is in brackets for a style, and leaves it out.
    typer.Option("--set", help="NAME=VALUE of the map's \\[given]; may be repeated."),
]


def import_(
    file: Annotated[Path, typer.Argument(help="A register: CSV (UTF-8 or GB18030) or a workbook (.xlsx).")],
    map: MapOption = "",
    given: SetOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List every problem, post nothing.")] = False,
    reject: Annotated[
        Path | None,
        typer.Option(
            help="Write the rows with problems to this CSV file, never FILE, to be mended and imported; post the rest."
        ),
    ] = None,
    suggest: Annotated[bool, typer.Option("--suggest", help="Print a first map for the file's headers.")] = False,
    as_facts: Annotated[bool, typer.Option("--facts", help="Print the facts as JSON lines, post nothing.")] = False,
    url: Url = "",
) -> None:
    """Import a register from a spreadsheet; safe to repeat, since ids are made from the register's own numbers."""
    from services.commands import importing
    from services.events.codec import encode

    settings = read_settings()
    register = _register(file, map, given or [], suggest, reject, settings)
    for problem in register.problems:
        typer.echo(importing.one_line(problem), err=as_facts or not dry_run)  # not among the facts
    if as_facts:
        for fact in register.facts:
            sys.stdout.buffer.write(encode(fact) + b"\n")
        raise typer.Exit(1 if register.problems else 0)
    typer.echo(importing.summary(register), err=False)
    if waiting := importing.waiting(register):
        typer.echo(waiting)
    if dry_run or (register.problems and reject is None):
        if register.problems and not dry_run:
            typer.echo("shixian: nothing was posted; --reject FILE posts the good rows and keeps the others", err=True)
        raise typer.Exit(1 if register.problems else 0)
    known = set(register.problems)
    accepted = _posted(file, register, reject, url, settings)
    for problem in register.problems:
        if problem not in known:
            typer.echo(importing.one_line(problem), err=True)
    typer.echo(f"{accepted} facts accepted 已接收 {accepted} 条事实")
    raise typer.Exit(1 if register.problems else 0)


def _register(
    file: Path, map: str, given: list[str], suggest: bool, reject: Path | None, settings: "Settings"
) -> "RegisterContent":
    """What the register says by its map, its bad rows set aside; ends with a first map where one is asked for."""
    from services.commands import importing
    from services.registers import reading
    from services.statute.errors import BadData

    try:
        if reject is not None:
            importing.refuse_over(reject, file, *([Path(map)] if map else []))
        content = importing.content_of(file)
        if suggest:
            typer.echo(importing.suggest(file.name, content), nl=False)
            raise typer.Exit
        if not map:
            fail("--map is needed: a file NAME.toml, or the id of a map that ships; --suggest writes a first one")
        by, values = importing.map_of(map), importing.given_of(given)
        register = reading.read(file.name, content, by, values, importing.judge(settings.now))
        if reject is not None and (kept := importing.keep_rejects(reject, register)):
            typer.echo(f"shixian: what stood in {reject} is kept: {kept} · {reject} 的原内容已移至 {kept}", err=True)
    except OSError as error:
        fail(f"{error.filename or file}: {error.strerror or error}")
    except (importing.NoMap, BadData) as error:
        fail(f"--map: {error}")
    except importing.BadFile as error:
        fail(str(error))
    return register


def _posted(file: Path, register: "RegisterContent", reject: Path | None, url: str, settings: "Settings") -> int:
    """Post the facts of a register; how many were accepted. What intake alone can refuse joins the bad rows."""
    from services.commands import importing
    from services.commands.who import headers
    from services.intake import client

    address, named = url_of(settings, "intake", url), where_from("intake", url)
    known = len(register.problems)

    def waiting(reason: str) -> None:
        typer.echo(f"shixian: waiting for intake at {address} ({named}): {reason}", err=True)

    with progress(len(register.facts), "importing") as advance:
        try:
            accepted = importing.post(
                register,
                address,
                advance,
                waiting,
                trust_env=bool(url),
                partial=reject is not None,
                headers=lambda: headers(settings),
            )
            if reject is not None and len(register.problems) > known:
                importing.write_rejects(reject, register)
        except client.Refused as error:
            fail(f"{file}: {error}")
        except OSError as error:
            fail(f"{error.filename or reject}: {error.strerror or error}")
        except client.Unavailable as error:
            fail(f"{file}: {error}; run it again: what is there counts once. The address comes from {named}")
    return accepted


def watch(
    folder: Annotated[Path, typer.Argument(help="Files are taken from here; done/ and failed/ stand in it.")],
    map: MapOption = "",
    given: SetOption = None,
    once: Annotated[bool, typer.Option("--once", help="Take what is there and end.")] = False,
    partial: Annotated[bool, typer.Option("--partial", help="Take the good facts of a file with bad ones.")] = False,
    every: Annotated[float, typer.Option(help="Seconds between two looks at the folder.", min=0.1)] = 2.0,
    url: Url = "",
) -> None:
    """Take facts (.jsonl) and registers (.csv, .xlsx) that other systems drop as files; each once."""
    from services.commands import importing, watching
    from services.commands.who import headers
    from services.statute.errors import BadData

    settings = read_settings()
    try:
        by = watching.By(importing.map_of(map) if map else None, importing.given_of(given or ()))
        left = watching.run(
            watching.Folder(folder),
            watching.Intake(url_of(settings, "intake", url), bool(url), settings.now, lambda: headers(settings)),
            by,
            partial=partial,
            once=once,
            every=every,
            report_line=lambda line: typer.echo(line, err=True),
        )
    except (importing.NoMap, BadData) as error:
        fail(f"--map: {error}")
    except watching.NoFolder as error:
        fail(str(error))
    raise typer.Exit(1 if left else 0)
