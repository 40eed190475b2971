"""What the transport hands to a service: a batch of records; and why it may refuse to."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from aiokafka import ConsumerRecord, TopicPartition


class PositionRefused(Exception):
    """The log can't be read on from the stored position without skipping or repeating what is not ours to decide."""

    def __init__(self, tp: TopicPartition, expected: int, found: int, why: str) -> None:
        super().__init__(f"{tp.topic} partition {tp.partition}: expected offset {expected}, found {found}: {why}")
        self.topic, self.partition, self.expected, self.found = tp.topic, tp.partition, expected, found


class LogHole(PositionRefused):
    """Records between the expected and the found offset are missing."""


class LogTooShort(PositionRefused):
    """The stored position lies beyond the end of the log: the topic was made anew, or has lost its end."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive records of one partition, at least one."""

    topic: str
    partition: int
    records: tuple[ConsumerRecord, ...]
    start: int
    """Where the fetch began: the position before this batch; below ``first_offset`` if the log has none between."""
    highwater: int
    """The offset after the last record that the log held when this batch was fetched."""
    seek: int = 0
    """The number of the reading of the stored positions that it was fetched after."""

    @property
    def tp(self) -> TopicPartition:
        return TopicPartition(self.topic, self.partition)

    @property
    def first_offset(self) -> int:
        return int(self.records[0].offset)

    @property
    def last_offset(self) -> int:
        return int(self.records[-1].offset)

    @property
    def next_offset(self) -> int:
        """The position to store once this batch is applied."""
        return self.last_offset + 1


def joined(batches: Iterable[Batch]) -> list[Batch]:
    """The batches of one partition with those as one that follow each other without a gap, after one reading of the
    positions."""
    found: list[Batch] = []
    for batch in batches:
        last = found[-1] if found else None
        if last is not None and (last.next_offset, last.seek) == (batch.start, batch.seek):
            found[-1] = replace(last, records=last.records + batch.records, highwater=batch.highwater)
        else:
            found.append(batch)
    return found


def check_position(tp: TopicPartition, position: int, first: int, end: int) -> None:
    """Raise :class:`LogHole` or :class:`LogTooShort` unless ``position`` lies in the log (``first`` up to ``end``)."""
    if position < first:
        raise LogHole(tp, position, first, "the log no longer holds the records between")
    if position > end:
        raise LogTooShort(tp, position, end, "the log ends before the stored position; was the topic made anew?")
