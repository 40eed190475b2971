"""Records packed into Kafka batches by us: one future and one wake-up a batch, where aiokafka has them a record.

A batch holds records of one partition in their order. The partition follows from the key as in every Kafka client, so
it makes no difference to readers who packed a record.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from aiokafka.partitioner import DefaultPartitioner

Record = tuple[bytes | None, bytes, Sequence[tuple[str, bytes]]]
"""Key, value, headers."""

FEW = 8
"""So many records are not worth a batch of their own: aiokafka puts the records of several callers into one."""
LARGE = 128 * 1024
"""Bytes of a value from which on a record goes by itself, so that aiokafka checks it against the request's limit."""
KEYS = 1 << 17
"""Keys whose partition is remembered: computing it takes longer than packing the record."""


class Pack(NamedTuple):
    """A batch to be sent, and which of the caller's records are in it."""

    partition: int
    builder: Any
    """aiokafka's ``BatchBuilder``."""
    places: list[int]


def worth_packing(records: Sequence[Record]) -> bool:
    """Whether :func:`pack` takes these records."""
    return len(records) > FEW and all(key is not None and len(value) < LARGE for key, value, _ in records)


def pack(records: Sequence[Record], partitions: Sequence[int], new_builder: Callable[[], Any]) -> list[Pack]:
    """``records`` in as many batches as their size and their partitions ask for, those of a partition in order."""
    done: list[Pack] = []
    filling: dict[int, Pack] = {}
    count = len(partitions)
    for place, (key, value, headers) in enumerate(records):
        assert key is not None
        partition = partitions[_place(key, count)]
        into = filling.get(partition)
        record = {"timestamp": None, "key": key, "value": value, "headers": list(headers)}
        if into is None or into.builder.append(**record) is None:
            into = filling[partition] = Pack(partition, new_builder(), [])
            done.append(into)
            into.builder.append(**record)
        into.places.append(place)
    for each in done:
        each.builder.close()
    return done


@lru_cache(maxsize=KEYS)
def _place(key: bytes, count: int) -> int:
    partition: int = DefaultPartitioner()(key, range(count), range(count))
    return partition
