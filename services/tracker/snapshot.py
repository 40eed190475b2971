"""What only the tracker knows of its cases, read every few seconds, so that no scrape waits for the database.

The limits of a request besides the answer's, and whether anybody has touched it, stand in the case's body. A body is
read again only when the case has moved on, so that a reading costs what has changed and not what is open.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

from services.runtime.database import Pool
from services.runtime.health import Part
from services.runtime.metrics_tables import DeadLetters, dead_letters
from services.runtime.retry import report_to, retry_in_place
from services.tracker.core.case import Case, name_of
from services.tracker.store import SCHEMA, decode_case

SNAPSHOT_SECONDS = 5.0
PACE = 10
"""The pause after a reading is at least so many times as long as the reading took."""
BODIES = 200
"""How many bodies are read at once, and decoded in a thread."""
ROWS = 5000
"""How many open cases are examined at once; between two lots the other tasks have their turn."""
LIMITS = ("clarification-notice", "clarification-reply", "consultation", "fee-payment", "volume-deferral")
"""The limits exported besides the answer's. Those for remedies run after the end, and for the applicant."""
AWAITED = ("receipt-confirmed", "organ-registered", "request-received", "fact", "other")
"""What a case can wait for: the confirmation of its receipt, its organ, its request, a fact that another one amends, or
what its statute and calendar lack."""
AT_WORK = frozenset({"assigned", "accepted", "returned"})
"""States of a step that is not done."""
_RECEIPT = frozenset({"request-received", "receipt-confirmed"})

OPEN = f"SELECT subject, sequence FROM {SCHEMA}.cases WHERE state IN ('open', 'stopped')"
WAITING = (
    f"SELECT state, waiting_for, organ, count(*) FROM {SCHEMA}.cases "
    "WHERE state = 'unconfirmed' OR state = 'waiting' AND waiting_for <> '' GROUP BY 1, 2, 3"
)
UNPUBLISHED = (
    f"SELECT coalesce(sum(n), 0)::bigint FROM {SCHEMA}.progress g LEFT JOIN {SCHEMA}.published p "
    f"USING (partition) CROSS JOIN LATERAL (SELECT count(*) AS n FROM {SCHEMA}.events e "
    "WHERE e.partition = g.partition AND e.number > coalesce(p.through, 0)) AS unpublished"
)
ATTENTION = (
    f"SELECT kind, organ, count(*), min(since) AS oldest FROM {SCHEMA}.attention WHERE since <= now() GROUP BY 1, 2"
)

OFFICE = (
    f"SELECT kind, organ, unit, code, due_on, accepted, min(since) AS since, count(*) FROM {SCHEMA}.office "
    "WHERE kind <> 'review' "
    "GROUP BY kind, organ, unit, code, due_on, accepted, CASE WHEN accepted THEN NULL ELSE since END"
)
REVIEWED = (
    f"SELECT o.organ, o.code, c.state = 'stopped' AS stopped, count(*) FROM {SCHEMA}.office o "
    f"JOIN {SCHEMA}.cases c USING (subject) WHERE o.kind = 'review' GROUP BY 1, 2, 3"
)

Dates = Mapping[tuple[str, str, date], int]
"""How many, by organ, limit and last day."""


class OpenWork(NamedTuple):
    """How many steps, or duties, are alike."""

    kind: str
    """``step`` or ``duty``."""
    organ: str
    unit: str
    """Who has it; empty: the office."""
    code: str
    """The step of the procedure, or the kind of the duty."""
    due_on: date | None
    accepted: bool
    since: date
    """Since when it lies where it lies; of those accepted the earliest."""
    number: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One reading of the tables."""

    running: Dates
    """Limits that run, the answer's left out."""
    due: Mapping[tuple[str, date], int]
    """Open requests whose clock runs, by organ and last day for the answer."""
    untouched: Dates
    """The limits of requests of which nothing but the receipt is known: the answer's and the clarification notice's."""
    waiting: Mapping[str, int]
    """Cases that are no running request yet, by what they wait for, one of :data:`AWAITED`."""
    unpublished: int
    """Events decided and not in the log yet."""
    dead_letters: DeadLetters
    attention: Mapping[str, tuple[int, datetime]] = field(default_factory=dict)
    """What needs a person: by kind how many, and since when the longest waiting."""
    office: Sequence[OpenWork] = ()
    """Steps and duties that are not done."""
    needing: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """The same by organ and kind."""
    unconfirmed: Mapping[str, int] = field(default_factory=dict)
    """Requests whose receipt is not confirmed, by organ."""
    stopped: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Requests whose clock stands still, by organ and the code of the reason."""
    steps: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Steps that a unit has, by organ and unit; the empty unit is the office itself."""
    reviewed: Mapping[tuple[str, str, bool], int] = field(default_factory=dict)
    """Requests of which a review is pending, by organ, the review's kind and whether their clock stands still."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is remembered of an open case."""

    sequence: int
    organ: str
    untouched: bool
    open: bool
    """The clock for the answer runs."""
    due_on: date | None
    running: tuple[tuple[str, date], ...]
    stopped: str = ""
    """Why the clock stands still, as a code; empty where it does not."""


def limits(case: Case) -> Limits:
    """What the metrics need of a case."""
    view = case.view
    running = tuple(
        (timer.limit, timer.due_on)
        for timer in view.clocks
        if timer.limit in LIMITS and timer.done_on is None and timer.due_on is not None and timer.stopped_since is None
    )
    untouched = all(name_of(fact) in _RECEIPT for fact in case.facts)
    stopped = view.stop.code if view.state == "stopped" and view.stop else ""
    return Limits(case.sequence, view.organ, untouched, view.state == "open", view.due_on, running, stopped)


