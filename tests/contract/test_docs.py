"""The pages for developers name only what there is: every path, module and symbol; the layers are the linter's."""

import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("docs/architecture.md", "CONTRIBUTING.md")
_CODE = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(r"^[\w.*{},/-]+/?$")
_SYMBOL = re.compile(r"^(?:[a-z_]+\.)?([A-Za-z_][A-Za-z_0-9]*)(?:\(\))?$")
_ENDINGS = (".py", ".toml", ".sql", ".json", ".jsonl", ".css", ".html", ".md", ".sh")
ELSEWHERE = {"ID.toml", "NAME.json", "FILE.jsonl"}
"""Names that stand for any."""


@cache
def files() -> tuple[str, ...]:
    skipped = (".git/", ".venv/", "__pycache__")
    found = (p.relative_to(ROOT).as_posix() for p in ROOT.rglob("*") if p.is_file())
    return tuple(f for f in found if not any(s in f"{f}/" for s in skipped))


@cache
def folders() -> frozenset[str]:
    return frozenset(parent.as_posix() for file in files() for parent in Path(file).parents)


def named(page: str) -> list[str]:
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text("utf-8"), flags=re.DOTALL)
    return [found[1] for found in _CODE.finditer(text)]


def exists(name: str) -> bool:
    """Whether a path that a page names is there: whole, or the end of one (``tracker/worker.py``)."""
    plain = re.sub(r"(?:ID|NAME|\*)\.(\w+)$", "", name).rstrip("/")
    if name.endswith("*_cli.py"):
        return any(f.endswith("_cli.py") for f in files())
    if plain != name.rstrip("/") or name.endswith("/"):
        return any(f == plain or f.endswith(f"/{plain}") for f in folders())
    return any(f == plain or f.endswith(f"/{plain}") for f in (*files(), *folders()))


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_is_named_exists(page: str) -> None:
    paths = [
        n for n in named(page) if _PATH.match(n) and ("/" in n or n.endswith(_ENDINGS)) and not n.startswith(("/", "."))
    ]
    assert len(paths) >= 15
    assert [n for n in paths if n not in ELSEWHERE and not exists(n)] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_constant_and_class_that_is_named_exists(page: str) -> None:
    source = "\n".join(
        (ROOT / f).read_text("utf-8") for f in files() if f.endswith((".py", ".toml", "Makefile", ".sql"))
    )
    symbols = {m[1] for n in named(page) if (m := _SYMBOL.match(n)) and (m[1].isupper() or m[1][0].isupper())}
    assert [s for s in sorted(symbols) if not re.search(rf"\b{s}\b", source)] == []


def test_the_house_that_is_drawn_is_the_one_that_stands() -> None:
    text = (ROOT / "docs/architecture.md").read_text("utf-8")
    drawn = re.search(r"## 2\. The house\n+```text\n(.*?)```", text, re.DOTALL)
    assert drawn is not None
    rooms = set(re.findall(r"^  (\w+)/", drawn[1], re.MULTILINE))
    assert rooms == {f.split("/")[1] for f in files() if f.startswith("services/") and f.count("/") > 1}
    tests = re.search(r"^tests/ +(.*)$", drawn[1], re.MULTILINE)
    assert tests is not None
    assert set(tests[1].split()) == {f"{f.split('/')[1]}/" for f in files() if re.match(r"tests/\w+/test_", f)}


def test_the_layers_are_those_of_the_linter() -> None:
    text = (ROOT / "docs/architecture.md").read_text("utf-8")
    drawn = re.search(r"## 3\. Who may import what\n+```text\n(.*?)```", text, re.DOTALL)
    assert drawn is not None
    shown = [re.sub(r"\(.*", "", line).strip(" └─") for line in drawn[1].splitlines() if line.strip()]
    layers = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"][0][
        "layers"
    ]
    held = [sorted(name.strip().removeprefix("services.") for name in re.split(r"[|:]", layer)) for layer in layers]
    assert [sorted(name.strip() for name in line.split("|")) for line in shown] == held
