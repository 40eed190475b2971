"""From an HTTP request to facts: CloudEvents structured, batched and binary, or plain JSON of the same shape.

A call is taken whole or not at all; so all that is wrong with it is looked for, and nothing is half done.
"""

import asyncio
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from email.message import Message

import msgspec

from services.events.codec import decode_with_extensions, refuse_set
from services.events.facts import Fact
from services.events.lines import BOM
from services.events.refusals import FieldError, Refused, too_large
from services.events.twice import refuse_twice
from services.intake.binary import attributes
from services.runtime.problems import FieldProblem, ProblemError, field_problem

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
PLAIN = "application/json"
TYPES = (STRUCTURED, BATCH, PLAIN)

MAX_EVENTS = 10_000
"""Events in one call."""
MAX_EVENT = 64 * 1024
"""Bytes of one event: what CloudEvents asks every intermediary to forward, and far below Kafka's limit."""
MAX_COMMAS = 30 * MAX_EVENTS
"""A body with more is not even taken apart: of 16 MB of ``[1,1,...]`` that would take half a gigabyte. An ordinary
event has about a dozen."""
MAX_ERRORS = 100
"""Errors named in one answer."""
_TURN = 100
"""Events decoded before others get their turn on the event loop."""

_ARRAY = "a JSON array of CloudEvents in structured mode"
_ONE = "one JSON object, a CloudEvent in structured mode"
_token = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[{]+|[\]}]+|,', re.DOTALL)
_shape = msgspec.json.Decoder(msgspec.Raw)
_elements = msgspec.json.Decoder(list[msgspec.Raw])


class NotJson(Refused):
    """The text is not JSON, from here on."""


@dataclass(frozen=True, slots=True)
class Taken:
    """An event that can be written."""

    fact: Fact
    index: int | None
    """Where in the batch it stood; None outside a batch."""
    extensions: bytes = b""
    """Its extension attributes, as they stand in the text."""


@dataclass(frozen=True, slots=True)
class Named:
    """What an event that is refused says of itself; empty where that can't be read."""

    index: int | None
    type: str = ""
    source: str = ""
    id: str = ""


@dataclass
class Reading:
    """What a call holds: its facts, or what is wrong with it."""

    most: int = MAX_ERRORS
    """How many of the errors are kept."""
    taken: list[Taken] = field(default_factory=list)
    errors: list[FieldProblem] = field(default_factory=list)
    """What is wrong, an entry for each event refused, the first :attr:`most` of them."""
    names: list[Named] = field(default_factory=list)
    """The events refused, in the order of :attr:`errors`."""
    malformed: bool = False
    """The text is not JSON, and was not read to its end."""

    @property
    def facts(self) -> list[Fact]:
        """The facts that can be written."""
        return [each.fact for each in self.taken]

    @property
    def refused(self) -> list[str]:
        """The type that each refused event says it has; empty where that can't be read."""
        return [each.type for each in self.names]

    def take(self, raw: bytes, index: int | None) -> None:
        """Decode one event."""
        try:
            self.taken.append(Taken(*_fact(raw, index)))
        except Refused as refused:
            small = len(raw) <= MAX_EVENT  # else it was not looked into
            self.refuse((small and not_json(raw, _ONE)) or refused, _named(raw, index) if small else Named(index))

    def refuse(self, refused: Refused, named: Named) -> None:
        self.names.append(named)
        self.malformed = self.malformed or isinstance(refused, NotJson)
        if self.malformed and len(self.errors) == self.most:
            self.errors.pop()  # where the text goes wrong is what must be known first
        if len(self.errors) < self.most:
            self.errors.append(field_problem(refused.error, index=named.index))


async def read(headers: Iterable[tuple[bytes, bytes]], body: bytes, *, most: int = MAX_ERRORS) -> Reading:
    """The facts of a call, by its headers (names in lower case) as they came, and its body.

    ``most``: how many errors are kept. A binary-mode event may come without a content type: its data are JSON then, as
    the CloudEvents SDK for Python sends them. Raises :class:`ProblemError`: 415 for a content type that no fact can be
    in, 413 for too many events, 400 for a header that is not what CloudEvents says.
    """
    pairs = list(headers)
    content_type = next((value.decode("latin-1") for name, value in pairs if name == b"content-type"), "")
    media = media_type(content_type)
    given = attributes(pairs) if media == PLAIN or not content_type else {}
    if media not in TYPES and not (given and not content_type):
        raise ProblemError(
            415,
            f"the content type is {content_type[:200] or 'missing'}; expected one of {', '.join(TYPES)}, in UTF-8",
            kind="content-type",
            headers={"Accept-Post": ", ".join(TYPES)},
        )
    reading = Reading(most)
    try:
        if given:
            reading.take(_structured(given, body), None)
        elif media == BATCH or (media == PLAIN and body.lstrip()[:1] == b"["):
            await _take_all(reading, body)
        else:
            reading.take(body, None)
    except NotJson as refused:
        reading.refuse(refused, Named(None))
    return reading


