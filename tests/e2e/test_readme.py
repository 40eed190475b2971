"""What the two READMEs tell a newcomer to type works as written and prints what they show.

A block of shell after ``<!-- tested -->`` is run as it stands, in order, against a system that no other test looks at;
the block that follows it is its output, where ``...`` stands for anything. White space and the lines of tables don't
matter.
"""

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, fields
from pathlib import Path

import pytest
import typer

from services import cli
from services.runtime.settings import Settings
from tests.e2e.conftest import Restored, System

ROOT = Path(__file__).parents[2]
READMES = ("README.md", "README.zh-CN.md")
_BLOCK = re.compile(r"<!-- tested -->\n```sh\n(?P<command>.*?)```\n\n```\w+\n(?P<output>.*?)```", re.DOTALL)
_UP = re.compile(r"<!-- tested: make run -->\n```text\n(?P<output>.*?)```", re.DOTALL)
_TABLE_LINES = re.compile(r"[\s─━│┃┏┳┓┡╇┩┌┬┐└┴┘├┼┤]+")
COUNTED_SECONDS = 30.0


@dataclass(frozen=True)
class Block:
    """A command of a README with the output shown for it."""

    command: str
    output: str


def text(readme: str) -> str:
    return (ROOT / readme).read_text("utf-8")


def blocks(readme: str) -> list[Block]:
    """The blocks to be run. Each marker must have one, or a block would go untested unseen."""
    whole = text(readme)
    found = [Block(m["command"], m["output"]) for m in _BLOCK.finditer(whole)]
    assert found and len(found) == whole.count("<!-- tested -->")
    return found


def shown(expected: str, printed: str) -> bool:
    """Whether ``printed`` is what ``expected`` shows; ``...`` is anything."""
    pattern = re.escape(_plain(expected)).replace(re.escape("..."), ".*")
    return re.fullmatch(pattern, _plain(printed), re.DOTALL) is not None


def _plain(output: str) -> str:
    return _TABLE_LINES.sub(" ", output).strip()


def at(system: System, written: str) -> str:
    """A README's text with this system's addresses and commands."""
    for port, url in (("8701", system.intake), ("8702", system.tracker), ("8703", system.stats), ("8700", system.desk)):
        written = written.replace(f"http://127.0.0.1:{port}", url)
    return written.replace(".venv/bin/", f"{Path(sys.executable).parent}/")


def test_both_readmes_tell_the_same_commands_and_outputs() -> None:
    english, chinese = (blocks(readme) for readme in READMES)
    assert english == chinese


def test_make_run_prints_what_the_readmes_show(system: System) -> None:
    # The tests' system is what `make run` starts, with ports and a home of its own.
    outside = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    made = subprocess.run(
        ["make", "-n", "run"], cwd=ROOT, env=outside, capture_output=True, text=True, timeout=60, check=True
    )
    assert made.stdout.splitlines()[-1] == f"exec .venv/bin/{' '.join(system.command)}"
    for readme in READMES:
        found = _UP.search(text(readme))
        assert found is not None
        assert shown(at(system, found["output"]), system.printed()), system.printed()


def test_each_command_prints_what_the_readme_shows(restored: Restored, tmp_path: Path) -> None:
    copy = restored.system  # of the demo: the commands post requests that other tests don't expect
    for block in blocks(READMES[0]):
        expected, limit = at(copy, block.output), time.monotonic() + COUNTED_SECONDS
        # What was posted is counted a moment later, and every command may be repeated.
        while not shown(expected, printed := _run(at(copy, block.command), copy, tmp_path)):
            assert time.monotonic() < limit, f"{block.command}\nprints\n{printed}\nand the README shows\n{expected}"
            time.sleep(0.3)


def _run(command: str, system: System, folder: Path) -> str:
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=system.env, capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("readme", READMES)
def test_every_setting_is_listed_with_its_default(readme: str) -> None:
    rows = dict(re.findall(r"^\| `(SHIXIAN_\w+)` \|([^|]*)\|", text(readme), re.MULTILINE))
    base = Settings()
    for field in fields(Settings):
        cell = rows.pop(f"SHIXIAN_{field.name.upper()}").strip()
        default = getattr(base, field.name)
        if field.name != "home":
            assert cell == (f"`{default}`" if default not in ("", None) else ""), field.name
    assert rows.keys() == {"SHIXIAN_JARS", "SHIXIAN_MAVEN"}


@pytest.mark.parametrize("readme", READMES)
def test_every_command_is_listed(readme: str) -> None:
    listed = {
        name
        for row in re.findall(r"^\| (`shixian .*?) \|", text(readme), re.MULTILINE)
        for name in re.findall(r"`shixian (\w[\w-]*)", row)
    }
    assert listed == set(typer.main.get_command(cli.app).commands)  # type: ignore[attr-defined]  # it is a group


@pytest.mark.parametrize(
    "document",
    [
        "README.md",
        "README.zh-CN.md",
        "CONTRIBUTING.md",
        *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "docs").rglob("*.md")),
    ],
)
def test_links_lead_somewhere(document: str) -> None:
    base = (ROOT / document).parent
    for target in re.findall(r"\]\(([^)\s]+)\)", text(document)):
        if re.match(r"\w+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (base / path).resolve() if path else ROOT / document
        assert file.exists(), f"{document}: {target}"
        if anchor:
            assert anchor in {_anchor(h) for h in re.findall(r"^#+ (.*)$", file.read_text("utf-8"), re.MULTILINE)}, (
                target
            )


def _anchor(heading: str) -> str:
    """A heading's anchor as the forges make it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
