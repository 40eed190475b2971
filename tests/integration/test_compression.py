"""What we write to the log is compressed, and what others write is read whatever their codec."""

import struct
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from services import samples
from services.runtime.bulk import BulkReader
from services.runtime.health import Health
from services.runtime.producer import LogProducer
from services.runtime.settings import SettingError, load
from tests.chaos.segments import batches
from tests.integration.log_tools import make_topic
from tests.one_broker import Broker

FACTS = [bytes(line) for line in samples.sample()][:300]
CODECS = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
"""As a batch's attributes number them (https://kafka.apache.org/documentation/#recordbatch)."""
_ATTRIBUTES = 21
"""Where they begin in a batch."""


def segments(node: Broker, topic: str) -> list[bytes]:
    """What the broker keeps of a topic."""
    return [file.read_bytes() for file in Path(node.folder, "data").glob(f"{topic}-*/*.log")]


def codecs(node: Broker, topic: str) -> set[int]:
    """The codecs of a topic's batches."""
    found = set()
    for segment in segments(node, topic):
        for batch in batches(segment):
            (attributes,) = struct.unpack_from(">h", segment, batch.position + _ATTRIBUTES)
            found.add(attributes & 7)
    return found


async def values(kafka: str, topic: str) -> list[bytes]:
    async with BulkReader(kafka) as reader:
        ends = await reader.ends(await reader.partitions(topic))
        return sorted(
            [record.value for tp, end in ends.items() async for lot in reader.read(tp, 0, end) for record in lot]
        )


@pytest.mark.parametrize("compression", ["zstd", None])
async def test_what_we_write_is_compressed_unless_it_should_not_be(
    kafka: str, kafka_node: Broker, compression: str | None
) -> None:
    topic = await make_topic(kafka)
    producer = LogProducer(kafka, Health().part("producer"), compression=compression)
    await producer.send_all(topic, [(b"%d" % n, fact, ()) for n, fact in enumerate(FACTS)])
    await producer.send_all(topic, [(b"alone", b"{}", ())])
    await producer.close()
    assert codecs(kafka_node, topic) == {CODECS["zstd"] if compression else 0}
    assert await values(kafka, topic) == sorted([*FACTS, b"{}"])
    kept, written = sum(map(len, segments(kafka_node, topic))), sum(map(len, FACTS))
    assert (kept < written / 3) == bool(compression), (kept, written)


@pytest.mark.parametrize("codec", CODECS)
async def test_a_producer_elsewhere_may_compress_as_it_likes(kafka: str, kafka_node: Broker, codec: str) -> None:
    topic = await make_topic(kafka)
    async with AIOKafkaProducer(bootstrap_servers=kafka, compression_type=codec) as producer:
        for fact in FACTS[:20]:
            await producer.send(topic, fact, key=b"k")
    assert CODECS[codec] in codecs(kafka_node, topic)
    assert await values(kafka, topic) == sorted(FACTS[:20])


def test_the_setting_names_what_it_can_be() -> None:
    assert [load({"SHIXIAN_COMPRESSION": text}).codec for text in ("gzip", "none", "")] == ["gzip", None, "zstd"]
    with pytest.raises(SettingError, match="SHIXIAN_COMPRESSION: expected one of zstd, lz4, gzip, none, got 'brotli'"):
        load({"SHIXIAN_COMPRESSION": "brotli"})
