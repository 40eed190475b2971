"""The file that the log is exported to: compressed JSON lines in blocks, each block chained to the one before.

A block is one gzip member, so the file is one that `zcat` reads, and can be continued after its last whole block. Its
last line is ``{"block": n, "records": k, "sha256": hex}``: the digest of the digest before it (32 bytes; none before
the first) and of the block's other lines. Block 0 holds one line, the head; the last block one line, the end. So what
was changed, cut off, left out or put in shows, and in which block.
"""

import gzip
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO

import msgspec

READ_BYTES = 1024 * 1024
MAX_BLOCK = 256 * 1024 * 1024
"""Bytes of a block unpacked; more is no block of ours."""
LEVEL = 6

_json = msgspec.json.Encoder()


class Damaged(RuntimeError):
    """The file is not what was written; names the block."""

    def __init__(self, block: int, why: str) -> None:
        super().__init__(f"block {block}: {why}")
        self.block = block


class Seal(msgspec.Struct, forbid_unknown_fields=True):
    """The last line of a block."""

    block: int
    records: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Block:
    """One block, checked."""

    number: int
    lines: list[bytes]
    """Without the seal."""
    digest: bytes
    start: int
    end: int
    """Where it stands in the file, in bytes."""


def chained(before: bytes, body: bytes) -> bytes:
    """The digest of a block."""
    return sha256(before + body).digest()


class Writer:
    """Appends blocks."""

    def __init__(self, file: IO[bytes], number: int = 0, digest: bytes = b"") -> None:
        """``number`` and ``digest``: of the block to come, and of the one before it."""
        self._file, self._number, self._digest = file, number, digest

    def write(self, lines: Sequence[bytes]) -> None:
        """One block of ``lines`` (no line breaks in them), whole in the file when this returns."""
        body = b"".join(line + b"\n" for line in lines)
        self._digest = chained(self._digest, body)
        seal = _json.encode(Seal(self._number, len(lines), self._digest.hex()))
        self._file.write(gzip.compress(body + seal + b"\n", LEVEL, mtime=0))
        self._file.flush()
        self._number += 1


def read(path: Path) -> Iterator[Block]:
    """The blocks of a file, each checked before it is given. Raises :class:`Damaged`, OSError."""
    digest = b""
    for number, (start, end, text) in enumerate(_members(path)):
        body, _, last = text.rstrip(b"\n").rpartition(b"\n")
        body += b"\n"
        try:
            seal = msgspec.json.decode(last, type=Seal)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise Damaged(number, f"has no seal ({error})") from None
        if seal.block != number:
            raise Damaged(number, f"is numbered {seal.block}: blocks are missing, or doubled")
        digest = chained(digest, body)
        lines = body.split(b"\n")[:-1]
        if seal.sha256 != digest.hex() or seal.records != len(lines):
            raise Damaged(number, "does not have the content that was sealed")
        yield Block(number, lines, digest, start, end)


def _members(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """The gzip members of a file: start, end, and the content unpacked."""
    number = start = 0
    with path.open("rb") as file:
        rest = file.read(READ_BYTES)
        while rest:
            unpack = zlib.decompressobj(wbits=31)
            parts: list[bytes] = []
            size = used = 0
            while True:
                rest = rest or file.read(READ_BYTES)
                if not rest:
                    raise Damaged(number, "is cut off")
                try:
                    parts.append(unpack.decompress(rest, MAX_BLOCK + 1 - size))
                except zlib.error as error:
                    raise Damaged(number, f"can't be unpacked ({error})") from None
                size += len(parts[-1])
                if size > MAX_BLOCK:
                    raise Damaged(number, f"is larger than {MAX_BLOCK} bytes")
                left = unpack.unused_data if unpack.eof else unpack.unconsumed_tail
                used += len(rest) - len(left)
                rest = left
                if unpack.eof:
                    break
            yield start, start + used, b"".join(parts)
            start += used
            number += 1
            rest = rest or file.read(READ_BYTES)
