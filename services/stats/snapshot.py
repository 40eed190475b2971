"""What the folded tables say, read every few seconds, so that no scrape waits for the database."""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import structlog

from services.runtime.database import Conn, Pool
from services.runtime.health import Part
from services.runtime.metrics_tables import DeadLetters, dead_letters
from services.runtime.retry import report_to, retry_in_place
from services.stats.kinds import COUNTED_STATES, column
from services.stats.store import SCHEMA

SNAPSHOT_SECONDS = 2.0
AUDIT_SECONDS = 3600.0
AUDIT_LIMIT_SECONDS = 1800.0
PACE = 10
"""The pause after a reading is at least so many times as long as the reading took."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Unanswered:
    """How many requests of an organ have these dates and no end."""

    organ: str
    state: str
    due_on: date | None
    overdue_from: date | None
    count: int
    provisional: bool = False
    first: str = ""
    """One of them by its id: the first in the alphabet."""

    def overdue_since(self, today: date) -> date | None:
        """The first day after the limit, if that has come by ``today`` of the organ's zone.

        The due date decides, as everywhere: a new answer that a review ordered has a limit of its own, whatever breach
        lies before it. Rows of older rules can be stopped and overdue at once.
        """
        if self.state == "open" and self.due_on is not None:
            return self.due_on + timedelta(days=1) if self.due_on < today else None
        if self.overdue_from is not None and self.overdue_from <= today:
            return self.overdue_from
        return None

    def is_overdue(self, today: date) -> bool:
        """Whether they are overdue on ``today`` of the organ's zone."""
        return self.overdue_since(today) is not None

    def days_left(self, today: date) -> int | None:
        """Calendar days until the due date, 0 on the day itself; None where no clock runs or it has run out."""
        if self.state != "open" or self.due_on is None or self.is_overdue(today):
            return None
        return (self.due_on - today).days


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
    """Organ and year, wherever there is a number, or a request that is in no number until its receipt is confirmed."""
    received: tuple[tuple[str, int, str, int], ...] = ()
    """Organ, year, channel and how many."""
    ended: tuple[tuple[str, int, str, str, int], ...] = ()
    """Organ, year, outcome, timeliness and how many."""
    unanswered: tuple[Unanswered, ...] = ()
    positions: tuple[Position, ...] = ()
    dead_letters: DeadLetters | None = None
    cards: tuple[tuple[str, str, int, str, str, int], ...] = ()
    """Organ, unit, year, card, limit and how many."""


@dataclass(frozen=True, slots=True)
class Audit:
    """What the service's own check of its counters found."""

    read_at: datetime
    differences: int
    """Counters that are not the sum of their changes, or of the requests that they count."""


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
        years = await conn.fetch(
            f"SELECT organ, year FROM {SCHEMA}.cell WHERE count <> 0 UNION "
            f"SELECT organ, extract(year FROM submitted_on)::int FROM {SCHEMA}.request WHERE state = 'unconfirmed'"
        )
        received = await conn.fetch(
            f"SELECT organ, year, {column('received', 'channel')}, sum(count)::bigint "
            f"FROM {SCHEMA}.cell WHERE kind = 'received' GROUP BY 1, 2, 3"
        )
        ended = await conn.fetch(
            f"SELECT organ, year, {column('closed', 'outcome')}, {column('closed', 'timeliness')}, sum(count)::bigint "
            f"FROM {SCHEMA}.cell WHERE kind = 'closed' GROUP BY 1, 2, 3, 4"
        )
        cards = await conn.fetch(
            f"SELECT organ, {column('card', 'unit')}, year, {column('card', 'card')}, {column('card', 'limit')}, "
            f"count::bigint FROM {SCHEMA}.cell WHERE kind = 'card' AND count <> 0"
        )
        unanswered = await conn.fetch(
            "SELECT organ, state, due_on, overdue_from, count(*), coalesce(provisional, false), min(subject) "
            f"FROM {SCHEMA}.request WHERE state IN ('open', 'stopped') GROUP BY 1, 2, 3, 4, 6"
        )
        return Snapshot(
            datetime.now(UTC),
            tuple(tuple(row) for row in years),
            tuple(tuple(row) for row in received),
            tuple(tuple(row) for row in ended),
            tuple(Unanswered(*row) for row in unanswered),
            await positions(conn),
            await dead_letters(conn, SCHEMA),
            tuple(tuple(row) for row in cards),
        )


