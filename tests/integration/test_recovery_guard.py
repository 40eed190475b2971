"""A tracker whose tables are behind its own case topic does not start, and says what helps; every other one does."""

import asyncio
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from services.events.codec import encode
from services.local.postgres import PostgresServer
from services.local.process import free_port
from services.runtime import database, progress
from services.runtime.batch import Batch
from services.runtime.bulk import BulkReader
from services.runtime.clock import SystemClock
from services.runtime.health import Part
from services.runtime.retry import LogUnavailable
from services.runtime.settings import load as settings_of
from services.tracker import startup_check
from services.tracker.core.reference_data import ReferenceData
from services.tracker.metrics import metrics
from services.tracker.rebuild import read_reference
from services.tracker.worker import Tracker
from tests import forking
from tests.chaos.proxy import Proxy
from tests.integration.log_tools import until
from tests.integration.recovery import applied, environment, everything, keyed, put, quiet, services, shixian, sql
from tests.stats_events import recorded
from tests.support import received


@pytest.fixture
def state(kafka: str, postgres_server: PostgresServer) -> Iterator[dict[str, str]]:
    """Histories and garbage applied by both services, which have then ended."""
    with applied(kafka, postgres_server) as env:
        yield env


@pytest.fixture
def older(state: dict[str, str], postgres_server: PostgresServer) -> Iterator[dict[str, str]]:
    """The settings with a copy of the database from before the last facts came: an old backup, put back."""
    name = f"test_{uuid4().hex}"
    server = {**state, "SHIXIAN_POSTGRES": postgres_server.dsn}
    sql(server, f'CREATE DATABASE "{name}" TEMPLATE "{sql(state, "SELECT current_database()")[0][0]}"')
    put(state, [keyed(received("newer", "2025-05-27", "in-person", "organ-0"))])
    with services(state):
        quiet(state)
    yield {**state, "SHIXIAN_POSTGRES": postgres_server.database_dsn(name)}
    sql(server, f'DROP DATABASE "{name}" WITH (FORCE)')


def refusal(env: dict[str, str]) -> str:
    """The reason that a tracker gives for not starting."""
    settings = {**env, "SHIXIAN_LOG": "json", "SHIXIAN_TRACKER_PORT": "0"}
    ended = forking.run("services.tracker.__main__:main", ["services.tracker"], settings, 60)
    assert ended.returncode == 70, ended.stderr
    (said,) = [line for line in map(msgspec.json.decode, ended.stderr.splitlines()) if line["level"] == "critical"]
    assert said["event"] == "service_failed"
    return str(said["reason"])


def topic_and_history(env: dict[str, str]) -> tuple[list[bytes], list[bytes]]:
    """The first copy of each event in the case topic, and the history, in the same order."""
    bodies = [r.value for r in everything(env, "cases")]
    rows = sql(env, "SELECT body FROM tracker.events ORDER BY partition, number")
    return list(dict.fromkeys(bodies)), [row[0] for row in rows]


def test_empty_tables_beside_a_full_topic_or_a_restored_one_are_refused_until_they_are_rebuilt(
    state: dict[str, str], tmp_path: Path
) -> None:
    before, _ = topic_and_history(state)
    sql(state, "DROP SCHEMA tracker CASCADE")
    for _ in range(2):  # the first has made the tables, and they are as empty
        said = refusal(state)
        assert f"the database is behind {state['SHIXIAN_TOPIC_PREFIX']}cases: " in said
        assert "`shixian rebuild --swap`" in said
    assert sql(state, "SELECT FROM tracker.progress") == [] and sql(state, "SELECT FROM tracker.events") == []
    rebuilt = shixian(state, "rebuild")
    assert rebuilt.returncode == 0, rebuilt.stdout + rebuilt.stderr
    with services(state):
        quiet(state)
    assert topic_and_history(state) == (before, before)
    assert shixian(state, "audit").returncode == 0

    file = str(tmp_path / "log.gz")
    assert shixian(state, "export", file).returncode == 0
    other = {**state, "SHIXIAN_TOPIC_PREFIX": f"copy.{state['SHIXIAN_TOPIC_PREFIX']}"}
    assert shixian(other, "restore", file).returncode == 0
    for schema in ("tracker", "stats"):
        sql(other, f"DROP SCHEMA {schema} CASCADE")
    assert f"the database is behind {other['SHIXIAN_TOPIC_PREFIX']}cases: " in refusal(other)
    assert shixian(other, "rebuild").returncode == 0
    with services(other):
        quiet(other)
    assert shixian(other, "audit").returncode == 0


def test_an_older_database_is_refused_until_it_is_rebuilt(older: dict[str, str]) -> None:
    before, kept = topic_and_history(older)
    assert len(kept) < len(before)
    assert "of newer, and tracker.events does not" in refusal(older)
    assert topic_and_history(older) == (before, kept), "nothing was decided, and nothing published"
    left = shixian(older, "rebuild", "--service", "tracker")
    assert left.returncode == 1 and "rebuild tracker: DIFFERENT\n" in left.stdout
    assert "the database is behind" in refusal(older)
    assert "put in place" in shixian(older, "rebuild", "--service", "tracker", "--swap").stdout
    with services(older) as (tracker, _):
        quiet(older)
        assert tracker.get("/v1/requests/newer")["due_on"] is not None
    assert topic_and_history(older) == (before, before)
    audit = shixian(older, "audit")
    assert audit.returncode == 0, audit.stdout


