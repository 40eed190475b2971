"""The work inside an office in PostgreSQL: open steps and duties as rows, and a sweep that costs what is due."""

from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

from services.runtime.clock import ManualClock
from services.runtime.health import Part
from services.runtime.offload import Offload
from services.runtime.table_diff import TableDiff
from services.tracker import attention_store, board, office_store, request_list, store
from services.tracker.audit import check_waking
from services.tracker.board import Counts
from services.tracker.core.strands import is_request
from services.tracker.feed import lots
from services.tracker.listing import Query, Today, Wanted
from services.tracker.office_store import Asked, OpenDuty, OpenStep
from services.tracker.snapshot import Snapshots
from tests.integration.test_recovery_batches import batch, tracker_of
from tests.memory_log import Log
from tests.plans import explained, full_scans, looked_at, pretend_large
from tests.support import ORGAN, answered, fact, raw, received

NOW = datetime(2013, 3, 12, 2, tzinfo=UTC)
DUE, FAR = 500, 60_000


def given(subject: str, unit: str = "u1") -> list[dict[str, Any]]:
    data = {"assignment": f"{subject}/a", "unit": unit, "step": "opinion", "assigned_on": "2013-03-05"}
    return [received(subject, "2013-03-04", "in-person"), raw("assignment-opened", subject, data)]


async def test_open_steps_and_duties_stand_as_rows_until_they_are_done(pool: Any, log: Log) -> None:
    clock = ManualClock(NOW)
    tracker = tracker_of(pool, log, clock)
    duty = {"duty": "d/1", "organ": "gz-psb", "kind": "publication", "event_on": "2013-03-01"}
    await tracker.handle(batch([*given("R1"), *given("R2", "u2"), raw("duty-opened", "d/1", duty)]))
    steps, following = await office_store.page(pool, Asked("step", limit=1))
    assert [s.request for s in steps] == ["R1"] and following is not None
    rest, following = await office_store.page(pool, Asked("step", ["gz-psb"], limit=1, cursor=following))
    assert [s.request for s in rest] == ["R2"] and following is None
    (mine,), _ = await office_store.page(pool, Asked("step", ["gz-psb"], "u2"))
    assert isinstance(mine, OpenStep) and (mine.unit, mine.state, str(mine.due_on)) == ("u2", "assigned", "2013-03-12")
    (owed,), _ = await office_store.page(pool, Asked("duty"))
    assert isinstance(owed, OpenDuty) and (owed.kind, owed.request, str(owed.due_on)) == (
        "publication",
        "d/1",
        "2013-03-29",
    )
    assert owed.title is not None and owed.title.zh == "主动公开政府信息"
    assert (await office_store.page(pool, Asked("step", []))) == ([], None)
    feed = b"".join([lot async for lot in lots(pool, Offload(), None, tracker.reference_data, NOW)]).decode()
    assert "d/1 法定职责" in feed.replace("\r\n ", "") and "DTSTART;VALUE=DATE:20130329" in feed
    # The clock alone makes the breaches and the card; twenty days later everything is late, and told once.
    clock.advance(timedelta(days=20))
    await tracker.sweep(0)
    told = [event["name"] for event in await pool.fetch("SELECT name FROM tracker.events ORDER BY number")]
    assert (told.count("step-overdue"), told.count("duty-overdue")) == (2, 1)
    assert told.count("card-issued") == 4  # yellow and red for both
    await tracker.sweep(0)
    assert len(told) == await pool.fetchval("SELECT count(*) FROM tracker.events")
    done = raw("assignment-completed", "R1", {"assignment": "R1/a", "completed_on": "2013-03-12"})
    await tracker.handle(batch([done, raw("duty-done", "d/1", {"duty": "d/1", "done_on": "2013-03-28"})], 5))
    told = [event["name"] for event in await pool.fetch("SELECT name FROM tracker.events ORDER BY number")]
    assert (told.count("card-withdrawn"), told.count("step-overdue-withdrawn")) == (2, 1)
    assert told.count("duty-overdue-withdrawn") == 1
    assert [s.request for s in (await office_store.page(pool, Asked("step")))[0]] == ["R2"]
    assert (await office_store.page(pool, Asked("duty"))) == ([], None)
    # What the audit asks: the rows are those of the cases, and one that is gone or moved is found.
    assert await audited(pool) == {}
    await pool.execute("UPDATE tracker.office SET unit = 'u1'")
    assert await audited(pool) == {"office": 1}
    cases = await pool.fetch("SELECT body FROM tracker.cases")
    assert all(is_request(store.decode_case(row["body"])) for row in cases)


