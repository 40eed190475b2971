"""Organs and calendars that change while requests are under way: in PostgreSQL, with the clock's rounds one by one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx
import pytest

from services.events.codec import decode_case_event
from services.events.registrations import checking
from services.runtime.clock import ManualClock
from services.runtime.health import Health
from services.runtime.web import create_app, new_registry
from services.statute.versions import profiles
from services.tracker import api, looking_over, store
from services.tracker import worker as tracker_worker
from services.tracker.core import apply as tracker_apply
from services.tracker.core import decide
from services.tracker.core import reference_data as tracker_world
from services.tracker.core.reference_data import ReferenceData
from services.tracker.looking_over import LOT
from services.tracker.worker import Tracker
from tests.integration.test_recovery_batches import batch, tracker_of
from tests.memory_log import Log
from tests.support import ORGAN, answered, desk_over, fact, raw, received

NOW = datetime(2013, 3, 5, 2, tzinfo=UTC)


def organ(**data: Any) -> Any:
    data = ORGAN | data
    return fact("organ-registered", data["code"], data)


def empty(pool: Any, log: Log, clock: ManualClock | None = None) -> Tracker:
    tracker = tracker_of(pool, log, clock or ManualClock(NOW))
    tracker.reference_data = ReferenceData()
    return tracker


async def settle(tracker: Tracker) -> int:
    """Rounds of the sweep until nothing is left; how many."""
    rounds = 1
    while await tracker.sweep(0) or tracker.unfinished:
        rounds += 1
    return rounds


async def views(tracker: Tracker) -> dict[str, Any]:
    rows = await tracker.pool.fetch("SELECT subject, body FROM tracker.cases")
    return {row["subject"]: store.decode_case(row["body"]).view for row in rows}


def events_about(log: Log, subject: str) -> list[Any]:
    return [e for _, v in log.sent if (e := decode_case_event(v)).subject == subject]


async def test_a_later_right_registration_heals_all_that_waited(pool: Any, log: Log) -> None:
    tracker = empty(pool, log)
    requests = [received(f"r{n}", "2013-03-01", "in-person") for n in range(5)]
    await tracker.handle(batch(requests))
    tracker.reference_data.learn(organ(calendar="ATLANTIS"))
    await settle(tracker)
    assert {view.waiting_for for view in (await views(tracker)).values()} == {"organ-registered gz-psb"}
    (rejected,) = tracker.reference_data.rejected(10)
    assert (rejected.offset, rejected.subject) == (0, "gz-psb")
    assert "ATLANTIS" in rejected.reason
    # A law that was not in force on the day: nothing can be told, until the organ is registered rightly.
    tracker.reference_data.learn(organ(statute="IE"))
    await settle(tracker)
    waiting = {view.waiting_for for view in (await views(tracker)).values()}
    assert waiting == {"no-version IE"}
    tracker.reference_data.learn(organ(statute="CN-2019"))
    await settle(tracker)
    assert {view.statute for view in (await views(tracker)).values()} == {"CN-2019"}
    for change, moved, cause in (
        ({}, ("2013-03-29", "2013-03-22"), profiles()["CN-2008"].answer.article),
        ({"calendar": "UK"}, ("2013-03-22", "2013-03-25"), tracker.reference_data.calendar("UK").title),
        ({}, ("2013-03-25", "2013-03-22"), tracker.reference_data.calendar("CN").title),
    ):
        tracker.reference_data.learn(organ(**change))
        await settle(tracker)
        for n in range(5):
            last = events_about(log, f"r{n}")[-1]
            assert type(last).__name__ == "DueDateSet"
            assert (str(last.data.old_due_on), str(last.data.due_on), last.data.article) == (*moved, cause)


async def test_a_law_that_cannot_be_applied_is_mended_by_the_organs_next_registration(pool: Any, log: Log) -> None:
    """Also for cases that an earlier release wrote: they do not say which organ they wait for."""
    tracker = empty(pool, log)
    tracker.reference_data.learn(organ(statute="SCT"))
    await tracker.handle(batch([received("old", "2004-03-01", "in-person")]))
    view = (await views(tracker))["old"]
    assert (view.state, view.waiting_for.startswith("no-version")) == ("waiting", True)
    await settle(tracker)
    await pool.execute("UPDATE tracker.cases SET organ = ''")
    await pool.execute("TRUNCATE tracker.organ_applied, tracker.reference_applied")
    await settle(tracker)
    assert await pool.fetchval("SELECT organ FROM tracker.cases") == "gz-psb"
    tracker.reference_data.learn(organ(statute="CN-2008"))
    await settle(tracker)
    assert (await views(tracker))["old"].statute == "CN-2008"


async def test_a_new_zone_moves_the_instants_and_closed_cases_stay(
    pool: Any, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracker_worker, "SWEEP_CASES", 3)
    tracker = empty(pool, log)
    tracker.reference_data.learn(organ())
    closed = [received("closed", "2013-03-01", "in-person"), answered("closed", "2013-03-04")]
    await tracker.handle(batch([*(received(f"r{n}", "2013-03-01", "in-person") for n in range(10)), *closed]))
    await settle(tracker)
    before = dict(await pool.fetch("SELECT subject, wake_at FROM tracker.cases WHERE state = 'open'"))
    stays = await pool.fetchrow("SELECT * FROM tracker.cases WHERE subject = 'closed'")
    tracker.reference_data.learn(organ(timezone="America/New_York"))
    assert await tracker.sweep(0) == 0
    partly = dict(await pool.fetch("SELECT subject, wake_at FROM tracker.cases WHERE state = 'open'"))
    assert sum(partly[subject] != wake_at for subject, wake_at in before.items()) == 3, "one lot a round"
    # The process ends here; the next one, which has read the same topic, goes on behind that lot.
    again = empty(pool, log)
    again.reference_data.learn(organ())
    again.reference_data.learn(organ(timezone="America/New_York"))
    assert await settle(again) == 3
    after = dict(await pool.fetch("SELECT subject, wake_at FROM tracker.cases WHERE state = 'open'"))
    assert {(after[s] - at).total_seconds() / 3600 for s, at in before.items()} == {12.0}, "summer time in New York"
    assert await pool.fetchrow("SELECT * FROM tracker.cases WHERE subject = 'closed'") == stays
    # One that has read less than was applied takes nothing back.
    late = empty(pool, log)
    late.reference_data.learn(organ())
    await settle(late)
    assert dict(await pool.fetch("SELECT subject, wake_at FROM tracker.cases WHERE state = 'open'")) == after


async def test_what_is_due_does_not_wait_for_a_change_and_a_failure_is_tried_again_with_it(
    pool: Any, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracker_worker, "SWEEP_CASES", 2)
    clock = ManualClock(NOW)
    tracker = empty(pool, log, clock)
    tracker.reference_data.learn(organ())
    tracker.reference_data.learn(organ(code="z"))
    facts = [received(f"r{n}", "2013-03-01", "in-person") for n in range(10)]
    await tracker.handle(batch([*facts, received("z1", "2013-03-01", "in-person", "z")]))
    await settle(tracker)
    await pool.execute("UPDATE tracker.cases SET wake_at = NULL WHERE organ <> 'z'")
    whole, looks = decide.tick, []

    def watched(case: Any, *rest: Any) -> Any:
        looks.append(case.subject)
        if case.subject == "r1" and broken:
            raise KeyError("lost")
        return whole(case, *rest)

    broken = True
    monkeypatch.setattr(tracker_apply, "tick", watched)
    clock.set(datetime(2013, 4, 1, 2, tzinfo=UTC))
    tracker.reference_data.learn(organ(calendar="UK"))
    await tracker.sweep(0)
    assert looks == ["z1", "r0", "r1"]
    assert {type(e).__name__ for e in events_about(log, "z1")} >= {"RequestOverdue"}
    await settle(tracker)
    assert sorted(set(looks)) == sorted({"z1", *(f"r{n}" for n in range(10))})
    assert (await views(tracker))["r1"].overdue_from is None
    assert await pool.fetchval("SELECT wake_at > $1 FROM tracker.cases WHERE subject = 'r1'", clock.now())
    broken = False
    # Not about its organ at all: whatever was learnt may be what it failed over.
    tracker.reference_data.learn(organ(code="other"))
    looks.clear()
    await settle(tracker)
    assert looks == ["r1"]
    assert (await views(tracker))["r1"].overdue_from is not None


async def test_history_that_is_still_being_posted_raises_no_alarm_with_its_organ(pool: Any, log: Log) -> None:
    clock = ManualClock(datetime(2014, 1, 6, 2, tzinfo=UTC))
    tracker = empty(pool, log, clock)
    tracker.settle = timedelta(seconds=10)
    tracker.reference_data.learn(organ())
    await tracker.handle(batch([received("r", "2013-03-01", "in-person")]))
    await settle(tracker)
    assert [type(e).__name__ for e in events_about(log, "r")] == ["RequestOpened", "DueDateSet"]
    await tracker.handle(batch([answered("r", "2013-03-08")], first=1))
    clock.set(datetime(2014, 1, 6, 2, 1, tzinfo=UTC))
    await settle(tracker)
    assert [type(e).__name__ for e in events_about(log, "r")] == ["RequestOpened", "DueDateSet", "RequestAnswered"]


async def test_a_case_that_was_not_quiet_is_looked_at_when_it_is(pool: Any, log: Log) -> None:
    clock = ManualClock(NOW)
    tracker = empty(pool, log, clock)
    tracker.settle = timedelta(seconds=10)
    tracker.reference_data.learn(organ())
    await tracker.handle(batch([received("r", "2013-03-01", "in-person")]))
    tracker.reference_data.learn(organ(calendar="UK"))
    await settle(tracker)
    assert (await views(tracker))["r"].calendar[:2] == "CN"
    clock.set(NOW + timedelta(seconds=11))
    await settle(tracker)
    assert (await views(tracker))["r"].calendar[:2] == "UK"


async def test_rows_that_the_database_refuses_keep_no_lot_from_its_end(
    pool: Any, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = empty(pool, log)
    tracker.reference_data.learn(organ())
    await tracker.handle(batch([received(f"r{n}", "2013-03-01", "in-person") for n in range(5)]))
    await settle(tracker)
    await pool.execute("ALTER TABLE tracker.cases ADD CHECK (subject <> 'r3' OR calendar <> 'UK')")
    tracker.reference_data.learn(organ(calendar="UK"))
    await settle(tracker)
    found = {subject: view.calendar[:2] for subject, view in (await views(tracker)).items()}
    assert found == {"r0": "UK", "r1": "UK", "r2": "UK", "r3": "CN", "r4": "UK"}
    await pool.execute("ALTER TABLE tracker.cases DROP CONSTRAINT cases_check")
    tracker.reference_data.learn(organ(code="other"))
    await settle(tracker)
    assert (await views(tracker))["r3"].calendar[:2] == "UK"


async def test_a_release_that_knows_the_calendar_makes_up_for_one_that_did_not(
    pool: Any, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The topic has nothing new; only what is known of calendars is other than before."""
    with monkeypatch.context() as earlier:
        earlier.setattr(tracker_world, "check", checking({"CN"}, {"UK"}))
        before = empty(pool, log)
        before.reference_data.learn(organ())
        await before.handle(batch([received("r", "2013-03-01", "in-person")]))
        await settle(before)
    assert (await views(before))["r"].waiting_for == "organ-registered gz-psb"
    after = empty(pool, log)
    after.reference_data.learn(organ())
    await settle(after)
    assert (await views(after))["r"].state == "open"
    # And one that no longer knows it says so, instead of going on with dates that nobody can explain.
    with monkeypatch.context() as later:
        later.setattr(tracker_world, "check", checking({"CN"}, {"UK"}))
        gone = empty(pool, log)
        gone.reference_data.learn(organ())
        await settle(gone)
    assert (await views(gone))["r"].waiting_for == "organ-registered gz-psb"


