"""Events to post, and what became of them."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from shixian_client.errors import FieldError

Status = Literal["accepted", "duplicate", "conflict", "refused"]


@dataclass(frozen=True)
class Event:
    """A fact as a CloudEvent. ``source`` and ``id`` name it for ever: post the same one again, never a copy."""

    type: str
    source: str
    subject: str
    data: Mapping[str, Any]
    id: str
    extensions: Mapping[str, str | int | bool] = field(default_factory=dict)

    @classmethod
    def new(
        cls,
        name: str,
        *,
        source: str,
        subject: str,
        data: Mapping[str, Any],
        id: str = "",
        extensions: Mapping[str, str | int | bool] | None = None,
    ) -> "Event":
        """An event of the type ``org.shixian.NAME.v1``; without an ``id`` it gets a random one."""
        return cls(f"org.shixian.{name}.v1", source, subject, data, id or str(uuid.uuid4()), extensions or {})

    def json(self) -> dict[str, Any]:
        """The event in structured mode."""
        own = {"specversion": "1.0", "id": self.id, "source": self.source, "type": self.type, "subject": self.subject}
        return {**self.extensions, **own, "data": dict(self.data)}


@dataclass(frozen=True)
class Result:
    """What became of one event."""

    source: str
    id: str
    status: Status
    error: FieldError | None = None


@dataclass
class Receipt:
    """What became of all events of a call, in their order."""

    accepted: int = 0
    """How many the log has."""
    results: list[Result] = field(default_factory=list)

    @property
    def bad(self) -> list[Result]:
        """The events that were not taken."""
        return [result for result in self.results if result.status in ("conflict", "refused")]
