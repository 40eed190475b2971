"""What keeps the local stack from starting or working, as one kind of error with a code.

The text is one line in English with the facts; the words for people, in two languages, stand with the commands.
"""

from collections.abc import Mapping
from pathlib import Path

from services.runtime.ends import Cause, cause_of


class LocalFailure(RuntimeError):
    """The stack can't start: ``end`` is the code, ``facts`` what the words need, ``details`` more lines for whoever
    looks for the reason."""

    end: Cause = Cause.FAILED

    def __init__(self, text: str, *, details: str = "", **facts: object) -> None:
        super().__init__(text + (f"\n{details}" if details else ""))
        self.text, self.details = text, details
        self.facts: Mapping[str, str] = {name: str(value) for name, value in facts.items()}


class HomeUnusable(LocalFailure):
    """The home can't serve as one."""

    def __init__(self, end: Cause, home: Path, reason: str) -> None:
        super().__init__(f"{home}: {reason}", home=home, reason=reason)
        self.end = end


class DiskFull(LocalFailure):
    """There is no room in the home."""

    end = Cause.DISK_FULL


def first_error(lines: str) -> str:
    """The line of a server's log that most likely says why it ended: its first error, else its last line."""
    stripped = [line.strip() for line in lines.splitlines() if line.strip()]
    marks = (" FATAL ", " ERROR ", "FATAL:", "PANIC:", "ERROR:", "rror: ", "Exception", "Error")
    for mark in marks:
        for line in stripped:
            if mark in line:
                return line
    return stripped[-1] if stripped else ""


def out_of_room(text: str) -> bool:
    """Whether a server's log says so: both write the system's own words, whatever the language of the machine."""
    return "No space left on device" in text or "Disk quota exceeded" in text


def of_system(error: OSError, home: Path) -> LocalFailure:
    """The failure that an error of the system's is, where a file of the home was touched."""
    reason = error.strerror or str(error)
    where = Path(error.filename) if isinstance(error.filename, str) else home
    if cause_of(error) is Cause.DISK_FULL:
        return DiskFull(f"{where}: {reason}", home=home, free="0 MB", needed="")
    end = {
        "PermissionError": Cause.HOME_NOT_OURS,
        "NotADirectoryError": Cause.HOME_IS_FILE,
        "FileExistsError": Cause.HOME_IS_FILE,
    }.get(type(error).__name__, Cause.HOME_UNUSABLE)
    return HomeUnusable(Cause.HOME_READ_ONLY if error.errno == 30 else end, where, reason)
