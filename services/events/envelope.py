"""The CloudEvents 1.0 envelope that every event wears, structured JSON."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from services.events.vocabulary import Code, Ref, Text

PREFIX = "org.shixian."
VERSION = ".v1"

Instant = Annotated[datetime, Meta(tz=True, description="an RFC 3339 instant with a time zone")]


def type_of(name: str) -> str:
    """The CloudEvents ``type`` of the event that the contract calls ``name``."""
    return f"{PREFIX}{name}{VERSION}"


class Event(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type"):
    """What all events have besides their ``type`` (the tag) and their ``data``."""

    specversion: Literal["1.0"]
    id: Code
    source: Code
    subject: Code
    time: Instant | None = None
    """The legal instant; where a sender leaves it out, the dates in ``data`` say it all."""
    recordedtime: Instant | None = None
    """When we wrote the event to the log; set by us alone."""
    postedby: Code | None = None
    """The account that posted a fact; set by intake alone. A fact without it was written to the log by its keepers."""
    postedfor: Annotated[str, Meta(max_length=16_000)] | None = None
    """The organs that the account may speak for, with blanks between; none: all. Set by intake alone."""
    sequence: Annotated[int, Meta(ge=1)] | None = None
    """The event's number within its request, from 1; case events only."""
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: Text | None = None
    traceparent: Annotated[str, Meta(pattern=r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\Z")] | None = None
    tracestate: Text | None = None

    @property
    def ref(self) -> Ref:
        return Ref(self.source, self.id)