async def test_a_pending_review_is_waited_for_until_it_is_decided(pool: Any, log: Log) -> None:
    clock = ManualClock(NOW)
    tracker = tracker_of(pool, log, clock)
    filed = {"organ": "gz-psb", "kind": "reconsideration", "filed_on": "2013-03-08"}
    facts = [raw("review-filed", f"R{n}", {**filed, "review": f"v{n}"}) for n in (1, 2)]
    answers = [answered(f"R{n}", "2013-03-06") for n in (1, 3)]
    asked = {"consultation": "1", "party": "third-party", "sent_on": "2013-03-08"}
    stops = [raw("consultation-opened", f"R{n}", asked) for n in (2, 4)]
    await tracker.handle(
        batch([*(received(f"R{n}", "2013-03-04", "in-person") for n in range(1, 6)), *facts, *answers, *stops])
    )

    async def listed(status: Wanted, organ: str | None = "gz-psb") -> list[str]:
        query = Query(status, organ)
        page = await request_list.requests(pool, Offload(), query, tracker.reference_data, NOW)
        return [item.id for item in page.requests]

    async def counts() -> Counts:
        taken = await Snapshots(pool, Part("snapshot")).read()
        return board.counts(taken, Today(tracker.reference_data, NOW), None, NOW)

    for organ in (None, "gz-psb"):
        assert sorted(await listed("in-review", organ)) == ["R1", "R2"]
        assert sorted(await listed("waits-for-someone", organ)) == ["R1", "R2", "R4"], "each once"
    found = await counts()
    assert (found.in_review, found.stopped, found.waits_for_someone) == (2, 2, 3)
    decided = {"review": "v1", "decided_on": "2013-03-11", "result": "upheld"}
    await tracker.handle(batch([raw("review-decided", "R1", decided)], 11))
    assert await listed("in-review") == ["R2"] and (await counts()).waits_for_someone == 2
    # Rows of a release before are made at a start, of those requests alone that ever had a review.
    await pool.execute("DELETE FROM tracker.office")
    migration = files("services.tracker") / "migrations" / "0012_reviews.sql"
    async with pool.acquire() as conn:
        await conn.execute("SET search_path TO tracker")
        await conn.execute("ALTER TABLE office DROP COLUMN ends_on")
        await conn.execute(migration.read_text())
        await conn.execute("RESET search_path")
    assert await pool.fetchval("SELECT count(*) FROM tracker.unlisted") == 2, "of the five, those with a review"
    await attention_store.finish(pool, Part("database"), NOW)
    assert await listed("in-review") == ["R2"]


async def audited(pool: Any) -> dict[str, int]:
    problems = TableDiff()
    world = [(0, fact("organ-registered", "gz-psb", ORGAN))]
    async with pool.acquire() as conn, conn.transaction():
        assert await check_waking(conn, world, NOW + timedelta(days=20), problems) == 3
    return dict(problems.counts)


async def test_the_sweeps_cost_follows_what_is_due_not_what_is_open(pool: Any, log: Log) -> None:
    tracker = tracker_of(pool, log, ManualClock(NOW))
    await tracker.handle(batch(given("R1")))
    columns = ", ".join(store.CASE_COLUMNS)
    others = ", ".join(name for name in store.CASE_COLUMNS if name not in ("subject", "wake_at"))
    async with pool.acquire() as conn, conn.transaction():
        for prefix, count, at in (("far", FAR, NOW + timedelta(days=30)), ("due", DUE, NOW - timedelta(hours=1))):
            await conn.execute(
                f"INSERT INTO tracker.cases ({columns}) SELECT "
                f"{', '.join(_column(name) for name in store.CASE_COLUMNS)} FROM (SELECT {others} FROM tracker.cases "
                "WHERE subject = 'R1') AS one, generate_series(1, $3) AS n",
                prefix,
                at,
                count,
            )
        await conn.execute("UPDATE tracker.cases SET wake_at = NULL WHERE subject = 'R1'")
        await pretend_large(conn, "tracker", ["cases"])
        nodes = await explained(conn, store.DUE, [0, NOW, DUE + 100])
        assert full_scans(nodes) == []
        assert looked_at(nodes) == DUE
        await conn.execute("DELETE FROM tracker.cases")
        await conn.execute("DELETE FROM tracker.office")


def _column(name: str) -> str:
    return {"subject": "$1::text || n", "wake_at": "$2::timestamptz"}.get(name, f"one.{name}")
