"""Standard output that can't be written, or has no sign for Chinese: one line, the right exit code, nothing lost."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.commands.output import escaped
from services.samples import sample

RUN = [sys.executable, "-c", "from services.cli import main; main()"]
DUE = ("due", "--statute", "CN", "--received", "2025-01-20")
COMMANDS = {
    "due": DUE,
    "due-json": (*DUE, "--json"),
    "sample": ("sample",),
    "check": ("check",),
    "schema": ("schema",),
    "help": ("--help",),
    "report": ("report", "--organ", "gz-psb", "--year", "2013"),
    "csv": ("report", "--organ", "gz-psb", "--year", "2013", "--format", "csv"),
    "what-if": ("what-if", "--statute", "CN-2019"),
}


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("output") / "facts.jsonl"
    file.write_bytes(b"\n".join(sample()))
    return file


def call(command: str, facts: Path) -> list[str]:
    words = COMMANDS[command]
    return [*RUN, *words, *(("--facts", str(facts)) if words[0] in ("report", "what-if") else ())]


def environment(encoding: str = "utf-8") -> dict[str, str]:
    return {**os.environ, "PYTHONIOENCODING": encoding, "COLUMNS": "200"}


@pytest.mark.parametrize("command", list(COMMANDS))
def test_a_full_disk_is_one_line(command: str, facts: Path) -> None:
    with open("/dev/full", "wb") as full:
        ended = subprocess.run(call(command, facts), stdout=full, stderr=subprocess.PIPE, text=True, env=environment())
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1), ended.stderr
    assert "standard output" in ended.stderr and "No space left on device" in ended.stderr


@pytest.mark.parametrize("command", ["due", "sample", "csv"])
def test_a_reader_that_has_seen_enough_and_one_that_nobody_wants_are_no_news(command: str, facts: Path) -> None:
    there, here = os.pipe()
    os.close(there)
    ended = subprocess.run(call(command, facts), stdout=here, stderr=subprocess.PIPE, text=True, env=environment())
    os.close(here)
    assert (ended.returncode, ended.stderr) == (1, "")
    closed = ["sh", "-c", '"$@" >&-', "sh", *call(command, facts)]
    ended = subprocess.run(closed, stderr=subprocess.PIPE, text=True, env=environment())
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("encoding", ["ascii", "iso-8859-1", "gbk"])
@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "schema"])
def test_an_encoding_without_a_sign_loses_nothing(command: str, encoding: str, facts: Path) -> None:
    ended = subprocess.run(call(command, facts), capture_output=True, env=environment(encoding), check=True)
    # What programs read is UTF-8 everywhere; an encoding of English letters alone is taken for one that nobody chose.
    said = ended.stdout.decode("utf-8" if encoding == "ascii" or command in ("csv", "sample") else encoding)
    wanted = {"due": "期限最后一日", "check": "个情形", "report": "申请总数"}.get(command, "")
    assert wanted in said or "".join(f"\\u{ord(sign):04x}" for sign in wanted) in said


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "iso-8859-1", "gbk"])
@pytest.mark.parametrize("command", ["due-json", "schema"])
def test_json_is_the_same_in_every_encoding(command: str, encoding: str, facts: Path) -> None:
    whole = subprocess.run(call(command, facts), capture_output=True, env=environment(), check=True)
    ended = subprocess.run(call(command, facts), capture_output=True, env=environment(encoding), check=True)
    assert json.loads(ended.stdout.decode("utf-8")) == json.loads(whole.stdout.decode())


def test_what_is_escaped_is_json() -> None:
    text = '"é时𠮷"'
    error = UnicodeEncodeError("ascii", text, 1, 4, "no such sign")
    assert json.loads(f'"{escaped(error)[0]}"') == "é时𠮷"
