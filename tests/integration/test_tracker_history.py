"""Events appended to a partition's history, few in one statement and many by COPY: the numbers are in their order."""

from typing import Any

import pytest

from services.tracker import store
from services.tracker.store import FEW


def rows(prefix: str, count: int, partition: int = 0) -> list[Any]:
    return [(partition, f"{prefix}{n:04}", 1, "fact-recorded", f"{prefix}{n}".encode()) for n in reversed(range(count))]


@pytest.mark.parametrize("count", [1, FEW, FEW + 1, 3000])
async def test_events_are_numbered_in_the_order_in_which_they_are_given(pool: Any, count: int) -> None:
    async with pool.acquire() as conn, conn.transaction():
        await store.append_events(conn, 1, rows("other", 3, 1))
        first = await store.append_events(conn, 0, rows("a", count))
        await store.mark_published(conn, 0, first.through if first else 0)
        await store.append_events(conn, 1, rows("another", 3, 1))
        second = await store.append_events(conn, 0, rows("b", 2))
        kept = await conn.fetch("SELECT number, subject FROM tracker.events WHERE partition = 0 ORDER BY number")
        assert first is not None and second is not None
        assert [row["subject"] for row in kept] == [row[1] for row in (*rows("a", count), *rows("b", 2))]
        assert (first.published, first.before, first.through) == (0, 0, kept[count - 1]["number"])
        assert (second.published, second.before, second.through) == (first.through, first.through, kept[-1]["number"])
        assert [row[1:] for row in await store.unpublished(conn, 0)] == [(row[1], row[4]) for row in rows("b", 2)]
        await conn.execute("TRUNCATE tracker.events, tracker.published")
