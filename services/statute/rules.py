"""Where the data files of the law come from: the folder that ships, and over it an office's own.

A file of the office's folder adds to those that ship, or takes the place of the one with its name. The files are read
whole when a program starts; :func:`use` comes before anything else asks for a statute or a calendar.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from importlib import metadata, resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, ClassVar

from services.statute.errors import BadData

KINDS = ("statutes", "calendars", "forms", "scenarios", "procedures", "ladders")
"""The folders of an office's folder."""
DECIDING = ("statutes", "calendars", "procedures", "ladders")
"""Those that cases are decided by."""
CODE = 4
"""Raised with every change of what the program makes of the same files and facts, were it only a remark: an audit tells
cases that were decided before from damaged ones by the digest that this is part of."""
SUFFIX = ".toml"
SHORT = 12


@dataclass(frozen=True)
class Rules:
    """The data files in force, by kind and name."""

    folder: Path | None = None
    """The office's own folder, if it has one."""
    shipped: Mapping[str, Traversable] = field(
        default_factory=lambda: {
            "statutes": resources.files("services.statute") / "profiles",
            "calendars": resources.files("services.statute") / "calendars",
            "scenarios": resources.files("services.statute") / "scenarios",
            "procedures": resources.files("services.statute") / "procedures",
            "ladders": resources.files("services.statute") / "ladders",
        }
    )

    def files(self, kind: str, shipped: Traversable | None = None) -> dict[str, Traversable]:
        """The files of a kind by name, an office's own in place of those that ship; ``shipped`` is where those of a
        kind stand that is not the law's."""
        base = shipped or self.shipped[kind]
        shared = {file.name: file for file in base.iterdir() if file.name.endswith(SUFFIX)}
        return dict(sorted((shared | self.own(kind)).items()))

    def own(self, kind: str) -> dict[str, Traversable]:
        """The office's own files of a kind, by name."""
        if self.folder is None or not (self.folder / kind).is_dir():
            return {}
        return {file.name: file for file in sorted((self.folder / kind).iterdir()) if file.name.endswith(SUFFIX)}

    @cached_property
    def digest(self) -> str:
        """What the files in force that cases are decided by, an office's own and our reading of them are, in twelve
        hexadecimal digits.

        Services with the same digest judge alike.
        """
        total = sha256(f"code {CODE}, holidays {metadata.version('holidays')}\n".encode())
        for kind in DECIDING:
            for name, file in self.files(kind).items():
                _add(total, kind, name, file.read_bytes())
        for name, file in self.own("forms").items():
            _add(total, "forms", name, file.read_bytes())
        return total.hexdigest()[:SHORT]


def _add(total: Any, kind: str, name: str, body: bytes) -> None:
    total.update(f"{kind}/{name} {len(body)}\n".encode() + body)


def opened(folder: Path) -> Rules:
    """An office's folder over what ships. Raises :class:`BadData` for what can't be one, with what was expected."""
    if not folder.is_dir():
        raise BadData(str(folder), "$", f"expected a folder with {', '.join(KINDS)}")
    for each in sorted(folder.iterdir()):
        if each.is_dir() and each.name not in KINDS and not each.name.startswith("."):
            raise BadData(str(folder), each.name, f"unknown folder; known are {', '.join(KINDS)}")
        if each.is_dir() and each.name in KINDS:
            for file in sorted(each.iterdir()):
                if file.suffix != SUFFIX and not file.name.startswith(".") and file.name != "README.md":
                    raise BadData(str(folder), f"{each.name}/{file.name}", f"expected files named ID{SUFFIX}")
    return Rules(folder)


class _InUse:
    rules = Rules()
    forgetting: ClassVar[list[Callable[[], object]]] = []


def current() -> Rules:
    """The files in force in this process."""
    return _InUse.rules


def remembered(forget: Callable[[], object]) -> None:
    """Call ``forget`` when other files come into force: what was read of the files before must not be used again."""
    _InUse.forgetting.append(forget)


def use(rules: Rules) -> None:
    """Put ``rules`` in force in this process."""
    _InUse.rules = rules
    for forget in _InUse.forgetting:
        forget()
