"""`shixian rebuild` and `shixian audit` on a real state: equal as it is, and every kind of damage found."""

import asyncio
import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.commands import processes, rebuild, recovery_cli
from services.local.postgres import PostgresServer
from services.runtime import shadow_schema
from services.runtime.failed import Failed
from services.runtime.settings import load as load_settings
from services.stats import rebuild as stats_rebuild
from services.tracker.store import EVENT_COLUMNS
from tests.chaos import commands
from tests.chaos.oracle import Findings
from tests.integration.recovery import applied, keyed, put, quiet, services, shixian, sql
from tests.support import eventually, received

NEEDING = (
    "SELECT subject, piece, place, kind, code, organ, source, fact, body FROM tracker.attention "
    "WHERE subject <> 'after-the-rebuild' ORDER BY subject, piece, place"
)


@pytest.fixture
def state(kafka: str, postgres_server: PostgresServer) -> Iterator[dict[str, str]]:
    """Histories and garbage applied by both services, which have then ended."""
    with applied(kafka, postgres_server) as env:
        yield env


def test_what_was_applied_is_equal_to_the_log_and_damage_is_found(state: dict[str, str]) -> None:
    audit = shixian(state, "audit")
    assert (audit.returncode, audit.stdout) == (0, "audit tracker: equal\naudit stats: equal\n"), audit.stderr
    answered = sql(
        state,
        "SELECT subject FROM tracker.cases WHERE state = 'answered' AND due_on IS NOT NULL AND sequence > 2 "
        "ORDER BY subject LIMIT 4",
    )
    counted, dated, gone, told = (row[0] for row in answered)
    damages = {
        "a counter": (
            "UPDATE stats.cell SET count = count + 1 WHERE (organ, year, kind, a, b, c) IN "
            "(SELECT organ, year, kind, a, b, c FROM stats.cell WHERE kind = 'received' LIMIT 1)",
            ("stats: counter ", "stats: cell "),
        ),
        "a row of the fold": (
            f"UPDATE stats.request SET outcome = 'petition' WHERE subject = '{counted}'",
            (f"stats: request {counted}: ",),
        ),
        "a case's date": (
            "UPDATE tracker.cases SET due_on = due_on + 1, body = replace(encode(body, 'escape'), "
            f'\'"state":"answered"\', \'"state":"open"\')::bytea WHERE subject = \'{dated}\'',
            (f"tracker: cases {dated}: ",),
        ),
        "a deleted case": (
            f"DELETE FROM tracker.cases WHERE subject = '{gone}'",
            (f"tracker: cases {gone}: is missing",),
        ),
        "a deleted event": (
            f"DELETE FROM tracker.events WHERE subject = '{told}' AND sequence = 2",
            (f"tracker: events {told} 2: is missing",),
        ),
        "a deleted dead letter": (
            'DELETE FROM tracker.dead_letter WHERE (partition, "offset") IN '
            '(SELECT partition, "offset" FROM tracker.dead_letter LIMIT 1)',
            ("tracker: fact ", ": is in no case and no dead letter: "),
        ),
        "a case put to sleep": (
            "UPDATE tracker.cases SET wake_at = NULL WHERE subject = 'still-open'",
            ("tracker: cases still-open: wakes never, expected 2025-06-",),
        ),
    }
    for statement, _ in damages.values():
        sql(state, statement)
    found = shixian(state, "audit")
    assert found.returncode == 1, found.stderr
    for what, (_, expected) in damages.items():
        assert all(text in found.stdout for text in expected), (what, found.stdout)
    for service in ("tracker", "stats"):
        assert f"audit {service}: DIFFERENT\n" in found.stdout