_RECOUNT = """
WITH counted AS (
    SELECT organ, year, kind, a, b, c, statute, count AS n FROM {schema}.cell
), changed AS (
    SELECT organ, year, kind, a, b, c, statute, sum(delta) AS n FROM {schema}.cell_change GROUP BY 1, 2, 3, 4, 5, 6, 7
), requests AS (
    SELECT organ, extract(year FROM received_on)::int AS year, 'received' AS kind, channel AS a, applicant AS b,
           to_char(received_on, 'MM') AS c, statute
    FROM {schema}.request WHERE received_on IS NOT NULL AND state = ANY($1::text[])
    UNION ALL
    SELECT organ, extract(year FROM closed_on)::int, 'closed', coalesce(outcome, 'other'), applicant,
           coalesce(timeliness, ''), statute
    FROM {schema}.request
    WHERE received_on IS NOT NULL AND closed_on IS NOT NULL AND state = ANY($1::text[])
    UNION ALL
    SELECT organ, extract(year FROM "on")::int, 'unit-received', unit, code, '', ''
    FROM {schema}.office WHERE piece = 'holding'
    UNION ALL
    SELECT organ, extract(year FROM left_on)::int, 'unit-ended', unit, how, coalesce(days::text, ''), ''
    FROM {schema}.office WHERE piece = 'holding' AND left_on IS NOT NULL
    UNION ALL
    SELECT organ, extract(year FROM "on")::int, 'unit-late', unit, code, '', ''
    FROM {schema}.office WHERE piece = 'step' AND "on" IS NOT NULL
    UNION ALL
    SELECT organ, extract(year FROM "on")::int, 'card', unit, code, how, '' FROM {schema}.office WHERE piece = 'card'
    UNION ALL
    SELECT organ, extract(year FROM "on")::int, 'duty', code, how, '', ''
    FROM {schema}.office WHERE piece = 'duty' AND "on" IS NOT NULL
), recounted AS (
    SELECT organ, year, kind, a, b, c, statute, count(*) AS n FROM requests GROUP BY 1, 2, 3, 4, 5, 6, 7
)
SELECT (SELECT count(*) FROM counted FULL JOIN changed USING (organ, year, kind, a, b, c, statute)
        WHERE coalesce(counted.n, 0) <> coalesce(changed.n, 0))
     + (SELECT count(*) FROM (SELECT * FROM counted WHERE kind IN ('received', 'closed', 'unit-received', 'unit-ended',
            'unit-late', 'card', 'duty')) AS counted
        FULL JOIN recounted USING (organ, year, kind, a, b, c, statute)
        WHERE coalesce(counted.n, 0) <> coalesce(recounted.n, 0))
"""
"""What a cell is, said once more and on purpose: a place that the table of kinds has wrong must show here."""


async def audit(pool: Pool) -> Audit:
    """Compare the counters with their changes and with the requests themselves, in one reading of the tables."""
    async with pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        differences = await conn.fetchval(
            _RECOUNT.format(schema=SCHEMA), list(COUNTED_STATES), timeout=AUDIT_LIMIT_SECONDS
        )
        return Audit(datetime.now(UTC), differences)


class Snapshots:
    """Keeps the latest snapshot, and the latest audit."""

    def __init__(self, pool: Pool, part: Part) -> None:
        self.latest: Snapshot | None = None
        self.audit: Audit | None = None
        self._pool = pool
        self._part = part

    async def run(self) -> None:
        """Read on and on, waiting for a database that is away."""
        patiently = retry_in_place(read, on_retry=report_to(self._part))
        while True:
            began = time.monotonic()
            self.latest = await patiently(self._pool)
            self._part.ok()
            # Where there is much to read it is read less often.
            await asyncio.sleep(max(SNAPSHOT_SECONDS, PACE * (time.monotonic() - began)))

    def dead_letters(self) -> DeadLetters | None:
        """As of the latest snapshot."""
        return self.latest.dead_letters if self.latest else None

    async def auditing(self) -> None:
        """Check the counters now and then, waiting for a database that is away."""
        patiently = retry_in_place(audit)  # an audit that can't be had is no reason to call the service unable
        while True:
            began = time.monotonic()
            self.audit = await patiently(self._pool)
            if self.audit.differences:
                log.error("audit_difference", counters=self.audit.differences)
            await asyncio.sleep(max(AUDIT_SECONDS, PACE * (time.monotonic() - began)))