async def test_an_organ_whose_own_facts_came_first_is_one_once_it_is_registered(pool: Any, log: Log) -> None:
    tracker = empty(pool, log)
    filed = {"review": "v1", "organ": "gz-psb", "kind": "reconsideration", "filed_on": "2013-03-01"}
    await tracker.handle(batch([raw("review-filed", "gz-psb", filed)]))
    assert (await views(tracker))["gz-psb"].waiting_for == "request-received"
    tracker.reference_data.learn(organ())
    await settle(tracker)
    await settle(tracker)
    view = (await views(tracker))["gz-psb"]
    assert (view.state, view.waiting_for) == ("organ", "")


async def test_a_lot_is_read_from_its_index_whatever_the_number_of_cases(pool: Any) -> None:
    async with pool.acquire() as conn, conn.transaction():
        for organ_name, state, count in (("big", "open", 20000), ("big", "answered", 20000), ("small", "open", 500)):
            await conn.execute(
                "INSERT INTO tracker.cases (subject, partition, body, sequence, state, organ, waiting_for, calendar, "
                "updated_at) SELECT $1 || $2 || n, 0, '{}', 1, $2, $1, '', 'CN', now() FROM generate_series(1, $3) n",
                organ_name,
                state,
                count,
            )
        await conn.execute("ANALYZE tracker.cases")
        plan = await conn.fetch("EXPLAIN " + _with(LOT, "0", "'big'", "'bigopen5'", "500"))
        text = "\n".join(row[0] for row in plan)
        assert "cases_movable" in text and "Sort" not in text and "Seq Scan" not in text, text
        await conn.execute("DELETE FROM tracker.cases")
    assert looking_over.PENDING in LOT