def test_a_rebuild_puts_equal_tables_in_place_and_the_services_go_on_from_them(state: dict[str, str]) -> None:
    before = sql(state, "SELECT subject, body FROM tracker.cases ORDER BY subject")
    needing = sql(state, NEEDING)
    assert {piece > 0 for _, piece, *_ in needing} == {True, False}, "requests, and what organs posted"
    done = shixian(state, "rebuild")
    assert (done.returncode, done.stdout) == (
        0,
        "rebuild tracker: equal; put in place\nrebuild stats: equal; put in place\n",
    ), done.stderr
    assert sql(state, "SELECT subject, body FROM tracker.cases ORDER BY subject") == before
    with services(state) as (tracker, _):
        put(state, [keyed(received("after-the-rebuild", "2025-05-06", "in-person", "organ-0"))])
        quiet(state)
        assert tracker.get("/v1/requests/after-the-rebuild")["due_on"] is not None
        eventually(lambda: sql(state, "SELECT FROM tracker.unlisted") == [])
        assert sql(state, NEEDING) == needing, "what needs a person is listed again"
        running = shixian(state, "rebuild", "--swap", "--service", "tracker")
        assert running.returncode == 2
        assert "stop them first" in running.stderr and running.stderr.count("\n") == 1
        assert shixian(state, "audit").returncode == 0, "an audit needs nothing stopped"
    assert shixian(state, "audit").returncode == 0


