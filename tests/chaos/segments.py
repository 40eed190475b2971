"""A byte of a Kafka segment turned over, as a disk that forgets would, and turned back."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HEADER = 61
"""Bytes of a record batch before its records (https://kafka.apache.org/documentation/#recordbatch)."""
_LENGTH_AFTER = 12
"""Bytes before the part that the batch's length counts: its first offset and the length."""
_TURNED = 0x10


@dataclass(frozen=True)
class Batch:
    """A record batch in a segment: where it begins, how long it is, and its first offset."""

    position: int
    size: int
    offset: int


def batches(segment: bytes) -> Iterator[Batch]:
    """The whole batches of a segment, in order."""
    at = 0
    while at + HEADER <= len(segment):
        offset, length = struct.unpack_from(">qi", segment, at)
        size = length + _LENGTH_AFTER
        if length <= 0 or at + size > len(segment):
            return
        yield Batch(at, size, offset)
        at += size


def flip(file: Path, position: int) -> None:
    """Turn over one bit of the byte at ``position``; a second time puts it back."""
    with file.open("r+b") as segment:
        segment.seek(position)
        (byte,) = segment.read(1)
        segment.seek(position)
        segment.write(bytes([byte ^ _TURNED]))


def place(batch: Batch) -> int:
    """A byte of the batch's records, which its checksum covers."""
    return batch.position + HEADER + (batch.size - HEADER) // 2


def last(folder: Path) -> tuple[Path, Batch] | None:
    """The last batch of a partition's folder, with the segment that it is in; None where there is none."""
    for file in sorted(folder.glob("*.log"), reverse=True):
        found = list(batches(file.read_bytes()))
        if found:
            return file, found[-1]
    return None