def _with(statement: str, *values: str) -> str:
    for place, value in enumerate(values, 1):
        statement = statement.replace(f"${place}", value)
    return statement


@asynccontextmanager
async def shown(tracker: Tracker) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    """Clients of the tracker's API, and of a desk over it."""
    deps = api.Deps(tracker.pool, tracker.reference_data, tracker.clock)
    app: Any = create_app("tracker", api.handlers(deps), Health(), new_registry())
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://tracker.test") as client, desk_over(app) as desk:
        yield client, desk


async def test_every_page_of_a_request_is_there_whatever_its_references(pool: Any, log: Log) -> None:
    tracker = empty(pool, log)
    world = tracker.reference_data
    world.learn(organ())
    world.learn(organ(code="later", statute="XX"))
    for code, strange in (("no-calendar", {"calendar": "XX"}), ("no-law", {"statute": "XX"})):
        world.organs[code] = organ(code=code, **strange).data
    own_law = received("own-law", "2013-03-01")
    own_law["data"]["statute"] = "XX"
    facts = [
        received("unknown", "2013-03-01", organ="nobody"),
        received("rejected", "2013-03-01", organ="later"),
        received("r-calendar", "2013-03-01", organ="no-calendar"),
        received("r-law", "2013-03-01", organ="no-law"),
        own_law,
        received("before", "1950-03-01"),
        received("horizon", "2199-12-20", "in-person"),
        answered("no-request", "2013-03-01"),
    ]
    await tracker.handle(batch(facts))
    await settle(tracker)
    async with shown(tracker) as (client, desk):
        for each in facts:
            name = each["subject"]
            paths = [f"/v1/requests/{name}", f"/v1/requests/{name}?each_day=true", f"/v1/requests/{name}/history"]
            for path in paths:
                assert (await client.get(path)).status_code == 200, path
            for path in (f"/requests/{name}", f"/requests/{name}?lang=en"):
                assert (await desk.get(path)).status_code == 200, path
            assert (await client.get(f"/v1/requests/{name}")).json()["id"] == name
        for path in ("/v1/requests", "/v1/deadlines.ics", "/v1/rejections"):
            assert (await client.get(path)).status_code == 200, path
        for path in ("/", "/?organ=no-calendar"):
            assert (await desk.get(path)).status_code == 200, path
        told_of = (await client.get("/v1/rejections")).json()["reference"]
        assert [(one["offset"], one["subject"]) for one in told_of] == [(1, "later")]
        assert set(told_of[0]) == {"offset", "source", "id", "subject", "reason"}
        assert (await client.get("/v1/requests/r-calendar")).json()["explanation"][0]["kind"] == "flag"


