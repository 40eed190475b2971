"""Which cases an organ's new law, zone or calendar touches, and how far they have been looked at.

When an organ is registered anew, a calendar published, or a release started that knows other laws, all cases of the
organ whose dates can still move are looked at, in the order of their subjects and in lots, so that a million of them
hold up neither a batch nor what is due today. How far it has come is stored with each lot: a crash repeats none of it
and leaves none out. Closed cases stay as they were decided.

All of it runs inside the caller's transaction, under the lock of the partition's progress row.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from services.runtime.database import Conn
from services.tracker.core.case import Case
from services.tracker.core.reference_data import ReferenceData
from services.tracker.store import SCHEMA, decode_case

PENDING = (
    "(state IN ('open', 'stopped', 'unconfirmed', 'waiting', 'duty') OR state = 'retracted' AND waiting_for <> '' "
    "OR state IN ('answered', 'closed') AND wake_at IS NOT NULL)"
)
"""Cases whose dates can still move, in the words of the index ``cases_movable``; of an ended request those of a duty
can, while the clock has it to look at."""
UNKNOWN = {"": "-"}
"""Cases that an earlier release wrote without the organ that they wait for: they are looked at once."""
WOKEN = 1000
"""Postponed cases woken in one transaction."""


async def begin(conn: Conn, partition: int, now: datetime, reference_data: ReferenceData) -> None:
    """Note which organs' cases have to be looked at, if organs or calendars are others than those stored.

    What was postponed after a failure is due at once. A process that knows fewer records than were applied begins
    nothing: it is about to read them.
    """
    # What is learned while the database is asked is for the next round: it has not been compared with anything yet.
    reference_data = reference_data.as_known()
    applied = await conn.fetchrow(
        f"SELECT known, stamp FROM {SCHEMA}.reference_applied WHERE partition = $1", partition
    )
    if applied is not None and (applied["stamp"] == reference_data.stamp() or applied["known"] > reference_data.known):
        return
    if await _wake_postponed(conn, partition, now) == WOKEN:
        return  # the next round goes on; the stamp is stored when all are awake
    stored = await conn.fetch(f"SELECT organ, terms FROM {SCHEMA}.organ_applied WHERE partition = $1", partition)
    changed = _changed({row["organ"]: row["terms"] for row in stored}, reference_data.terms() | UNKNOWN)
    await conn.execute(
        f"INSERT INTO {SCHEMA}.organ_applied AS a SELECT $1, w.organ, w.terms, CASE WHEN EXISTS (SELECT FROM "
        f"{SCHEMA}.cases c WHERE c.partition = $1 AND c.organ = w.organ AND {PENDING}) THEN '' END "
        "FROM unnest($2::text[], $3::text[]) AS w(organ, terms) "
        "ON CONFLICT (partition, organ) DO UPDATE SET terms = excluded.terms, through = excluded.through",
        partition,
        list(changed),
        list(changed.values()),
    )
    # An organ's own facts (reviews under its code) come without a request, and wait until it is registered.
    await conn.execute(
        f"UPDATE {SCHEMA}.cases SET wake_at = $2 "
        "WHERE partition = $1 AND subject = ANY($3::text[]) AND state = 'waiting'",
        partition,
        now,
        list(changed),
    )
    await conn.execute(
        f"INSERT INTO {SCHEMA}.reference_applied (partition, known, stamp) VALUES ($1, $2, $3) "
        "ON CONFLICT (partition) DO UPDATE SET known = excluded.known, stamp = excluded.stamp",
        partition,
        reference_data.known,
        reference_data.stamp(),
    )


def _changed(stored: Mapping[str, str], terms: Mapping[str, str]) -> dict[str, str]:
    """The organs whose terms are others than those stored; empty terms for one that is registered no more."""
    gone = {organ: "" for organ, before in stored.items() if organ not in terms and before}
    return {organ: new for organ, new in terms.items() if stored.get(organ) != new} | gone


async def _wake_postponed(conn: Conn, partition: int, now: datetime) -> int:
    rows = await conn.fetch(
        f"DELETE FROM {SCHEMA}.postponed WHERE partition = $1 AND subject IN "
        f"(SELECT subject FROM {SCHEMA}.postponed WHERE partition = $1 LIMIT {WOKEN}) RETURNING subject",
        partition,
    )
    await conn.execute(
        f"UPDATE {SCHEMA}.cases SET wake_at = $2 WHERE subject = ANY($1::text[])", [row["subject"] for row in rows], now
    )
    return len(rows)


async def next_cases(
    conn: Conn, partition: int, now: datetime, settle: timedelta, limit: int
) -> tuple[list[Case], bool]:
    """The next cases to be looked at, locked, and noted as looked at; and whether more may be left.

    A case that has not been quiet for ``settle`` is not among them: it is due when it has been, since the rest of its
    history may be on its way.
    """
    cases: list[Case] = []
    room = limit
    while room > 0:
        row = await conn.fetchrow(
            f"SELECT organ, through FROM {SCHEMA}.organ_applied WHERE partition = $1 AND through IS NOT NULL "
            "ORDER BY organ LIMIT 1",
            partition,
        )
        if row is None:
            return cases, False
        rows = await conn.fetch(LOT, partition, row["organ"], row["through"], room)
        # What was written later than now was written by another clock, and says nothing of how quiet the case is.
        moved = {each["subject"] for each in rows if each["updated_at"] <= now < each["updated_at"] + settle}
        restless = sorted(moved)
        cases += [decode_case(each["body"]) for each in rows if each["subject"] not in moved]
        if restless:
            await conn.execute(
                f"UPDATE {SCHEMA}.cases SET wake_at = least(wake_at, updated_at + $2) WHERE subject = ANY($1::text[])",
                restless,
                settle,
            )
        await conn.execute(
            f"UPDATE {SCHEMA}.organ_applied SET through = $3 WHERE partition = $1 AND organ = $2",
            partition,
            row["organ"],
            rows[-1]["subject"] if len(rows) == room else None,
        )
        room -= len(rows)
    return cases, True


LOT = (
    f"SELECT subject, body, updated_at FROM {SCHEMA}.cases "
    f"WHERE partition = $1 AND organ = $2 AND subject > $3 AND {PENDING} AND (state <> 'waiting' OR waiting_for <> '') "
    "ORDER BY subject LIMIT $4 FOR UPDATE"
)
"""A lot of an organ's cases, read from the index ``cases_movable`` alone, however many cases there are. What waits for
nothing holds tallies only, and has no date."""


async def note_postponed(conn: Conn, partition: int, subjects: list[str]) -> None:
    """Remember which cases the clock failed over."""
    await conn.execute(
        f"INSERT INTO {SCHEMA}.postponed SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING", partition, subjects
    )