def media_type(content_type: str) -> str:
    """The media type without its parameters; empty where the text is in another encoding than UTF-8."""
    message = Message()
    message["content-type"] = content_type
    charset = str(message.get_param("charset", "utf-8")).lower()
    return message.get_content_type() if content_type and charset in ("utf-8", "utf8") else ""


def _fact(raw: bytes, index: int | None) -> tuple[Fact, int | None, bytes]:
    """A fact that a sender may send, and its extension attributes. Raises :class:`Refused`."""
    if len(raw) > MAX_EVENT:
        raise Refused(too_large(len(raw), MAX_EVENT, "an event"))
    fact, extensions = decode_with_extensions(raw)
    refuse_twice(raw)
    refuse_set(fact, "recordedtime", "sequence", "postedby", "postedfor")
    return fact, index, extensions


class _Names(msgspec.Struct):
    type: str = ""
    source: str = ""
    id: str = ""


def _named(raw: bytes, index: int | None) -> Named:
    try:
        names = msgspec.json.decode(raw, type=_Names)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Named(index)
    return Named(index, names.type, names.source[:200], names.id[:200])


def not_json(raw: bytes, expected: str) -> NotJson | None:
    """What keeps ``raw`` from being JSON and from which byte on; None where it is JSON, whatever it says."""
    if not raw.strip():
        return NotJson(FieldError("$", "is empty", expected, "not-json"))
    if raw.startswith(BOM):
        return NotJson(
            FieldError("$", "begins with a byte order mark", f"{expected}, in UTF-8 without one", "not-json")
        )
    try:
        _shape.decode(raw)
        raw.decode()
    except RecursionError:
        return NotJson(FieldError("$", "is nested too deeply", expected, "not-json"))
    except UnicodeDecodeError as error:
        return NotJson(FieldError("$", f"is not UTF-8 at byte {error.start}", f"{expected}, in UTF-8", "not-json"))
    except msgspec.MsgspecError as error:
        return NotJson(FieldError("$", str(error)[:200], expected, "not-json"))
    return None


def _structured(given: Mapping[str, str], body: bytes) -> bytes:
    """A binary-mode event (attributes in ``ce-`` headers, data in the body) in structured mode.

    CloudEvents HTTP protocol binding 1.0.2, section 3.1. Raises :class:`NotJson`.
    """
    event: dict[str, object] = dict(given)
    if body.strip():
        if wrong := not_json(body, "one JSON object, the data of the event"):
            raise NotJson(msgspec.structs.replace(wrong.error, field="$.data"))
        event["data"] = msgspec.Raw(body)
    return msgspec.json.encode(event)


async def _take_all(reading: Reading, body: bytes) -> None:
    """Decode a batch, element by element, so that the error in one says where it is and hides no other."""
    if body.count(b",") > MAX_COMMAS:
        raise ProblemError(413, f"more than {MAX_COMMAS} values in one call; send the events in several")
    try:
        elements, broken = _elements.decode(body), None
    except msgspec.ValidationError:
        elements, broken = [], NotJson(FieldError("$", "is no array", _ARRAY, "not-json"))
    except (msgspec.MsgspecError, RecursionError) as error:
        place = re.search(r"\(byte (\d+)\)", str(error))  # none: at the end, or where it is nested too deeply
        array, end = body.lstrip().startswith(b"["), int(place[1]) if place else len(body)
        # In a thread, since it may take a second: looking for the place is Python's work, unlike decoding.
        elements = await asyncio.to_thread(_before, body, end) if array else []
        expected = f"{_ONE}, in {_ARRAY}" if array else _ARRAY
        broken = not_json(body, expected) or NotJson(FieldError("$", str(error)[:200], expected, "not-json"))
    if len(elements) > MAX_EVENTS:
        raise ProblemError(413, f"more than {MAX_EVENTS} events in one call; send them in several")
    for index, raw in enumerate(elements):
        reading.take(bytes(raw), index)
        if index % _TURN == _TURN - 1:
            await asyncio.sleep(0)
    if broken is not None:
        reading.refuse(broken, Named(len(elements)))


def _before(body: bytes, end: int) -> list[msgspec.Raw]:
    """The elements of an array that is JSON up to ``end``, the last one only if it is whole."""
    parts: list[msgspec.Raw] = []
    depth, begin = 0, body.index(b"[") + 1
    for token in _token.finditer(body, 0, end):
        text = token[0]
        if text[:1] in b"[{":
            depth += len(text)
        elif text[:1] in b"]}":
            if depth <= len(text):  # the array's own end, with more behind it
                end = token.start() + depth - 1
                break
            depth -= len(text)
        elif text == b"," and depth == 1:
            parts.append(msgspec.Raw(body[begin : token.start()]))
            begin = token.end()
    last = body[begin:end]
    if last.strip() and not not_json(last, _ONE):
        parts.append(msgspec.Raw(last))
    return parts
