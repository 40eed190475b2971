"""Writing what is generated, and leaving alone what an office has made its own.

Rules are ours: they are written anew each time. Who is told, and what is scraped, is the office's to say: of these
there is an example, whose first line holds the sum of the rest. While that is right nobody has changed it, and it may
be replaced by a newer one; a file that was changed stays, and the newer example stands beside it.
"""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

_SUM = "sha256:"
_SAYS = "An example by services.ops. Change it as you like: it is overwritten only while this is the sum of the rest:"


def example(text: str, comment: str = "# %s") -> str:
    """``text`` under a first line with its sum; ``comment``: how the file's language has a comment."""
    return f"{comment % f'{_SAYS} {_SUM}{_sum(text)}'}\n{text}"


def _sum(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def is_example(text: str) -> bool:
    """Whether nobody has changed it since it was written."""
    head, _, rest = text.partition("\n")
    return f"{_SUM}{_sum(rest)}" in head


def write(folder: Path, texts: Mapping[str, str]) -> dict[Path, Path]:
    """Write ``texts`` by path; the files that were changed by hand and stay, with where the new example is."""
    kept = {}
    for path, text in texts.items():
        target = folder / path
        beside = target.with_name(f"{target.name}.new")
        target.parent.mkdir(parents=True, exist_ok=True)
        if is_example(text) and _changed(target, text):
            kept[target] = beside
            target = beside
        elif is_example(text):
            beside.unlink(missing_ok=True)
        target.write_text(text, "utf-8")
    return kept


def _changed(target: Path, text: str) -> bool:
    if not target.exists():
        return False
    there = target.read_text("utf-8", errors="replace")
    return there != text and not is_example(there)
