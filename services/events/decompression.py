"""What a compressed batch of the log may come to.

A broker bounds what it takes, a megabyte by default, and of zeros zstd makes 32,000 times as much: one batch by anybody
who may write to a topic would end every process that reads it, at each start anew. aiokafka takes what comes. So its
decoders are replaced by ones that stop: such a batch is damage to the log, its partition stands still and is named.
"""

import zlib
from collections.abc import Callable
from importlib import import_module

import cramjam
from aiokafka.errors import CorruptRecordException

MOST = 64 << 20
"""Bytes of one batch. Producers put at most a megabyte or so into one; compressed well, ten or twenty."""
FIRST, USUAL, GROWTH = 1 << 16, 16, 8
"""The first attempt has room for so much, and for so many times what came; each further one for so many times more."""

_Into = Callable[[bytes, bytearray], int]
_MODULES = (
    "aiokafka.record.default_records",
    "aiokafka.record.legacy_records",
    "aiokafka.record._crecords.default_records",
    "aiokafka.record._crecords.legacy_records",
)


def bound() -> None:
    """From now on aiokafka decodes no batch of this process beyond :data:`MOST`."""
    for name in _MODULES:
        module = import_module(name)
        for decoder, ours in _DECODERS.items():
            if hasattr(module, decoder):
                setattr(module, decoder, ours)


def gzip_decode(payload: bytes) -> bytes:
    """One member, or several behind one another. Raises :class:`CorruptRecordException`, as the others do."""
    rest, found, size = bytes(payload), list[bytes](), 0
    while rest or not found:
        reader = zlib.decompressobj(wbits=31)
        try:
            found.append(reader.decompress(rest, MOST + 1 - size))
        except zlib.error as error:
            raise CorruptRecordException(f"a batch is no gzip: {error}") from error
        size += len(found[-1])
        if size > MOST:
            raise _too_large("gzip")
        if not reader.eof:
            raise CorruptRecordException("a batch of gzip ends too early")
        rest = reader.unused_data
    return b"".join(found)


def lz4_decode(payload: bytes) -> bytes:
    return _growing("lz4", cramjam.lz4.decompress_into, bytes(payload))


def zstd_decode(payload: bytes) -> bytes:
    return _growing("zstd", cramjam.zstd.decompress_into, bytes(payload))


def snappy_decode(payload: bytes) -> bytes:
    """In one piece, or in the blocks that Java's clients write; each says first how large it is."""
    content = bytes(payload)
    try:
        blocks = _blocks(content) if content.startswith(_XERIAL) else [content]
        if sum(cramjam.snappy.decompress_raw_len(block) for block in blocks) > MOST:
            raise _too_large("snappy")
        return b"".join(bytes(cramjam.snappy.decompress_raw(block)) for block in blocks)
    except cramjam.DecompressionError as error:
        raise CorruptRecordException(f"a batch is no snappy: {error}") from error


_XERIAL, _XERIAL_HEADER = b"\x82SNAPPY\x00", 16


def _blocks(content: bytes) -> list[bytes]:
    blocks, at = [], _XERIAL_HEADER
    while at < len(content):
        size = int.from_bytes(content[at : at + 4], "big")
        blocks.append(content[at + 4 : at + 4 + size])
        at += 4 + size
    return blocks


def _growing(codec: str, into: _Into, content: bytes) -> bytes:
    """What is decoded, with as much room as it needs: how much that is, the content itself can't be trusted to say."""
    room = min(MOST, max(FIRST, USUAL * len(content)))
    while True:
        out = bytearray(room)
        try:
            return bytes(memoryview(out)[: into(content, out)])
        except cramjam.DecompressionError as error:
            if room == MOST:
                raise _too_large(codec, error) from error
            room = min(MOST, GROWTH * room)


def _too_large(codec: str, error: Exception | None = None) -> CorruptRecordException:
    said = f" ({error})" if error is not None else ""
    return CorruptRecordException(f"a batch of {codec} can't be decoded, or comes to more than {MOST} bytes{said}")


_DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip_decode": gzip_decode,
    "lz4_decode": lz4_decode,
    "snappy_decode": snappy_decode,
    "zstd_decode": zstd_decode,
}
