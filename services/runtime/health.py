"""What a service says about itself: is each of its parts able to work, and if not, since when and why."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

State = Literal["ok", "waiting", "away"]


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Part:
    """One thing that a service needs, reported by the code that uses it.

    ``waiting``: it can't be used yet (starting, or a call is being repeated); ``away``: it can't be reached.
    """

    name: str
    state: State = "waiting"
    reason: str = "starting"
    since: datetime = field(default_factory=_now)
    """When the state was entered; real time, not the service's clock."""
    is_needed: bool = True
    """Whether the service can't do its work without it; what is not needed is shown, but never makes it not ready."""

    @property
    def is_ok(self) -> bool:
        return self.state == "ok"

    def ok(self) -> None:
        self._enter("ok", "")

    def waiting(self, reason: str) -> None:
        self._enter("waiting", reason)

    def away(self, reason: str) -> None:
        self._enter("away", reason)

    def _enter(self, state: State, reason: str) -> None:
        if state != self.state:
            self.since = _now()
        self.state, self.reason = state, reason


class Health:
    """The parts of one process by name; ready when all that it needs are ok and it is not shutting down."""

    def __init__(self) -> None:
        self.parts: dict[str, Part] = {}
        self.stopping = False
        self.rules = ""
        """The digest of the data files (statutes, calendars, forms) that the service judges by."""
        self.access = "local"
        """How callers are identified: ``accounts``, ``local`` (everyone on this machine), ``insecure`` (everyone)."""
        self.disk_free: Callable[[], int] | None = None
        """Free bytes of the folder that the service watches, if it watches one."""

    def part(self, name: str, *, is_needed: bool = True) -> Part:
        """Register the part ``name`` (waiting until it is reported otherwise), or return the one registered before."""
        return self.parts.setdefault(name, Part(name, is_needed=is_needed))

    def ready(self) -> tuple[bool, dict[str, dict[str, str]]]:
        """Whether the service can do its work, and each part's state, reason and since (RFC 3339)."""
        parts = {
            name: {"state": p.state, "reason": p.reason, "since": p.since.isoformat(timespec="seconds")}
            for name, p in self.parts.items()
        }
        return not self.stopping and all(p.is_ok or not p.is_needed for p in self.parts.values()), parts
