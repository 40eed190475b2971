"""Lists of requests, in pages: as they fall due, or by their number. Read-only."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import msgspec
from msgspec import Struct

from services.runtime.database import Pool
from services.runtime.offload import Offload
from services.tracker import listing
from services.tracker.core.reference_data import ReferenceData
from services.tracker.items import Item, Listed, fields_of
from services.tracker.listing import READ_SECONDS, Query, Today

LOOKED = 2000
"""Requests looked at for a page, where what narrows the list stands in no index."""
HITS = 1000
"""Numbers looked at, of those that begin with what is searched for, and of those that end with it."""


class Page(Struct, frozen=True, kw_only=True):
    """A page of requests; ``next`` is the cursor of the page after it, if there is one."""

    as_of: datetime
    requests: list[Item]
    next: str | None = None


_shown = msgspec.json.Decoder(Listed)


async def requests(pool: Pool, offload: Offload, query: Query, reference_data: ReferenceData, now: datetime) -> Page:
    """A page of requests, the soonest due first. It ends before its limit where the cases are large; ``next`` is what
    says whether there are more. Raises :class:`BadCursor`, and what :meth:`Offload.turn` does."""
    today = Today(reference_data, now)
    most = LOOKED if query.narrowed else query.limit
    sql, values = listing.page(replace(query, limit=most), today)
    async with offload.turn():
        rows = await pool.fetch(sql, *values, timeout=READ_SECONDS)
        bodies = [row["body"] for row in rows[:most]]
        items, looked = await offload.thread(_items, bodies, today, query, reference_data)
    more = bool(rows) and (len(rows) < rows[0]["found"] or len(rows) > looked)
    last = rows[looked - 1] if more else None
    return Page(as_of=now, requests=items, next=listing.cursor_after(last["due_on"], last["subject"]) if last else None)


def _items(
    bodies: Sequence[bytes], today: Today, query: Query, reference_data: ReferenceData
) -> tuple[list[Item], int]:
    """The items that fit, and how many were looked at for them."""
    items: list[Item] = []
    for looked, body in enumerate(bodies, 1):
        case = _shown.decode(body)
        if query.fits(case.view):
            items.append(Item(**fields_of(case, today.of(case.view.organ), reference_data)))
            if len(items) == query.limit:
                return items, looked
    return items, len(bodies)


async def numbered(
    pool: Pool, offload: Offload, query: Query, number: str, reference_data: ReferenceData, now: datetime
) -> Page:
    """The requests whose number begins or ends with some text, by number; at most :data:`HITS` are looked at. Raises
    what :meth:`Offload.turn` does."""
    today = Today(reference_data, now)
    sql, values = listing.by_number(number, query, today, HITS)
    async with offload.turn():
        rows = await pool.fetch(sql, *values, timeout=READ_SECONDS)
        items, _ = await offload.thread(_items, [row["body"] for row in rows], today, query, reference_data)
    return Page(as_of=now, requests=items)
