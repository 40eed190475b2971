"""What the lines of an exported log hold: the head, the records, the publications, the end."""

from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from services.archive.blocks import Block, Damaged, read

FORMAT = "shixian log 2"
FORMATS = ("shixian log 1", FORMAT)
"""What can be read. The first one had no publications."""

KeptKey = tuple[str, int, int]
"""Organ, year and number of a publication."""


class Head(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """The first line: how much of which topics the file holds."""

    format: str
    made_at: datetime
    ends: dict[str, list[int]]
    """Of each topic the offset after the last record of each partition."""
    log: str = ""
    """Which log it is: the id of its cluster, and the prefix of its topics. Empty in files of earlier releases."""

    @property
    def records(self) -> int:
        return sum(map(sum, self.ends.values()))


class End(msgspec.Struct, forbid_unknown_fields=True):
    """The last line."""

    end: int
    """How many records there are."""
    publications: int = 0
    """How many publications there are."""


class Line(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """A record. Text stands as it is; bytes that are no UTF-8 in base64, in the field with 64."""

    t: str
    p: int
    o: int
    ts: int
    k: str | None = None
    k64: str | None = None
    v: str | None = None
    v64: str | None = None
    h: list[tuple[str, str]] = []
    """Headers: name, and value in base64."""


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A published report, as it is kept."""

    organ: str
    year: int
    number: int
    published_on: date
    made_at: datetime
    content: str
    digest: str

    @property
    def key(self) -> KeptKey:
        return self.organ, self.year, self.number


class KeptLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A publication's line; the blocks that hold them hold nothing else."""

    publication: Kept


class Part(NamedTuple):
    """A block with what it holds: the head, or records, or publications."""

    block: Block
    head: Head | None = None
    lines: Sequence[Line] = ()
    kept: Sequence[Kept] = ()


encode = msgspec.json.Encoder().encode
"""A line's bytes, without the line break."""
_line = msgspec.json.Decoder(Line)
_kept = msgspec.json.Decoder(KeptLine)


def _either(name: str, value: bytes | None) -> dict[str, str]:
    if value is None:
        return {}
    try:
        return {name: value.decode()}
    except UnicodeDecodeError:
        return {f"{name}64": b64encode(value).decode()}


def value_of(text: str | None, base64: str | None) -> bytes | None:
    """The bytes that a line's two fields stand for."""
    return b64decode(base64) if base64 is not None else None if text is None else text.encode()


def as_line(topic: str, record: Any) -> bytes:
    """A record of the log as a line."""
    headers = [(name, b64encode(value or b"").decode()) for name, value in record.headers]
    return encode(
        Line(
            topic,
            record.partition,
            record.offset,
            record.timestamp,
            h=headers,
            **_either("k", record.key),
            **_either("v", record.value),
        )
    )


def head_of(block: Block) -> Head:
    """The head in the first block. Raises :class:`Damaged`."""
    try:
        head = msgspec.json.decode(block.lines[0], type=Head)
    except (msgspec.MsgspecError, UnicodeDecodeError, IndexError) as error:
        raise Damaged(block.number, f"has no head ({error})") from None
    if head.format not in FORMATS:
        raise Damaged(block.number, f"is of the format {head.format!r}; expected {' or '.join(map(repr, FORMATS))}")
    return head


def lines_of(block: Block) -> list[Line]:
    """The records of a block. Raises :class:`Damaged`."""
    try:
        return [_line.decode(line) for line in block.lines]
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Damaged(block.number, f"has a line that is no record ({error})") from None


def kept_of(block: Block) -> list[Kept] | None:
    """The publications of a block; None where it holds records. Raises :class:`Damaged`."""
    if not block.lines or not block.lines[0].startswith(b'{"publication"'):
        return None
    try:
        return [_kept.decode(line).publication for line in block.lines]
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Damaged(block.number, f"has a line that is no publication ({error})") from None


def contents(path: Path) -> Iterator[Part]:
    """The blocks of a whole file with what they hold: the head first, then records, then publications.

    Raises :class:`Damaged`.
    """
    end: End | None = None
    count = publications = number = 0
    head: Head | None = None
    for block in read(path):
        number = block.number
        if end is not None:
            raise Damaged(number, "comes after the end")
        if head is None:
            head = head_of(block)
            yield Part(block, head)
            continue
        if len(block.lines) == 1 and block.lines[0].startswith(b'{"end"'):
            end = msgspec.json.decode(block.lines[0], type=End)
            continue
        if (kept := kept_of(block)) is not None:
            publications += len(kept)
            yield Part(block, kept=kept)
            continue
        lines = lines_of(block)
        count += len(lines)
        yield Part(block, lines=lines)
    if end is None or head is None:
        raise Damaged(number + 1, "is missing: the file was cut off here")
    if not end.end == count == head.records:
        raise Damaged(number, f"ends the file after {count} records; expected {head.records}")
    if end.publications != publications:
        raise Damaged(number, f"ends the file after {publications} publications; expected {end.publications}")
