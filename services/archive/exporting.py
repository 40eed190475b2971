"""The log, and the published reports that no log can give back, written to a file; started afresh or resumed."""

from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from aiokafka import TopicPartition

from services.archive import publications
from services.archive.blocks import Damaged, Writer, read
from services.archive.lines import FORMAT, End, Head, KeptKey, KeptLine, as_line, encode, head_of, kept_of, lines_of
from services.runtime.bulk import BulkReader
from services.runtime.failed import Failed, Progress
from services.runtime.settings import Settings

ORDER = ("dead-letters", "cases", "facts", "reference")
"""The order in which the topics' ends are asked for: what follows from a record is never in the file without it."""
BLOCK_BYTES = 4 * 1024 * 1024


class Counted(NamedTuple):
    """What a file holds."""

    records: int
    publications: int
    as_of: datetime | None = None
    """Of an export that went on with what an earlier one had left: the instant that all of it is of."""


class _Left(NamedTuple):
    """What a stopped export left, and where to go on; nothing, where it is of no use."""

    head: Head | None = None
    done: dict[tuple[str, int], int] = {}  # noqa: RUF012 - read only
    """How far each partition is."""
    kept: frozenset[KeptKey] = frozenset()
    number: int = 0
    digest: bytes = b""
    size: int = 0


async def write(settings: Settings, draft: Path, progress: Progress) -> Counted:
    """Write the whole file. Raises :class:`Failed`, OSError, and what the reader raises."""
    async with BulkReader(settings.bootstrap) as reader, publications.connected(settings.postgres) as conn:
        log = f"{await reader.cluster()} {settings.topic_prefix}"
        left = _left(draft)
        if left.head is not None and left.head.log != log:
            if left.head.log:
                raise Failed(f"{draft} was begun from another log ({left.head.log}, here {log}): put it aside first")
            left = _Left()  # of an earlier release, which did not write down whose it was
        head = left.head or await _head(reader, conn, settings, log)
        with draft.open("r+b" if left.size else "wb") as file, progress(head.records, "exporting") as advance:
            file.truncate(left.size)
            file.seek(left.size)
            writer = Writer(file, left.number, left.digest)
            if not left.size:
                writer.write([encode(head)])
            advance(sum(left.done.values()))
            for topic, ends in head.ends.items():
                for partition, end in enumerate(ends):
                    tp = TopicPartition(settings.topic_prefix + topic, partition)
                    lines = _Lines(writer)
                    async for records in reader.read(tp, left.done.get((topic, partition), 0), end):
                        for record in records:
                            lines.add(as_line(topic, record))
                        advance(len(records))
                    lines.flush()
            kept = len(left.kept)
            lines = _Lines(writer)
            async for lot in publications.published(conn, head.made_at, left.kept):
                for each in lot:
                    lines.add(encode(KeptLine(each)))
                kept += len(lot)
            lines.flush()
            writer.write([encode(End(head.records, kept))])
    return Counted(head.records, kept, head.made_at if left.head else None)


class _Lines:
    """Lines on their way into blocks."""

    def __init__(self, writer: Writer) -> None:
        self._writer, self._lines, self._length = writer, list[bytes](), 0

    def add(self, line: bytes) -> None:
        self._lines.append(line)
        self._length += len(line)
        if self._length > BLOCK_BYTES:
            self.flush()

    def flush(self) -> None:
        if self._lines:
            self._writer.write(self._lines)
        self._lines, self._length = [], 0


async def _head(reader: BulkReader, conn: Any, settings: Settings, log: str) -> Head:
    # The instant before the ends: what a publication rests on is in the file with it.
    made_at = await publications.moment(conn)
    ends: dict[str, list[int]] = {}
    for topic in ORDER:
        partitions = await reader.partitions(settings.topic_prefix + topic)
        if not partitions:
            raise Failed(f"there is no topic {settings.topic_prefix}{topic}")
        firsts = await reader.firsts(partitions)
        if any(firsts.values()):
            raise Failed(
                f"{settings.topic_prefix}{topic} no longer holds its beginning: this would not be the whole log"
            )
        by_partition = await reader.ends(partitions)
        ends[topic] = [by_partition[tp] for tp in partitions]
    return Head(FORMAT, made_at, ends, log)


def _left(draft: Path) -> _Left:
    head: Head | None = None
    done: dict[tuple[str, int], int] = {}
    written: set[KeptKey] = set()
    number, digest, size = 0, b"", 0
    try:
        for block in read(draft):
            if head is None:
                head = head_of(block)
                if head.format != FORMAT:  # of an older version, which would write on without the publications
                    return _Left()
            elif (publications := kept_of(block)) is not None:
                written.update(each.key for each in publications)
            else:
                for line in lines_of(block):
                    done[line.t, line.p] = line.o + 1
            number, digest, size = block.number + 1, block.digest, block.end
    except FileNotFoundError:
        return _Left()
    except Damaged as error:
        if head is None or error.block == 0:
            return _Left()
    return _Left(head, done, frozenset(written), number, digest, size)
