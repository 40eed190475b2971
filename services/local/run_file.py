"""Where the stack of a home answers, noted in its folder for the commands that look at it from beside.

Apart from the stack itself: the image has neither Kafka's packages nor PostgreSQL's, and its commands ask this, too.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from services.runtime.settings import Settings

RUN_FILE = "run.json"


@dataclass(frozen=True, slots=True)
class Running:
    """A stack that runs: the process that holds it, Kafka's bootstrap servers and PostgreSQL's URI."""

    pid: int
    kafka: str
    postgres: str


def announce(folder: Path, running: Running) -> None:
    """Note in the home where the stack answers; whole or not at all, for this user alone. Raises ``OSError``."""
    draft = folder / f"{RUN_FILE}.new"
    draft.unlink(missing_ok=True)
    draft.touch(0o600)  # the broker's password is in it
    draft.write_text(json.dumps(asdict(running)), encoding="utf-8")
    draft.replace(folder / RUN_FILE)


def running(settings: Settings) -> Running | None:
    """Where the stack of the settings' home answers, if one runs there now."""
    try:
        noted = Running(**json.loads((settings.home.expanduser() / RUN_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):  # none there, or none that can be read: then nothing of ours runs there
        return None
    return noted if psutil.pid_exists(noted.pid) else None