def test_a_crash_before_events_were_marked_as_published_is_no_reason(state: dict[str, str]) -> None:
    before, _ = topic_and_history(state)
    records = len(everything(state, "cases"))
    sql(state, "UPDATE tracker.published SET through = through - 30")
    put(state, [("cases", b"k", b"garbage")] * 3)
    with services(state):
        quiet(state)
    assert len(everything(state, "cases")) > records + 30, "they were sent again"
    found, history = topic_and_history(state)
    assert history == before == [body for body in found if body != b"garbage"]
    with services(state, "tracker"):
        pass


async def _crashed_before_publishing(env: dict[str, str]) -> None:
    """Apply what the fact topic holds beyond the stored positions, and die between steps 5 and 6."""
    settings = settings_of(env)

    class Away:
        async def send_all(self, topic: str, records: Any) -> None:
            raise LogUnavailable("killed here")

    async def nothing() -> None: ...

    pool, world, sends = database.pool(env["SHIXIAN_POSTGRES"]), ReferenceData(), Away()
    await database.ready(pool, "tracker", files("services.tracker") / "migrations", Part("database"))
    tracker = Tracker(
        pool,
        sends,  # type: ignore[arg-type]  # it does nothing else with it
        world,
        nothing,
        SystemClock(settings.now),
        settings,
        metrics(CollectorRegistry()),
        lambda: None,
    )
    async with BulkReader(settings.bootstrap) as reader:
        for offset, fact in await read_reference(reader, settings):
            world.learn(fact, offset)
        tps = await reader.partitions(settings.facts_topic)
        at, ends = await progress.positions(pool, "tracker", tps), await reader.ends(tps)
        for tp in tps:
            start = at.get(tp, 0)
            records = [r async for lot in reader.read(tp, start, ends[tp]) for r in lot]
            if records:
                with pytest.raises(LogUnavailable):
                    await tracker.handle(Batch(tp.topic, tp.partition, tuple(records), start, ends[tp]))
    await pool.close()


def test_a_crash_before_publishing_is_no_reason_and_loses_nothing(state: dict[str, str]) -> None:
    for rebuilt in (False, True):
        name = "built" if rebuilt else "late"
        before, _ = topic_and_history(state)
        put(state, [keyed(received(f"{name}-{n}", "2025-05-27", "in-person", "organ-0")) for n in range(8)])
        asyncio.run(_crashed_before_publishing(state))
        found, history = topic_and_history(state)
        assert found == before and len(history) >= len(before) + 16, "decided, and not told"
        if rebuilt:
            shixian(state, "rebuild", "--service", "tracker")
        with services(state) as (tracker, _):
            quiet(state)
            for n in range(8):
                assert tracker.get(f"/v1/requests/{name}-{n}")["due_on"] is not None
        audit = shixian(state, "audit")
        assert audit.returncode == 0, audit.stdout


async def test_the_newest_event_is_found_behind_older_ones_sent_again_and_garbage(
    kafka: str, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = environment(kafka, postgres)
    topic = f"{env['SHIXIAN_TOPIC_PREFIX']}cases"
    pool = database.pool(postgres)
    await database.ready(pool, "tracker", files("services.tracker") / "migrations", Part("database"))
    events = [recorded("a", number, None) for number in (1, 2, 3, 1)]
    await asyncio.to_thread(put, env, [("cases", b"a", encode(event)) for event in events])
    await asyncio.to_thread(put, env, [("cases", b"a", b"garbage")] * 7)
    for number in (1, 2):
        await pool.execute(
            "INSERT INTO tracker.events (partition, subject, sequence, name, body) VALUES (0, 'a', $1, 'x', '')", number
        )
    part = Part("history")
    with pytest.raises(startup_check.BehindItsTopic, match=r"holds event 3 of a, and tracker.events does not"):
        await startup_check.check(kafka, topic, pool, part)
    monkeypatch.setattr(startup_check, "LAST", 3)
    with pytest.raises(startup_check.BehindItsTopic):
        await startup_check.check(kafka, topic, pool, part)
    await pool.execute("UPDATE tracker.events SET sequence = 3 WHERE sequence = 2")
    await pool.execute(
        "INSERT INTO tracker.events (partition, subject, sequence, name, body) VALUES (0, 'a', 2, 'x', '')"
    )
    await startup_check.check(kafka, topic, pool, part)
    assert part.is_ok
    await pool.close()


async def test_the_look_waits_for_both_servers(kafka: str, postgres: str) -> None:
    env = environment(kafka, postgres)
    await asyncio.to_thread(put, env, [("cases", b"a", encode(recorded("a", 1, None)))])
    pool = database.pool(postgres)
    await database.ready(pool, "tracker", files("services.tracker") / "migrations", Part("database"))
    await pool.execute(
        "INSERT INTO tracker.events (partition, subject, sequence, name, body) VALUES (0, 'a', 1, 'x', '')"
    )
    asked = 0

    class AwayFirst:
        async def fetchrow(self, *query: Any) -> Any:
            nonlocal asked
            asked += 1
            if asked < 3:
                raise ConnectionResetError("the database went away")
            return await pool.fetchrow(*query)

    part, proxy = Part("history"), Proxy(free_port(), int(kafka.rpartition(":")[2]))
    away: Any = AwayFirst()
    topic = f"{env['SHIXIAN_TOPIC_PREFIX']}cases"
    looking = asyncio.create_task(startup_check.check(f"127.0.0.1:{proxy.port}", topic, away, part))
    try:
        await until(lambda: part.state == "waiting" and "does not answer" in part.reason)
        await proxy.start()
        await until(lambda: "the database went away" in part.reason)
        await asyncio.wait_for(looking, 60)
        assert part.is_ok and asked >= 3
    finally:
        looking.cancel()
        await proxy.stop()
        await pool.close()
