"""The rows of requests' trails: which were handed on to whom, and which others follow them; written with the cases.

Both ends of a trail may be in different partitions, written by different processes. They meet at the row of the earlier
request in ``handed_on``: each writes it first, so the one that comes second waits for the other and sees what it wrote.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from services.runtime.database import Conn, Pool
from services.tracker.core.attention import begins
from services.tracker.core.case import Case
from services.tracker.core.rows import Row
from services.tracker.core.trail import bears_on, follows, handed_on
from services.tracker.core.view import organ_of
from services.tracker.store import ATTENTION_COLUMNS, SCHEMA
from services.words.remark import remark

EXPECTED = "expected"
"""The kind, and the remark, of a request that an organ is to receive from another."""
ELSEWHERE = -2
"""The piece of what another organ than the case's own has to see to."""
FOLLOWERS = 100
"""The most requests shown that follow one."""


async def save(conn: Conn, cases: Iterable[tuple[int, Case]]) -> None:
    """Write the trails that cases (each with its partition) have a part in, and whom that leaves expecting a request.

    Once in a transaction: the rows are locked in one order, so that two of them can't wait for each other.
    """
    touched: set[str] = set()
    moved: list[tuple[str, int, str | None, str | None, Any]] = []
    after: list[tuple[str, str, str, str]] = []
    about: list[str] = []
    for partition, case in cases:
        if not (bearing := bears_on(case)):
            continue
        touched |= bearing
        about.append(case.subject)
        if case.subject in bearing:
            gone = handed_on(case)
            to = (gone.to_organ, gone.from_organ, gone.on) if gone else (None, None, None)
            moved.append((case.subject, partition, *to))
        after += [(one.request, case.subject, organ_of(case), one.why) for one in follows(case)]
    if not touched:
        return
    requests = sorted(touched)
    await conn.execute(
        f"INSERT INTO {SCHEMA}.handed_on AS h (request) SELECT * FROM unnest($1::text[]) "
        "ON CONFLICT (request) DO UPDATE SET request = h.request",
        requests,
    )
    if moved:
        await conn.execute(
            f"UPDATE {SCHEMA}.handed_on h SET (partition, to_organ, from_organ, moved_on) = "
            "(w.partition, w.to_organ, w.from_organ, w.moved_on) "
            "FROM unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::date[]) "
            "AS w(request, partition, to_organ, from_organ, moved_on) WHERE h.request = w.request",
            *(list(column) for column in zip(*moved, strict=True)),
        )
    await conn.execute(
        f"DELETE FROM {SCHEMA}.followed WHERE request = ANY($1::text[]) AND subject = ANY($2::text[])", requests, about
    )
    if after:
        await conn.execute(
            f"INSERT INTO {SCHEMA}.followed (request, subject, organ, why) "
            "SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) ON CONFLICT DO NOTHING",
            *(list(column) for column in zip(*after, strict=True)),
        )
    await _refresh(conn, requests)


async def _refresh(conn: Conn, requests: list[str]) -> None:
    """Bring what is expected up to what the trails say; their rows are locked."""
    await conn.execute(
        f"DELETE FROM {SCHEMA}.attention WHERE subject = ANY($1::text[]) AND piece = {ELSEWHERE}", requests
    )
    rows = await conn.fetch(
        f"SELECT request, partition, to_organ, from_organ, moved_on FROM {SCHEMA}.handed_on h "
        "WHERE request = ANY($1::text[]) AND to_organ IS NOT NULL AND NOT EXISTS (SELECT FROM "
        f"{SCHEMA}.followed f WHERE f.request = h.request AND f.organ = h.to_organ) ORDER BY request",
        requests,
    )
    if rows:
        await conn.copy_records_to_table(
            "attention", schema_name=SCHEMA, columns=ATTENTION_COLUMNS, records=[expected(row) for row in rows]
        )


def expected(row: Any) -> Row:
    """What an organ has to see to that another one has handed a request on to, as a row of the list."""
    since: datetime = begins(row["moved_on"])
    expecting = remark(EXPECTED, request=row["request"], organ=row["from_organ"], on=row["moved_on"])
    return (
        *(row["request"], ELSEWHERE, EXPECTED, row["partition"], EXPECTED, EXPECTED, since, row["to_organ"]),
        *("", "", msgspec.json.encode(expecting)),
    )


async def followers(pool: Pool, request: str, timeout: float) -> list[str]:
    """The requests that follow one, by their ids."""
    rows = await pool.fetch(
        f"SELECT subject FROM {SCHEMA}.followed WHERE request = $1 ORDER BY subject LIMIT {FOLLOWERS}",
        request,
        timeout=timeout,
    )
    return [row["subject"] for row in rows]
