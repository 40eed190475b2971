"""From an HTTP request to facts: CloudEvents structured, batched and binary, or plain JSON of the same shape.

A call is taken whole or not at all; so all that is wrong with it is looked for, and nothing is half done.
"""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from urllib.parse import unquote

import msgspec

from services.events.codec import decode_fact
from services.events.facts import Fact
from services.events.refusals import FieldError, Refused
from services.runtime.problems import FieldProblem, ProblemError

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
PLAIN = "application/json"
TYPES = (STRUCTURED, BATCH, PLAIN)

MAX_EVENTS = 10_000
"""Events in one call."""
MAX_EVENT = 64 * 1024
"""Bytes of one event: what CloudEvents asks every intermediary to forward, and far below Kafka's limit."""
MAX_ERRORS = 100
"""Errors named in one answer."""
_TURN = 200
"""Events decoded before others get their turn on the event loop."""

_scan = json.JSONDecoder().raw_decode
_blank = re.compile(r"[ \t\n\r]*")
_ONE = "one JSON object, a CloudEvent in structured mode"
_ARRAY = "a JSON array of CloudEvents in structured mode"


class NotJson(Refused):
    """The text is not JSON, from here on."""


@dataclass
class Reading:
    """What was found in a call: its facts, or what is wrong with it."""

    facts: list[Fact] = field(default_factory=list)
    places: list[int | None] = field(default_factory=list)
    """Where in the batch each of them stood; None outside a batch."""
    errors: list[FieldProblem] = field(default_factory=list)
    """What is wrong, an entry for each event refused, the first :data:`MAX_ERRORS` of them."""
    refused: list[str] = field(default_factory=list)
    """The type that each refused event says it has; empty where that can't be told."""
    malformed: bool = False
    """The text is not JSON, and was not read to its end."""

    def take(self, raw: bytes, index: int | None) -> None:
        """Decode one event."""
        try:
            self.facts.append(_fact(raw))
            self.places.append(index)
        except Refused as refused:
            self.refuse(refused, index, _type_of(raw))

    def refuse(self, refused: Refused, index: int | None, type_: str = "") -> None:
        self.refused.append(type_)
        self.malformed = self.malformed or isinstance(refused, NotJson)
        if len(self.errors) < MAX_ERRORS:
            e = refused.error
            self.errors.append(FieldProblem(field=e.field, problem=e.problem, expected=e.expected, index=index))


async def read(headers: Mapping[str, str], body: bytes) -> Reading:
    """The facts of a call, by its headers (names in lower case) and its body.

    Raises :class:`ProblemError`: 415 for a content type that no fact can be in, 413 for too many events.
    """
    content_type = headers.get("content-type", "")
    media = _media_type(content_type)
    if media not in TYPES:
        raise ProblemError(
            415,
            f"the content type is {content_type or 'missing'}; expected one of {', '.join(TYPES)}, in UTF-8",
            kind="content-type",
            headers={"Accept-Post": ", ".join(TYPES)},
        )
    reading = Reading()
    try:
        if media == PLAIN and any(name.startswith("ce-") for name in headers):
            reading.take(_structured(headers, body), None)
        elif media == BATCH or (media == PLAIN and body.lstrip()[:1] == b"["):
            await _take_all(reading, body)
        else:
            reading.take(body, None)
            if reading.refused:
                reading.malformed = not _is_json(body)
    except NotJson as refused:
        reading.refuse(refused, None)
    return reading


def _media_type(content_type: str) -> str:
    """The media type without its parameters; empty where the text is in another encoding than UTF-8."""
    message = Message()
    message["content-type"] = content_type
    charset = str(message.get_param("charset", "utf-8")).lower()
    return message.get_content_type() if content_type and charset in ("utf-8", "utf8") else ""


def _fact(raw: bytes) -> Fact:
    """A fact that a sender may send. Raises :class:`Refused`."""
    if len(raw) > MAX_EVENT:
        raise Refused(FieldError("$", f"is {len(raw)} bytes long", f"an event of at most {MAX_EVENT} bytes"))
    fact = decode_fact(raw)
    for name in ("recordedtime", "sequence"):
        if getattr(fact, name) is not None:
            raise Refused(FieldError(f"$.{name}", "is set by the sender", "an event without it: the log sets it"))
    return fact


class _OnlyType(msgspec.Struct):
    type: str = ""


def _type_of(raw: bytes) -> str:
    try:
        return msgspec.json.decode(raw, type=_OnlyType).type
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""


def _is_json(raw: bytes) -> bool:
    try:
        msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _structured(headers: Mapping[str, str], body: bytes) -> bytes:
    """A binary-mode event (attributes in ``ce-`` headers, data in the body) in structured mode.

    CloudEvents HTTP protocol binding 1.0.2, section 3.1. Raises :class:`NotJson`.
    """
    event: dict[str, object] = {name[3:]: unquote(value) for name, value in headers.items() if name.startswith("ce-")}
    if body.strip():
        if not _is_json(body):
            raise NotJson(FieldError("$.data", "is not JSON", "one JSON object, the data of the event"))
        event["data"] = msgspec.Raw(body)
    return msgspec.json.encode(event)


async def _take_all(reading: Reading, body: bytes) -> None:
    """Decode a batch, element by element, so that the error in one says where it is and hides no other."""
    taken = 0
    try:
        for raw in _elements(body):
            if taken == MAX_EVENTS:
                raise ProblemError(413, f"more than {MAX_EVENTS} events in one call; send them in several")
            reading.take(raw, taken)
            taken += 1
            if taken % _TURN == 0:
                await asyncio.sleep(0)
    except NotJson as refused:
        reading.refuse(refused, taken)


def _elements(body: bytes) -> Iterator[bytes]:
    """The elements of a JSON array, each as it stands. Raises :class:`NotJson` where the array goes wrong."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise NotJson(FieldError("$", str(error)[:200], f"{_ARRAY}, in UTF-8")) from None
    at = _skip(text, 0)
    if text[at : at + 1] != "[":
        raise NotJson(FieldError("$", "is no array", _ARRAY))
    at = _skip(text, at + 1)
    more = text[at : at + 1] != "]"
    while more:
        end = _end_of_value(text, at)
        yield text[at:end].encode()
        at = _skip(text, end)
        more = text[at : at + 1] == ","
        if more:
            at = _skip(text, at + 1)
    if text[at : at + 1] != "]" or _skip(text, at + 1) != len(text):
        raise NotJson(FieldError("$", f"is not JSON at character {at}", "a comma, or the array's end"))


def _skip(text: str, at: int) -> int:
    """The first place from ``at`` on that is not white space."""
    found = _blank.match(text, at)
    return found.end() if found else at


def _end_of_value(text: str, at: int) -> int:
    try:
        return _scan(text, at)[1]
    except json.JSONDecodeError as error:
        problem = f"is not JSON at character {error.pos}: {error.msg}"
    except RecursionError:
        problem = "is nested too deeply"
    except ValueError as error:  # a number of more digits than Python reads
        problem = str(error)[:200]
    raise NotJson(FieldError("$", problem, _ONE))
