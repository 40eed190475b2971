"""Very many cases, put straight into the tracker's table: lists and feeds have to live with them."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import asyncpg
import msgspec

from services.events.codec import decode_fact
from services.tracker import store
from services.tracker.core.case import Case
from services.tracker.core.decide import decide
from services.tracker.core.reference_data import ReferenceData
from services.tracker.core.rows import Change, Row
from tests.chaos.hostile.facts import organ
from tests.support import answered, raw, received

PREFIX = "bulk/"
ORGAN_COUNT = 40
PORTION = 20_000
_WIDTH = 8
_ANSWERED = 5
"""A template that is answered."""
_TEMPLATE = f"{PREFIX}{0:0{_WIDTH}}"
Advance = Callable[[int], None]


def codes() -> list[str]:
    """The organs that the cases belong to, all of one length."""
    return [f"bulk-organ-{n:02}" for n in range(ORGAN_COUNT)]


def organs() -> list[bytes]:
    """The facts that register them; their calendar is one that no hostile fact touches."""
    facts = (
        raw("organ-registered", code, organ(code, calendar="AU", statute="CN"), id=code, source="urn:shixian:bulk")
        for code in codes()
    )
    return [msgspec.json.encode(fact) for fact in facts]


def _templates(now: datetime) -> list[Row]:
    """Cases in every state that a list asks for: overdue, due soon, open, answered; a row each."""
    world = ReferenceData(decode_fact(fact) for fact in organs())  # type: ignore[misc]  # they are reference facts
    found = []
    for number in range(60):
        day = now.date() - timedelta(days=number % 30 if number % 3 else 40 + number)
        case = Case(subject=_TEMPLATE)
        facts = [received(_TEMPLATE, day.isoformat(), "in-person", codes()[number % ORGAN_COUNT])]
        if number % 6 == _ANSWERED:
            facts.append(answered(_TEMPLATE, min(now.date(), day + timedelta(days=5)).isoformat()))
        for fact in facts:
            read = decode_fact(msgspec.json.encode(fact))
            case, _ = decide(case, read, world, now, {})  # type: ignore[arg-type]  # they are request facts
        found.append(store.case_row(Change(case, 0, None), now))
    return found


def rows(count: int, now: datetime, ended: int = 0) -> Iterator[Row]:
    """``count`` rows, each a template under a subject of its own; no clock wakes them. ``ended``: of each hundred, so
    many are answered for certain."""
    templates = _templates(now)
    for number in range(count):
        subject = f"{PREFIX}{number:0{_WIDTH}}"
        row = templates[number % len(templates) if number % 100 >= ended else _ANSWERED]
        yield (subject, row[1], row[2].replace(_TEMPLATE.encode(), subject.encode()), *row[3:])


async def organs_looked_over(dsn: str, partitions: int, seconds: float) -> None:
    """Wait until the tracker knows every organ in every partition: later it would look at all their cases.

    Raises ``TimeoutError`` after ``seconds``.
    """
    query = (
        f"SELECT count(*) FROM {store.SCHEMA}.organ_applied "
        "WHERE organ = ANY($1::text[]) AND terms <> '' AND through IS NULL"
    )
    conn = await asyncpg.connect(dsn)
    try:
        async with asyncio.timeout(seconds):
            while await conn.fetchval(query, codes()) < partitions * ORGAN_COUNT:  # noqa: ASYNC110 - a table's rows
                await asyncio.sleep(0.2)
    finally:
        await conn.close()


async def put(dsn: str, count: int, now: datetime, advance: Advance, ended: int = 0) -> None:
    """Copy ``count`` cases into the table, as :func:`rows` makes them, and have it tidied up."""
    conn = await asyncpg.connect(dsn)
    try:
        some: list[Row] = []
        for row in rows(count, now, ended):
            some.append(row)
            if len(some) == PORTION:
                await _copy(conn, some, advance)
        await _copy(conn, some, advance)
        # As a table is that has been filled in the course of a year: what so large a copy leaves to do is not measured.
        await conn.execute(f"VACUUM (ANALYZE) {store.SCHEMA}.cases", timeout=600)
        await conn.execute("CHECKPOINT", timeout=600)
    finally:
        await conn.close()


async def _copy(conn: asyncpg.Connection, some: list[Row], advance: Advance) -> None:
    await conn.copy_records_to_table(
        "cases", schema_name=store.SCHEMA, columns=list(store.CASE_COLUMNS), records=some, timeout=600
    )
    advance(len(some))
    some.clear()


async def remove(dsn: str) -> int:
    """Take them out again, so that the rest can be compared with the log; how many there were."""
    conn = await asyncpg.connect(dsn)
    try:
        gone = await conn.execute(
            f"DELETE FROM {store.SCHEMA}.cases WHERE subject >= $1 AND subject < $2", PREFIX, "bulk0", timeout=900
        )
        return int(gone.rpartition(" ")[2])
    finally:
        await conn.close()
