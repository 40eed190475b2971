"""Events appended to a partition's history, few in one statement and many by COPY: the numbers are in their order."""

import asyncio
from typing import Any

import pytest

from services.tracker import publishing, store, writing
from services.tracker.publishing import Publisher
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


class Sends:
    """A log that keeps what it is given."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    async def send_all(self, topic: str, records: Any) -> None:
        self.sent += [body.decode() for _, body, _ in records]


async def appended(pool: Any, *events: list[Any]) -> Any:
    async with pool.acquire() as conn, conn.transaction():
        return [await in_one_statement(conn, 0, each) for each in events]


async def marked(pool: Any) -> int:
    found: int | None = await pool.fetchval("SELECT through FROM tracker.published WHERE partition = 0")
    return found or 0


async def test_small_batches_share_a_note_and_nothing_is_sent_twice(pool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    await pool.execute("TRUNCATE tracker.events, tracker.published")
    log = Sends()
    publisher = Publisher(pool, log, "cases")  # type: ignore[arg-type]  # it does nothing else with it
    for name in ("a", "b", "c"):
        await publisher.publish(0, await appended(pool, rows(name, 2)))
    assert log.sent == ["a1", "a0", "b1", "b0", "c1", "c0"] and await marked(pool) == 0
    await publisher.publish(0)
    assert len(log.sent) == 6, "the sweep's look finds nothing that the log lacks"
    assert (noted := await marked(pool)) > 0

    await publisher.publish(0, await appended(pool, rows("d", 1)))
    assert await marked(pool) == noted
    await publisher.publish(0, await appended(pool, rows("many", publishing.MARK_EVENTS + 1)))
    assert await marked(pool) > noted, "one of many is noted at once"

    monkeypatch.setattr(publishing, "MARK_SECONDS", 0.01)
    noting = asyncio.create_task(publisher.run())
    through = (await appended(pool, rows("e", 1)))[0]
    await publisher.publish(0, [through])
    async with asyncio.timeout(20):
        while await marked(pool) < through.through:  # noqa: ASYNC110 - the task does it in its own time
            await asyncio.sleep(0.01)
    noting.cancel()

    (last,) = await appended(pool, rows("f", 1))
    await publisher.publish(0, [last])
    await publisher.close()
    assert await marked(pool) == last.through

    # Another process appended and was killed: what it left comes first, and ours behind it.
    await appended(pool, rows("g", 1))
    await publisher.publish(0, await appended(pool, rows("h", 1)))
    assert log.sent[-3:] == ["f0", "g0", "h0"] and await marked(pool) == last.through + 2
    await pool.execute("TRUNCATE tracker.events, tracker.published")


async def test_a_note_never_goes_back_and_a_new_process_begins_at_it(pool: Any) -> None:
    await pool.execute("TRUNCATE tracker.events, tracker.published")
    first, second = Sends(), Sends()
    ours = Publisher(pool, first, "cases")  # type: ignore[arg-type]  # it does nothing else with it
    theirs = Publisher(pool, second, "cases")  # type: ignore[arg-type]  # it does nothing else with it
    await ours.publish(0, await appended(pool, rows("a", 1)))
    await theirs.publish(0, await appended(pool, rows("b", 1)))
    assert second.sent == ["a0", "b0"], "what was not noted is sent once more, in order"
    ahead = await marked(pool)
    await ours.mark()
    assert await marked(pool) == ahead
    await pool.execute("TRUNCATE tracker.events, tracker.published")
