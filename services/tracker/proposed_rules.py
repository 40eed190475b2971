"""Data files that somebody proposes, as a folder to be read: an office's own with the proposed ones over it."""

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct

from services.runtime.problems import FieldProblem, ProblemError
from services.statute.rules import KINDS

MOST_FILES = 500
_NAME = re.compile(rf"({'|'.join(KINDS)})/[A-Za-z0-9][A-Za-z0-9._-]{{0,99}}\.toml")
EXPECTED = f"a file named FOLDER/ID.toml, FOLDER one of {', '.join(KINDS)}"


class Proposed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Files by their place in an office's folder."""

    files: Mapping[str, str]
    """Each file's text by its name, e.g. ``statutes/CN-2019.toml``."""
    whole: bool = False
    """Whether they are all of the office's folder; else they are added to it, or take the place of single files."""


def refused(problem: str, field: str = "$.rules.files", expected: str = "data files that can be read") -> ProblemError:
    """The refusal of what was proposed."""
    wrong = FieldProblem(field=field, problem=problem[:500], expected=expected)
    return ProblemError(422, f"{field}: {problem[:500]}; expected {expected}", kind="rehearsal-refused", errors=[wrong])


def check(proposed: Proposed) -> None:
    """Raises :class:`ProblemError` for a name that can't be a data file's, and for too many files."""
    if len(proposed.files) > MOST_FILES:
        raise refused(f"are {len(proposed.files)} files", expected=f"at most {MOST_FILES}")
    if not proposed.files and not proposed.whole:
        raise refused("is empty", expected="at least one file")
    for name in proposed.files:
        if not _NAME.fullmatch(name):
            raise refused(f"has {name[:100]!r}", expected=EXPECTED)


@contextmanager
def written(proposed: Proposed, office: Path | None) -> Iterator[str]:
    """A folder with the files, removed in the end; ``office`` is the one in force. Raises :class:`ProblemError`."""
    check(proposed)
    with TemporaryDirectory(prefix="shixian-rehearsal-") as made:
        folder = Path(made)
        for kind in KINDS:
            if office is not None and not proposed.whole and (office / kind).is_dir():
                shutil.copytree(office / kind, folder / kind)
            (folder / kind).mkdir(exist_ok=True)
        for name, text in proposed.files.items():
            (folder / name).write_text(text, "utf-8")
        yield made
