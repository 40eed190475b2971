"""A request's history: its case events as they were written. Read-only."""

from dataclasses import dataclass

from services.runtime.database import Pool
from services.runtime.offload import Offload
from services.tracker.listing import PAGE_BYTES, READ_SECONDS
from services.tracker.store import SCHEMA

EVENTS = 1000
"""The most events of a history in one answer."""
HISTORY = (
    "SELECT sequence, body, found FROM (SELECT sequence, body, count(*) OVER () AS found, "
    "sum(octet_length(body)) OVER (ORDER BY sequence {order}) - octet_length(body) AS before FROM ("
    f"SELECT sequence, body FROM {SCHEMA}.events WHERE subject = $1 AND sequence > $2 "
    f"ORDER BY sequence {{order}} LIMIT $3) AS page) AS cut WHERE before < {PAGE_BYTES} ORDER BY sequence"
)


@dataclass(frozen=True, slots=True)
class History:
    """Case events as they were written, each as JSON, and the number to go on behind if there are more."""

    events: list[bytes]
    next: int | None = None


async def history(
    pool: Pool, offload: Offload, subject: str, after: int = 0, limit: int = EVENTS, *, latest: bool = False
) -> History:
    """The case events of a request in order, from the one behind number ``after`` on; ``latest``: the last ones."""
    async with offload.turn():
        sql = HISTORY.format(order="DESC" if latest else "")
        rows = await pool.fetch(sql, subject, after, limit + 1, timeout=READ_SECONDS)
    if latest:
        return History([row["body"] for row in rows[-limit:]])
    more = bool(rows) and (len(rows) > limit or len(rows) < rows[0]["found"])
    kept = rows[:limit]
    return History([row["body"] for row in kept], kept[-1]["sequence"] if more else None)
