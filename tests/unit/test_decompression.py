"""Compressed batches: each codec as Kafka's clients write it, and none of them beyond its bound."""

import gzip
from collections.abc import Callable

import cramjam
import pytest
from aiokafka import codec
from aiokafka.errors import CorruptRecordException
from aiokafka.record import default_records
from aiokafka.record._crecords import default_records as compiled
from hypothesis import given
from hypothesis import strategies as st

from services.events import brokers, decompression

CODECS: dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
    "gzip": (codec.gzip_encode, decompression.gzip_decode),
    "lz4": (codec.lz4_encode, decompression.lz4_decode),
    "snappy": (codec.snappy_encode, decompression.snappy_decode),
    "snappy in one piece": (lambda b: codec.snappy_encode(b, xerial_compatible=False), decompression.snappy_decode),
    "zstd": (codec.zstd_encode, decompression.zstd_decode),
}


@pytest.mark.parametrize("name", CODECS)
@given(content=st.binary(max_size=200) | st.integers(1, 400_000).map(bytes))
def test_what_was_encoded_comes_back(name: str, content: bytes) -> None:
    encode, decode = CODECS[name]
    assert decode(encode(content)) == content


@pytest.mark.parametrize("name", CODECS)
def test_what_comes_to_more_than_the_bound_is_damage_and_what_comes_to_it_is_not(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decompression, "MOST", 1_000_000)
    encode, decode = CODECS[name]
    assert len(decode(encode(bytes(1_000_000)))) == 1_000_000
    with pytest.raises(CorruptRecordException, match="more than 1000000 bytes"):
        decode(encode(bytes(1_000_001)))


def test_members_of_gzip_behind_one_another_are_one_batch_and_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    members = codec.gzip_encode(bytes(600_000)) + codec.gzip_encode(b"end")
    assert decompression.gzip_decode(members) == bytes(600_000) + b"end"
    monkeypatch.setattr(decompression, "MOST", 1_000_000)
    with pytest.raises(CorruptRecordException, match="more than 1000000 bytes"):
        decompression.gzip_decode(codec.gzip_encode(bytes(600_000)) * 2)


def test_what_says_itself_to_be_small_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames behind one another, of which only the first one says how large it is."""
    monkeypatch.setattr(decompression, "MOST", 1_000_000)
    frames = bytes(cramjam.zstd.compress(bytes(10))) + bytes(cramjam.zstd.compress(bytes(5_000_000)))
    with pytest.raises(CorruptRecordException):
        decompression.zstd_decode(frames)


ODD = {"nothing": b"", "text": b"abc", "ones": b"\xff" * 40, "cut": gzip.compress(b"abc" * 100, mtime=0)[:-9]}


@pytest.mark.parametrize(("name", "odd"), [(n, odd) for n in CODECS for odd in ODD if ODD[odd] or n != "zstd"])
def test_what_is_no_such_codec_is_damage(name: str, odd: str) -> None:
    with pytest.raises(CorruptRecordException):
        CODECS[name][1](ODD[odd])


@pytest.mark.parametrize("module", [default_records, compiled])
def test_the_client_s_own_readers_use_it(module: type, monkeypatch: pytest.MonkeyPatch) -> None:
    brokers.client("127.0.0.1:9092")
    monkeypatch.setattr(decompression, "MOST", 1_000_000)
    builder = module.DefaultRecordBatchBuilder(2, 4, False, -1, -1, -1, 10_000_000)  # type: ignore[attr-defined]
    builder.append(0, 0, b"k", bytes(1_000_001), [])
    batch = module.DefaultRecordBatch(bytearray(builder.build()))  # type: ignore[attr-defined]
    assert batch.validate_crc()
    with pytest.raises(CorruptRecordException):
        next(batch)
