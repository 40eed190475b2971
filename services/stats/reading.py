"""The counters as a report needs them, now or as of an instant, and what changed them; one query each."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from services.events.vocabulary import Ref
from services.runtime.database import Conn
from services.stats.cells import Cell, Number, plain
from services.stats.fold import Place
from services.stats.kinds import CARRY_KINDS, LEVEL_KINDS, column
from services.stats.store import SCHEMA

MOST_CHANGES = 50
"""How many changes of one counter are named as causes of a revised number, the latest."""


class Changed(Struct, frozen=True):
    """A change of a counter: by how much, because of which event of which request, and which fact led to that."""

    cell: Cell
    delta: Number
    subject: str
    sequence: int
    recorded_at: datetime
    cause: Ref | None
    place: Place


_EARLIER = [*CARRY_KINDS, *LEVEL_KINDS]
"""The kinds of counters of which a report needs those of the years before as well."""


async def year_cells(
    conn: Conn, organs: Collection[str], year: int, before: datetime | None = None
) -> dict[Cell, Number]:
    """What :func:`services.stats.cells.of_year` needs for one year: the organs' cells of it, and what they carried.

    With ``before`` as it was known then: what was written at that instant or later is taken away again, so the cost
    follows what has changed since. Numbers that several organs have together stand under the first organ; not so
    levels, and reviews that don't say their law, which count by each organ's own.
    """
    under = min(organs)
    what = ", ".join(Cell._fields[2:])
    since = (
        f" UNION ALL SELECT organ, year, {what}, -delta FROM {SCHEMA}.cell_change "
        "WHERE organ = ANY($1::text[]) AND recorded_at >= $5 AND (year = $2 OR (year < $2 AND kind = ANY($4::text[])))"
    )
    rows = await conn.fetch(
        "SELECT CASE WHEN kind = ANY($3::text[]) OR (statute = '' AND kind IN ('review', 'review-later')) "
        "THEN organ END AS own, "
        f"CASE WHEN year < $2 THEN $2 - 1 ELSE $2 END AS y, {what}, sum(count) FROM ("
        f"SELECT organ, year, {what}, count FROM {SCHEMA}.cell "
        "WHERE organ = ANY($1::text[]) AND (year = $2 OR (year < $2 AND kind = ANY($4::text[])))"
        f"{since if before else ''}) AS counted GROUP BY own, y, {what} HAVING sum(count) <> 0",
        list(organs),
        year,
        list(LEVEL_KINDS),
        _EARLIER,
        *([before] if before else []),
    )
    return {Cell(own or under, y, *rest): plain(count) for own, y, *rest, count in rows}


async def has_earlier(conn: Conn, organs: Collection[str], year: int, statutes: Collection[str]) -> bool:
    """Whether anything under these laws, or under none, was counted for the organs before ``year``."""
    return bool(
        await conn.fetchval(
            f"SELECT EXISTS (SELECT FROM {SCHEMA}.cell WHERE organ = ANY($1::text[]) AND year < $2 AND count <> 0 "
            "AND (statute = '' OR statute = ANY($3::text[])))",
            list(organs),
            year,
            list(statutes),
        )
    )


async def by_organ(
    conn: Conn, organs: Sequence[str], year: int, statutes: Collection[str]
) -> dict[str, dict[str, int]]:
    """For each organ how many requests under these laws it received and ended in the year, how many of those in time or
    late, and how many were pending and how many past their limit when it ended."""
    how = column("closed", "timeliness")
    rows = await conn.fetch(
        f"SELECT organ, CASE kind WHEN 'closed' THEN CASE {how} WHEN '' THEN 'ended' ELSE {how} END ELSE kind END, "
        f"sum(count)::bigint FROM {SCHEMA}.cell WHERE organ = ANY($1::text[]) AND statute = ANY($4::text[]) "
        "AND ((year = $2 AND kind IN ('received', 'closed')) OR (year <= $2 AND kind = ANY($3::text[]))) GROUP BY 1, 2",
        list(organs),
        year,
        list(CARRY_KINDS),
        list(statutes),
    )
    sums: dict[str, dict[str, int]] = {organ: {} for organ in organs}
    for organ, what, count in rows:
        sums[organ][what] = count
    return {
        organ: {
            "received": n.get("received", 0),
            "ended": n.get("in-time", 0) + n.get("late", 0) + n.get("ended", 0),
            "in_time": n.get("in-time", 0),
            "late": n.get("late", 0),
            "overdue": n.get("breached", 0) - n.get("breached-ended", 0),
            "pending": n.get("carried", 0) - n.get("carried-ended", 0),
        }
        for organ, n in sums.items()
    }


async def changes_beyond(conn: Conn, organs: Collection[str], year: int, offsets: Mapping[int, int]) -> list[Changed]:
    """The changes that a year's report feels and whose events stand at or beyond ``offsets`` (by partition), the
    earliest first; of each counter at most the latest :data:`MOST_CHANGES`."""
    counter = ", ".join(f"d.{name}" for name in Cell._fields[1:])
    rows = await conn.fetch(
        f'SELECT *, "offset" AS at FROM (SELECT d.*, row_number() OVER (PARTITION BY {counter} '
        'ORDER BY d.recorded_at DESC, d.partition, d."offset" DESC) AS place '
        f"FROM {SCHEMA}.cell_change d LEFT JOIN unnest($3::int[], $4::bigint[]) AS p(partition, reached) "
        "USING (partition) WHERE d.organ = ANY($1::text[]) "
        "AND (d.year = $2 OR (d.year < $2 AND d.kind = ANY($5::text[]))) "
        'AND d."offset" >= coalesce(p.reached, 0)) AS beyond '
        "WHERE place <= $6 ORDER BY recorded_at, subject, sequence",
        list(organs),
        year,
        list(offsets),
        list(offsets.values()),
        _EARLIER,
        MOST_CHANGES,
    )
    return [
        Changed(
            Cell(*(r[name] for name in Cell._fields)),
            plain(r["delta"]),
            r["subject"],
            r["sequence"],
            r["recorded_at"],
            Ref(r["cause_source"], r["cause_id"]) if r["cause_id"] is not None else None,
            Place(r["partition"], r["at"]),
        )
        for r in rows
    ]