def awaited(state: str, waiting_for: str) -> str:
    """What is waited for, as one of :data:`AWAITED`."""
    if state == "unconfirmed":
        return "receipt-confirmed"
    first = waiting_for.partition(" ")[0]
    return first if first in AWAITED else "other"


def counted(cases: Iterable[Limits]) -> tuple[Dates, Mapping[tuple[str, date], int], Dates]:
    """``running``, ``due`` and ``untouched`` of a snapshot."""
    running: Counter[tuple[str, str, date]] = Counter()
    due: Counter[tuple[str, date]] = Counter()
    untouched: Counter[tuple[str, str, date]] = Counter()
    for case in cases:
        if case.open and case.due_on is not None:
            due[case.organ, case.due_on] += 1
        for limit, due_on in case.running:
            running[case.organ, limit, due_on] += 1
            if case.untouched and limit == "clarification-notice":
                untouched[case.organ, limit, due_on] += 1
        if case.untouched and case.due_on is not None:
            untouched[case.organ, "answer", case.due_on] += 1
    return running, due, untouched


def stopped_for(cases: Iterable[Limits]) -> Mapping[tuple[str, str], int]:
    """``stopped`` of a snapshot."""
    return Counter((case.organ, case.stopped) for case in cases if case.stopped)


def steps_of(office: Iterable[OpenWork]) -> Mapping[tuple[str, str], int]:
    """``steps`` of a snapshot: a request has them before its receipt is confirmed, too."""
    steps: Counter[tuple[str, str]] = Counter()
    for work in office:
        if work.kind == "step":
            steps[work.organ, work.unit] += work.number
    return steps


class Snapshots:
    """Keeps the latest snapshot."""

    def __init__(self, pool: Pool, part: Part) -> None:
        self.latest: Snapshot | None = None
        self._pool, self._part = pool, part
        self._known: dict[str, Limits] = {}

    def dead_letters(self) -> DeadLetters | None:
        """As of the latest snapshot."""
        return self.latest.dead_letters if self.latest else None

    async def run(self) -> None:
        """Read on and on, waiting for a database that is away."""
        patiently = retry_in_place(self.read, on_retry=report_to(self._part))
        while True:
            began = time.monotonic()
            self.latest = await patiently()
            self._part.ok()
            # Where there is much to read it is read less often.
            await asyncio.sleep(max(SNAPSHOT_SECONDS, PACE * (time.monotonic() - began)))

    async def read(self) -> Snapshot:
        """A snapshot of now."""
        await self._refresh()
        async with self._pool.acquire() as conn:
            waiting = await conn.fetch(WAITING)
            unpublished = await conn.fetchval(UNPUBLISHED)
            letters = await dead_letters(conn, SCHEMA)
            needing = await conn.fetch(ATTENTION)
            office = [OpenWork(*row) for row in await conn.fetch(OFFICE)]
            reviewed = await conn.fetch(REVIEWED)
        known = list(self._known.values())
        running, due, untouched = await asyncio.to_thread(counted, known)
        stopped = await asyncio.to_thread(stopped_for, known)
        numbers: Counter[str] = Counter()
        unconfirmed: Counter[str] = Counter()
        for state, waiting_for, organ, count in waiting:
            numbers[awaited(state, waiting_for)] += count
            if state == "unconfirmed":
                unconfirmed[organ] += count
        return Snapshot(
            running,
            due,
            untouched,
            numbers,
            unpublished,
            letters,
            _by_kind(needing),
            office,
            needing={(row["organ"], row["kind"]): row["count"] for row in needing},
            unconfirmed=unconfirmed,
            stopped=stopped,
            steps=steps_of(office),
            reviewed={(row["organ"], row["code"], row["stopped"]): row["count"] for row in reviewed},
        )

    async def _refresh(self) -> None:
        """Bring what is remembered of the open cases up to date."""
        open_: dict[str, int] = {}
        async with (
            self._pool.acquire() as conn,
            conn.transaction(isolation="repeatable_read", readonly=True),
        ):
            cursor = await conn.cursor(OPEN)
            while rows := await cursor.fetch(ROWS):
                open_.update(rows)
                await asyncio.sleep(0)
        self._known, moved = await asyncio.to_thread(_compared, self._known, open_)
        for first in range(0, len(moved), BODIES):
            async with self._pool.acquire() as conn:
                bodies = await conn.fetch(
                    f"SELECT subject, body FROM {SCHEMA}.cases WHERE subject = ANY($1::text[])",
                    moved[first : first + BODIES],
                )
            self._known.update(await asyncio.to_thread(_read, bodies))


def _by_kind(rows: Iterable[Any]) -> Mapping[str, tuple[int, datetime]]:
    by_kind: dict[str, tuple[int, datetime]] = {}
    for row in rows:
        count, oldest = by_kind.get(row["kind"], (0, row["oldest"]))
        by_kind[row["kind"]] = count + row["count"], min(oldest, row["oldest"])
    return by_kind


def _compared(known: Mapping[str, Limits], open_: Mapping[str, int]) -> tuple[dict[str, Limits], list[str]]:
    """What is known of cases still open, and which of these have moved on since."""
    kept = {subject: limits for subject, limits in known.items() if subject in open_}
    return kept, [s for s, sequence in open_.items() if s not in kept or kept[s].sequence != sequence]


def _read(bodies: Iterable[Any]) -> dict[str, Limits]:
    return {row["subject"]: limits(decode_case(row["body"])) for row in bodies}
