"""Whether the tables know what the case topic ends with; a tracker that is behind its own topic must not start.

An event is written to the history and committed before it is published, so in a healthy system the history has every
event of the topic, whatever crashed in between. A database without some of them (an older backup, a dropped schema)
would decide these facts again and give other decisions the same numbers, and readers drop a number that they have seen.
"""

from collections.abc import Sequence

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from services.events.codec import decode_case_event
from services.events.refusals import Refused
from services.runtime.batch import PositionRefused
from services.runtime.bulk import BulkReader
from services.runtime.database import Pool
from services.runtime.ends import Cause
from services.runtime.health import Part
from services.runtime.retry import LogUnavailable, is_transient, report_to, retry_in_place
from services.tracker.store import RELAY_ROWS, SCHEMA

LAST = 4 * RELAY_ROWS
"""Records looked at of each partition: more than one batch of facts commonly leads to. A crash may have had the first
of them sent again, so the very last record may be an older event than the newest."""

log = structlog.get_logger(__name__)


class BehindItsTopic(RuntimeError):
    """The case topic holds events that the tables don't have."""

    end = Cause.DATABASE_BEHIND


async def check(bootstrap: str, topic: str, pool: Pool, part: Part) -> None:
    """Compare the end of each partition of the case topic with the history; waits for the servers as long as it takes.

    Raises :class:`BehindItsTopic`.
    """

    async def look() -> int:
        async with BulkReader(bootstrap) as reader:
            partitions = await reader.partitions(topic)
            if not partitions:
                raise LogUnavailable(f"{topic} is not known to the cluster yet")
            # The ends come first: what the topic has by then was committed before.
            firsts, ends = await reader.firsts(partitions), await reader.ends(partitions)
            count = 0
            for tp in partitions:
                last = await _last(reader, tp, firsts[tp], ends[tp])
                await _require(pool, tp, last)
                count += len(last)
            return count

    # A broker that has just come back may report an end offset for a moment that it then corrects.
    count = await retry_in_place(
        look, lambda error: is_transient(error) or isinstance(error, KafkaError | PositionRefused), report_to(part)
    )()
    part.ok()
    log.info("history_checked", events=count)


Place = tuple[int, str, int]
"""An event's offset, subject and sequence."""


async def _last(reader: BulkReader, tp: TopicPartition, first: int, end: int) -> list[Place]:
    """The last events of a partition; from further back if what is at the end is none."""
    places: list[Place] = []
    while end > first and not places:
        start = max(first, end - LAST)
        async for records in reader.read(tp, start, end):
            for record in records:
                try:
                    event = decode_case_event(record.value or b"")
                except Refused:
                    continue  # no event of ours; the readers of the topic keep it as a dead letter
                places.append((record.offset, event.subject, event.sequence or 0))
        end = start
    return places


async def _require(pool: Pool, tp: TopicPartition, places: Sequence[Place]) -> None:
    """Raise :class:`BehindItsTopic` unless the history has them all."""
    missing = await pool.fetchrow(
        'SELECT w."offset", w.subject, w.sequence '
        'FROM unnest($1::bigint[], $2::text[], $3::bigint[]) AS w("offset", subject, sequence) '
        f"WHERE NOT EXISTS (SELECT FROM {SCHEMA}.events e WHERE (e.subject, e.sequence) = (w.subject, w.sequence)) "
        "ORDER BY 1 LIMIT 1",
        *([place[n] for place in places] for n in range(3)),
    )
    if missing is not None:
        raise BehindItsTopic(
            f"the database is behind {tp.topic}: offset {missing['offset']} of partition {tp.partition} holds event "
            f"{missing['sequence']} of {missing['subject']}, and {SCHEMA}.events does not. Was an older backup put "
            "back, or the schema dropped? `shixian rebuild --swap` makes the tables from the log"
        )
