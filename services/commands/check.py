"""``shixian check``: scenarios of the law out of files, each compared with what the program makes of it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from services.statute import rules
from services.statute.errors import BadData
from services.tracker.core import scenarios
from services.tracker.core.scenarios import Difference


class Unreadable(ValueError):
    """A file that holds no scenarios; says which, and why."""


@dataclass(frozen=True)
class Checked:
    """One scenario and where it came out otherwise."""

    file: str
    name: str
    source: str
    differences: list[Difference]


def in_force() -> list[Path]:
    """The scenario files in force: those that ship, and an office's own."""
    return [Path(str(path)) for path in rules.current().files("scenarios").values()]


def check(files: Iterable[Path]) -> Iterator[Checked]:
    """Every scenario of the files. Raises :class:`Unreadable`."""
    for file in files:
        try:
            text = file.read_text("utf-8")
            read = scenarios.read(file.name, text)
        except OSError as error:
            raise Unreadable(f"{file}: {error.strerror or error}") from None
        except UnicodeDecodeError as error:
            raise Unreadable(f"{file}: expected UTF-8, {error.reason} at byte {error.start}") from None
        except BadData as error:
            raise Unreadable(f"{file.parent / error.file}: {error.key}: {error.reason}") from None
        for one in read:
            yield Checked(file.name, one.name, one.source, scenarios.differences(one))
