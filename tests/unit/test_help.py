"""What ``--help`` says is all of what the commands say of themselves: nothing in it is taken for a style."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from services import cli


def commands(command: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with its words, the groups as well."""
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, *path, name)


ALL = dict(commands(get_command(cli.app)))


def plain(text: str) -> str:
    """Without breaks, frames and colours, which depend on the terminal."""
    return re.sub(r"\x1b\[[\d;]*m|[\s│╭╮╰╯─]", "", text)


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_the_help_of_a_command_stands_there_whole(path: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(cli.app, [*path, "--help"], env={"COLUMNS": "200", "TERMINAL_WIDTH": "200"})
    assert shown.exit_code == 0
    there = plain(shown.stdout)
    for one in (ALL[path], *ALL[path].params):
        said = getattr(one, "help", None) or ""
        assert plain(said.replace("\\[", "[")) in there, said


def test_the_option_set_names_the_table_of_the_map() -> None:
    shown = CliRunner().invoke(cli.app, ["import", "--help"], env={"COLUMNS": "200", "TERMINAL_WIDTH": "200"})
    assert "NAME=VALUEofthemap's[given];mayberepeated." in plain(shown.stdout)


def test_what_stands_in_brackets_in_an_account_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rich takes what is in brackets for a style, and leaves it out."""
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    call = ["due", "--statute", "CN", "--received", "2016-03-03", "--channel", "online", "--as-of", "2016-03-10"]
    shown = CliRunner().invoke(cli.app, call, env={"COLUMNS": "300", "TERMINAL_WIDTH": "300"})
    assert shown.exit_code == 0 and "by the dates that [receipt] lists for the channel" in shown.output
