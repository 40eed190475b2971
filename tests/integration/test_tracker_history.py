"""Events appended to a partition's history, few in one statement and many by COPY: the numbers are in their order."""

from typing import Any

import pytest

from services.tracker import store, writing
from services.tracker.writing import Rows


def rows(prefix: str, count: int, partition: int = 0) -> list[Any]:
    return [(partition, f"{prefix}{n:04}", 1, "fact-recorded", f"{prefix}{n}".encode()) for n in reversed(range(count))]


async def in_one_statement(conn: Any, partition: int, events: list[Any]) -> Any:
    appended, _ = await writing.at_once(conn, partition, Rows([], events, {}, [], []))
    return appended


@pytest.mark.parametrize(
    ("append", "count"), [(in_one_statement, 1), (in_one_statement, writing.FEW), (store.append_events, 3000)]
)
async def test_events_are_numbered_in_the_order_in_which_they_are_given(pool: Any, append: Any, count: int) -> None:
    async with pool.acquire() as conn, conn.transaction():
        await append(conn, 1, rows("other", 3, 1))
        first = await append(conn, 0, rows("a", count))
        await store.mark_published(conn, 0, first.through if first else 0)
        await append(conn, 1, rows("another", 3, 1))
        second = await append(conn, 0, rows("b", 2))
        kept = await conn.fetch("SELECT number, subject FROM tracker.events WHERE partition = 0 ORDER BY number")
        assert first is not None and second is not None
        assert [row["subject"] for row in kept] == [row[1] for row in (*rows("a", count), *rows("b", 2))]
        assert (first.published, first.before, first.through) == (0, 0, kept[count - 1]["number"])
        assert (second.published, second.before, second.through) == (first.through, first.through, kept[-1]["number"])
        assert [row[1:] for row in await store.unpublished(conn, 0)] == [(row[1], row[4]) for row in rows("b", 2)]
        await conn.execute("TRUNCATE tracker.events, tracker.published")
