"""What the folded tables say, read every few seconds, so that no scrape waits for the database."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, date, datetime

from services.runtime.database import Conn, Pool
from services.runtime.health import Part
from services.runtime.retry import report_to, retry_in_place
from services.stats.store import SCHEMA

SNAPSHOT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Unanswered:
    """How many requests of an organ have these dates and no end."""

    organ: str
    state: str
    due_on: date | None
    overdue_from: date | None
    count: int

    def is_overdue(self, today: date) -> bool:
        """Whether they are overdue on ``today`` of the organ's zone; a pause after the breach keeps it."""
        if self.overdue_from is not None and self.overdue_from <= today:
            return True
        return self.state == "open" and self.due_on is not None and self.due_on < today


@dataclass(frozen=True, slots=True)
class Position:
    """How far a partition is folded."""

    topic: str
    partition: int
    next_offset: int
    events: int
    last_event_at: datetime
    """When the last event folded had been written to the log."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One reading of the tables, consistent in itself."""

    read_at: datetime
    years: tuple[tuple[str, int], ...] = ()
    """Organ and year, wherever there is a number."""
    received: tuple[tuple[str, int, str, int], ...] = ()
    """Organ, year, channel and how many."""
    ended: tuple[tuple[str, int, str, str, int], ...] = ()
    """Organ, year, outcome, timeliness and how many."""
    unanswered: tuple[Unanswered, ...] = ()
    positions: tuple[Position, ...] = ()


async def positions(conn: Conn) -> tuple[Position, ...]:
    """How far each partition is folded."""
    rows = await conn.fetch(
        f"SELECT p.topic, p.partition, p.next_offset, f.events, f.last_event_at FROM {SCHEMA}.progress p "
        f"JOIN {SCHEMA}.folded f USING (topic, partition) ORDER BY p.topic, p.partition"
    )
    return tuple(Position(*row) for row in rows)


async def read(pool: Pool) -> Snapshot:
    """A snapshot of now."""
    async with pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        years = await conn.fetch(f"SELECT DISTINCT organ, year FROM {SCHEMA}.cell WHERE count <> 0")
        received = await conn.fetch(
            f"SELECT organ, year, a, sum(count)::bigint FROM {SCHEMA}.cell WHERE kind = 'received' GROUP BY 1, 2, 3"
        )
        ended = await conn.fetch(
            f"SELECT organ, year, a, c, sum(count)::bigint FROM {SCHEMA}.cell WHERE kind = 'closed' GROUP BY 1, 2, 3, 4"
        )
        unanswered = await conn.fetch(
            f"SELECT organ, state, due_on, overdue_from, count(*) FROM {SCHEMA}.request "
            "WHERE state IN ('open', 'stopped') GROUP BY 1, 2, 3, 4"
        )
        return Snapshot(
            datetime.now(UTC),
            tuple(tuple(row) for row in years),
            tuple(tuple(row) for row in received),
            tuple(tuple(row) for row in ended),
            tuple(Unanswered(*row) for row in unanswered),
            await positions(conn),
        )


class Snapshots:
    """Keeps the latest snapshot."""

    def __init__(self, pool: Pool, part: Part) -> None:
        self.latest: Snapshot | None = None
        self._pool = pool
        self._part = part

    async def run(self) -> None:
        """Read on and on, waiting for a database that is away."""
        patiently = retry_in_place(read, on_retry=report_to(self._part))
        while True:
            self.latest = await patiently(self._pool)
            self._part.ok()
            await asyncio.sleep(SNAPSHOT_SECONDS)
