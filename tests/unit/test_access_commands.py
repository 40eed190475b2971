"""``shixian user`` and ``shixian token``: nothing is changed that nobody asked for, and every name can be read."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.commands import access_cli
from services.commands.access_file import read

PASSWORD = "a long enough password"
OFFICER = ("--role", "officer", "--organ", "gz-psb")
TOKEN = ("--scope", "facts:write", "--organ", "gz-psb")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "access.json"
    monkeypatch.setenv("SHIXIAN_ACCESS", str(path))
    return path


def user(*words: str, password: str = PASSWORD) -> tuple[int, str]:
    ended = CliRunner().invoke(access_cli.user, ["add", *words], input=f"{password}\n")
    return ended.exit_code, ended.output


def test_an_account_that_is_there_is_changed_only_on_demand(file: Path) -> None:
    assert user("li", "--replace", *OFFICER)[0] == 2, "there is none yet"
    assert user("li", *OFFICER)[0] == 0
    before = file.read_bytes()
    code, told = user("li", "--role", "admin", "--every-organ")
    assert (code, told.count("\n")) == (2, 1) and "li: there is such an account; --replace changes" in told
    assert file.read_bytes() == before
    assert user("li", "--role", "publisher", "--organ", "gz", "--replace", password="another long password")[0] == 0
    [changed] = read(file).users
    assert (changed.roles, changed.organs) == (("publisher",), ("gz",))
    assert changed.password.encode() not in before


@pytest.mark.parametrize("name", ["", " ", "l i", "x" * 101, "li\n"])
def test_an_account_has_a_name_that_can_be_read(file: Path, name: str) -> None:
    assert user(name, *OFFICER)[0] == 2
    assert not file.exists()


@pytest.mark.parametrize("name", ["", " ", "x" * 101, "a\nb"])
def test_a_token_has_a_name_that_can_be_read(file: Path, name: str) -> None:
    ended = CliRunner().invoke(access_cli.token, ["create", name, *TOKEN])
    assert ended.exit_code == 2 and "expected a name of 1 to 100 characters" in ended.output
    assert (
        CliRunner().invoke(access_cli.token, ["create", "intake", "--scope", "facts:write", "--organ", ""]).exit_code
        == 2
    )
    assert not file.exists()
    assert CliRunner().invoke(access_cli.token, ["create", "intake of the bureau", *TOKEN]).exit_code == 0
