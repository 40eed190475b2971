"""The feed of due dates, read and made a lot at a time: neither memory nor the loop feels how long it is."""

from collections.abc import AsyncIterator
from datetime import date, datetime

from services.runtime.database import Pool
from services.runtime.offload import Offload
from services.tracker import ics, office_store, request_list
from services.tracker.core.reference_data import ReferenceData
from services.tracker.items import Item
from services.tracker.listing import Query
from services.tracker.office_store import Asked, OpenDuty

LOT = 500
_LAST = date(9999, 12, 30)
"""The last of all due dates: asking up to it leaves out what has none."""


DUTIES = 1000
"""How many open duties a feed has at most, the soonest due."""


async def _duties(pool: Pool, offload: Offload, organs: list[str] | None, now: datetime) -> bytes:
    async with offload.turn():
        open_, _ = await office_store.page(pool, Asked("duty", organs, limit=DUTIES))
        return await offload.thread(ics.duties, [each for each in open_ if isinstance(each, OpenDuty)], now)


async def lots(
    pool: Pool,
    offload: Offload,
    organ: str | None,
    reference_data: ReferenceData,
    now: datetime,
    most: int = ics.MOST,
    organs: frozenset[str] | None = None,
) -> AsyncIterator[bytes]:
    """The feed in pieces. Between two of them nothing is held: no turn, no connection.

    Raises what :meth:`Offload.turn` does, from the first piece on.
    """
    head, sent, cursor = ics.begin(), 0, None
    head += await _duties(pool, offload, office_store.organs_asked(organ, organs, reference_data.parents()), now)
    last: Item | None = None
    while True:
        query = Query(None, organ, None, _LAST, min(LOT, most - sent), cursor, is_running=True, organs=organs)
        page = await request_list.requests(pool, offload, query, reference_data, now)
        lot = await offload.thread(ics.entries, page.requests, now)
        sent, cursor = sent + len(page.requests), page.next
        last = page.requests[-1] if page.requests else last
        if cursor is None:
            yield head + lot + ics.end()
            return
        if sent >= most:
            on = last.due_on if last is not None and last.due_on is not None else now.date()
            yield head + lot + ics.cut(on, now) + ics.end()
            return
        if head + lot:
            yield head + lot
        head = b""
