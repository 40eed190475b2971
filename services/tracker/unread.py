"""Whether the log has a fact that the tracker has not read yet: looked for behind its positions, within bounds."""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog
from aiokafka import TopicPartition
from msgspec import Struct

from services.runtime import progress
from services.runtime.batch import PositionRefused
from services.runtime.bulk import BulkReader
from services.runtime.damage import LogDamaged
from services.runtime.database import Pool
from services.runtime.retry import LogUnavailable
from services.tracker.store import SCHEMA

MOST = 20_000
"""Records looked at for one question; a tracker that is further behind has no answer."""
SECONDS = 5.0

log = structlog.get_logger(__name__)


class Waiting(Struct, frozen=True):
    """A record that waits to be read."""

    subject: str
    type: str
    posted_for: str | None = None
    """The organs that its account may speak for; None: all."""


class Ahead(Struct, frozen=True):
    """What stands behind the tracker's positions."""

    found: Waiting | None = None
    all_looked_at: bool = False
    """Whether every record that was there was looked at; if not, the fact may be among the others."""


class _Named(Struct):
    source: str
    id: str
    subject: str = ""
    type: str = ""
    postedfor: str | None = None


_named = msgspec.json.Decoder(_Named)


class Unread:
    """Looks into the fact topic for what the tracker has still to read."""

    def __init__(self, bootstrap: str, topic: str, pool: Pool) -> None:
        self._bootstrap, self._topic, self._pool = bootstrap, topic, pool

    async def look(self, source: str, id_: str) -> Ahead:
        """Look for a fact by what names it. Nothing is known of a log that does not answer or can't be read."""
        try:
            async with asyncio.timeout(SECONDS), BulkReader(self._bootstrap) as reader:
                partitions = await reader.partitions(self._topic)
                ends = await reader.ends(partitions)
                read = await progress.positions(self._pool, SCHEMA, partitions)
                return await find(reader, lots(ends, read), source, id_)
        except (TimeoutError, LogUnavailable, LogDamaged, PositionRefused) as error:
            log.warning("unread_facts_not_looked_at", topic=self._topic, reason=str(error) or "no answer in time")
            return Ahead()


def lots(
    ends: Mapping[TopicPartition, int], read: Mapping[TopicPartition, int]
) -> list[tuple[TopicPartition, int, int]]:
    """The partitions with records still to be read: from where, and up to where; the shortest first."""
    behind = [(tp, read.get(tp, 0), end) for tp, end in ends.items() if end > read.get(tp, 0)]
    return sorted(behind, key=lambda lot: (lot[2] - lot[1], lot[0]))


async def find(reader: Any, behind: list[tuple[TopicPartition, int, int]], source: str, id_: str) -> Ahead:
    """The fact among those records, as far as :data:`MOST` of them reach."""
    left = MOST
    for tp, start, end in behind:
        async for records in reader.read(tp, start, min(end, start + left)):
            for record in records:
                try:
                    named = _named.decode(record.value or b"")
                except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                    continue  # no fact; it becomes a dead letter when it is read
                if (named.source, named.id) == (source, id_):
                    return Ahead(Waiting(named.subject, named.type, named.postedfor))
        left -= min(end - start, left)
    return Ahead(all_looked_at=sum(end - start for _, start, end in behind) <= MOST)