async def test_several_processes_come_to_what_one_does(state: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings({**os.environ, **state})

    async def folded(service: str) -> rebuild.Result:
        return await rebuild.rebuild(settings, service, _unseen, swap=False)

    asked: list[int] = []
    whole = processes.each

    def each(work: Any, shares: Any, width: int) -> Any:
        asked.append(len(shares))
        return whole(work, shares, width)

    monkeypatch.setattr(processes, "WORTH_RECORDS", 1)
    monkeypatch.setattr(processes, "MOST", 2)
    monkeypatch.setattr(processes, "each", each)
    forked = multiprocessing.get_context("forkserver")
    forked.set_forkserver_preload(["services.commands.rebuild"])
    for service in rebuild.SERVICES:
        result = await folded(service)
        assert (result.equal, result.swapped, result.differences.counts) == (True, True, {}), service
        # The first have begun from nothing, as they do; those after them come from one that has imported it all.
        monkeypatch.setattr(multiprocessing, "get_context", lambda _: forked)
    assert len(asked) == 4 and min(asked) > 1, "of each the folding, and the comparison"
    await sql_in(state, "UPDATE tracker.cases SET wake_at = NULL WHERE wake_at IS NOT NULL")
    await sql_in(state, "DELETE FROM tracker.dead_letter")
    several = await rebuild.check(settings, "tracker", _unseen)
    assert len(asked) == 7, "the facts, the comparison, and the days on which the clock looks again"
    with monkeypatch.context() as patched:
        patched.setattr(processes, "WORTH_RECORDS", 10**6)
        one = await rebuild.check(settings, "tracker", _unseen)
    assert (several.notes, several.differences.counts) == (one.notes, one.differences.counts)
    assert {"cases", "fact"} <= one.differences.counts.keys()
    assert (several.reused.counts, several.older.counts) == (one.reused.counts, one.older.counts)
    await sql_in(state, "UPDATE stats.cell SET count = count + 1 WHERE kind = 'received'")
    assert (await folded("stats")).differences.counts.keys() == {"cell"}
    await sql_in(state, f"DROP SCHEMA {stats_rebuild.SIDE} CASCADE")  # else there would be nothing left to fold
    monkeypatch.setattr(stats_rebuild, "fold_apart", _fails)
    with capture_logs() as logs, pytest.raises(Failed, match=r"^Unfoldable: partition \d+$"):
        await folded("stats")
    (failed,) = [line for line in logs if line["event"] == "process_failed"]
    assert "in _fails" in failed["exception"], "where it was in the other process"


@contextmanager
def _unseen(_total: int, _what: str) -> Iterator[Any]:
    yield lambda _count: None


async def _fails(_settings: Any, _what: Any, tp: Any) -> Any:
    raise stats_rebuild.Unfoldable(f"partition {tp.partition}")


async def sql_in(env: dict[str, str], statement: str) -> None:
    await asyncio.to_thread(sql, env, statement)


async def test_tables_that_went_on_while_they_were_folded_stay_in_place(
    state: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that was started in between and ended again: its position would be put beside an older fold."""
    settings = load_settings({**os.environ, **state})
    whole, meanwhile = shadow_schema.require_idle, [""]

    async def idle(*given: Any) -> None:
        await whole(*given)
        await sql_in(state, meanwhile[0])

    monkeypatch.setattr(shadow_schema, "require_idle", idle)
    columns = ", ".join(EVENT_COLUMNS)
    later = columns.replace("sequence", "sequence + 1000")
    for service, reason, statement, undone in (
        ("tracker", "has read on", *(f"UPDATE tracker.progress SET next_offset = next_offset {by} 1" for by in "+-")),
        (
            *("tracker", "the clock"),
            f"INSERT INTO tracker.events ({columns}) SELECT {later} FROM tracker.events WHERE subject = 'still-open'",
            "DELETE FROM tracker.events WHERE sequence > 1000",
        ),
        ("stats", "has read on", *(f"UPDATE stats.progress SET next_offset = next_offset {by} 1" for by in "-+")),
    ):
        meanwhile[0] = statement
        found = await rebuild.rebuild(settings, service, _unseen, swap=False)
        assert (found.equal, found.swapped, found.moved) == (True, False, True)
        assert reason in found.notes[-1] and "run it again" in found.notes[-1]
        assert not recovery_cli._say(found, "rebuild")
        await sql_in(state, undone)
    meanwhile[0] = "SELECT 1"
    for service in ("tracker", "stats"):
        assert (await rebuild.rebuild(settings, service, _unseen, swap=False)).swapped


def test_tables_that_differ_or_are_gone_are_replaced_on_request(state: dict[str, str]) -> None:
    sql(state, "UPDATE stats.cell SET count = count + 1")
    sql(state, "DELETE FROM tracker.cases WHERE sequence > 3")
    left = shixian(state, "rebuild")
    assert left.returncode == 1
    assert "rebuild tracker: DIFFERENT\n" in left.stdout and "rebuild stats: DIFFERENT\n" in left.stdout
    assert shixian(state, "rebuild", "--swap").returncode == 1, "it says what was wrong, and puts it right"
    with services(state):
        quiet(state)

    audit = shixian(state, "audit")
    assert audit.returncode == 0, audit.stdout
    for schema in ("tracker", "tracker_before", "stats", "stats_before"):
        sql(state, f"DROP SCHEMA {schema} CASCADE")
    nothing = shixian(state, "audit")
    assert (nothing.returncode, nothing.stdout) == (2, ""), "nothing to compare is no pass"
    assert "audit tracker: its tables are not there" in nothing.stderr
    gone = shixian(state, "rebuild")
    assert gone.returncode == 0, gone.stderr
    assert "rebuild tracker: no tables to compare with; put in place\n" in gone.stdout
    with services(state):
        quiet(state)

    audit = shixian(state, "audit")
    assert audit.returncode == 0, audit.stdout


async def test_the_verdicts_of_a_chaos_run_tell_a_state_that_differs(state: dict[str, str]) -> None:
    await asyncio.to_thread(sql, state, "DELETE FROM tracker.cases WHERE subject = 'still-open'")
    now, findings = datetime.fromisoformat(state["SHIXIAN_NOW"]), Findings()
    cluster: Any = SimpleNamespace(env=lambda: state, postgres=SimpleNamespace(dsn=state["SHIXIAN_POSTGRES"]))
    verdicts = await commands.run(cluster, now, findings)
    assert verdicts.line() == "audit=NOT-equal rebuild=NOT-equal damage=found"
    assert findings.counts == {"audit not equal": 1, "rebuild not equal": 1}
    assert "tracker: cases still-open: is missing" in findings.lines[0]


def test_a_service_that_does_not_exist_is_one_line(state: dict[str, str]) -> None:
    wrong = shixian(state, "audit", "--service", "intake")
    assert wrong.returncode == 2
    assert wrong.stderr == "shixian: --service: expected one of tracker, stats, all, got 'intake'\n"
    away = shixian({**state, "SHIXIAN_POSTGRES": "postgresql://nobody@127.0.0.1:1/none"}, "rebuild")
    assert away.returncode == 2 and away.stderr.startswith("shixian: PostgreSQL: ")
