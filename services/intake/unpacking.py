"""Bodies that come packed (``Content-Encoding: gzip``), unpacked within bounds; and the room that all calls share."""

import asyncio
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from services.runtime.problems import RETRY_AFTER, ProblemError

ROOM = 96 * 1024 * 1024
"""Bytes of unpacked bodies that a process holds at once. With more, calls are answered with 503."""
_STEP = 256 * 1024
_GZIP = 31
"""zlib's way to say: a gzip member, with its header and checksum (``wbits`` 16 + 15)."""


@dataclass
class Room:
    """Bytes that calls hold together."""

    left: int = ROOM

    def take(self, size: int) -> None:
        """Raises :class:`ProblemError` (503) where there is no room for so many bytes."""
        if size > self.left:
            detail = "too many large bodies are being taken at once; send this one again"
            raise ProblemError(503, detail, kind="busy", headers={"Retry-After": RETRY_AFTER})
        self.left -= size

    def give(self, size: int) -> None:
        """So many bytes are free again."""
        self.left += size


class Call:
    """The room of one call; a context that gives it back."""

    def __init__(self, room: Room) -> None:
        self._room, self._held = room, 0

    def take(self, size: int) -> None:
        """Raises :class:`ProblemError` (503)."""
        self._room.take(size)
        self._held += size

    def __enter__(self) -> "Call":
        return self

    def __exit__(self, *_: object) -> None:
        self._room.give(self._held)


async def unpacked(headers: Iterable[tuple[bytes, bytes]], body: bytes, most: int, call: Call) -> bytes:
    """The body as it was before it was packed, at most ``most`` bytes.

    Raises :class:`ProblemError`: 415 for another encoding than gzip, 400 for what is no gzip, 413 for more bytes than
    ``most``, 503 where the process has no room.
    """
    names = b",".join(value for name, value in headers if name == b"content-encoding").decode("latin-1")
    codings = [c for c in (part.strip().lower() for part in names.split(",")) if c not in ("", "identity")]
    call.take(len(body))
    if not codings:
        return body
    if codings not in (["gzip"], ["x-gzip"]):
        detail = f"the content encoding is {names[:100]}; expected gzip, or none"
        raise ProblemError(415, detail, kind="content-encoding", headers={"Accept-Encoding": "gzip"})
    parts: list[bytes] = []
    size = 0
    packed = zlib.decompressobj(_GZIP)
    rest = body
    while not packed.eof:
        try:
            part = packed.decompress(rest, _STEP)
        except zlib.error as error:
            raise _no_gzip(str(error)) from None
        rest = packed.unconsumed_tail
        if not part and not rest and not packed.eof:
            raise _no_gzip("it ends before its end")
        size += len(part)
        if size > most:
            raise ProblemError(413, f"the body has more than {most} bytes once unpacked; send the events in several")
        call.take(len(part))
        parts.append(part)
        await asyncio.sleep(0)
    if packed.unused_data:
        raise _no_gzip("something stands behind its end")
    return b"".join(parts)


def _no_gzip(why: str) -> ProblemError:
    return ProblemError(400, f"the body is not gzip: {why}; nothing was written", kind="content-encoding")
