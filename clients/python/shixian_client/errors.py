"""What a service answers instead of what was asked for (RFC 9457), as exceptions."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class FieldError:
    """One thing wrong with a call."""

    field: str
    problem: str
    expected: str
    index: int | None = None
    """The position of the event that it is about among those that were posted, from 0."""


class Failed(Exception):
    """The base of what this client raises."""


class Unavailable(Failed):
    """The service could not be reached, or had no room, for as long as was tried; the same call may be made again."""


class Problem(Failed):
    """The service refused the call."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        self.status = status
        self.type = str(problem.get("type", "about:blank"))
        self.title = str(problem.get("title", ""))
        self.detail = str(problem.get("detail", ""))
        self.errors = [
            FieldError(str(e.get("field", "")), str(e.get("problem", "")), str(e.get("expected", "")), e.get("index"))
            for e in problem.get("errors", ())
        ]
        first = f"; {self.errors[0].field}: {self.errors[0].problem}" if self.errors else ""
        super().__init__(f"{status} {self.detail or self.title}{first}")


class Refused(Problem):
    """Intake took none of the events (409: an id that names another event; 422 and 400: no facts)."""


class NotFound(Problem):
    """There is no such thing."""
