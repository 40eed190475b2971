"""The subcommand ``dead-letters``: records that could not be applied are looked at, replayed or discarded."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from services.commands.console import at_home, fail
from services.runtime.failed import Failed

letters = typer.Typer(help="Look at records that could not be applied; replay or discard them.")
Names = Annotated[list[str], typer.Argument(help="topic/partition/offset, as `list` prints it.", metavar="NAME...")]


def _letters(do: Callable[[Any, Any], Any]) -> Any:
    """Run ``do(module, settings)``, a coroutine."""
    import asyncio

    from services.commands import dead_letters

    def run(settings: Any) -> Any:
        try:
            return asyncio.run(do(dead_letters, settings))
        except Failed as error:
            fail(str(error))

    return at_home(run)


@letters.command("list")
def letters_list(
    state: Annotated[str, typer.Option(help="open, replayed, discarded or all.")] = "open",
    source: Annotated[str, typer.Option(help="Only those of this intake system (the record's `source`).")] = "",
    subject: Annotated[str, typer.Option(help="Only those about this request id, or organ code.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the oldest first.")] = 100,
) -> None:
    """Print dead letters, a line each: name, when, state, subject, source, reason; - for what can't be read."""
    if state not in ("open", "replayed", "discarded", "all"):
        fail(f"--state: expected open, replayed, discarded or all, got {state!r}")
    for option, text in (("--source", source), ("--subject", subject)):
        if "\x00" in text:
            fail(f"{option}: expected text without a NUL")
    state = "" if state == "all" else state
    listed, total = _letters(
        lambda module, settings: module.find(settings, module.Wanted(state, source, subject), limit)
    )
    for letter in listed:
        columns = (str(letter.name), f"{letter.recorded_at:%Y-%m-%d %H:%M:%SZ}", letter.state)
        about = (letter.subject or "-", letter.source or "-", letter.reason)
        typer.echo("\t".join(text.replace("\n", " ").replace("\t", " ") for text in (*columns, *about)))
    if len(listed) < total:
        typer.echo(f"{len(listed)} of {total}", err=True)


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
    from services.events.lines import BOM

    try:
        edited = None if file is None else sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        fail(f"{file}: {error.strerror}")
    if edited is not None:
        edited = edited.removeprefix(BOM)  # an editor's, and no part of the fact
    for line in _letters(lambda m, settings: m.replay(settings, [m.parse(name) for name in names], edited, why)):
        typer.echo(line)


@letters.command("discard")
def letters_discard(
    names: Names, why: Annotated[str, typer.Option(help="Kept with the letter; no personal data.")]
) -> None:
    """Put dead letters aside for good, with the reason."""
    for line in _letters(lambda m, settings: m.discard(settings, [m.parse(name) for name in names], why)):
        typer.echo(line)