class Learning:
    """A connection during whose every answer another reference record comes, as long as there are any."""

    def __init__(self, conn: Any, world: ReferenceData, coming: list[Any]) -> None:
        self._conn, self._world, self._coming = conn, world, coming

    def __getattr__(self, name: str) -> Any:
        async def asked(*arguments: Any) -> Any:
            answer = await getattr(self._conn, name)(*arguments)
            if self._coming:
                self._world.learn(self._coming.pop(0))
            return answer

        return asked


@pytest.mark.parametrize("answers", range(1, 6))
async def test_what_comes_while_a_round_begins_is_looked_at_in_the_next(pool: Any, log: Log, answers: int) -> None:
    """The record comes after so many of the database's answers; the request must follow it whenever that is."""
    tracker = empty(pool, log)
    tracker.reference_data.learn(organ())
    await tracker.handle(batch([received("r", "2013-03-01", "in-person")]))
    await settle(tracker)
    before = (await views(tracker))["r"].due_on
    tracker.reference_data.learn(organ(code="another"))
    coming = [organ(code="one-more")] * (answers - 1) + [organ(calendar="UK")]
    async with pool.acquire() as conn, conn.transaction():
        await looking_over.begin(
            cast(Any, Learning(conn, tracker.reference_data, coming)), 0, NOW, tracker.reference_data
        )
    for late in coming:
        tracker.reference_data.learn(late)
    await settle(tracker)
    after = (await views(tracker))["r"].due_on
    assert after is not None and after != before
