"""`shixian rebuild` and `shixian audit` on a real state: equal as it is, and every kind of damage found."""

import asyncio
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest

from tests.chaos import commands
from tests.chaos.oracle import Findings
from tests.integration.recovery import environment, keyed, load, put, quiet, services, shixian, sql
from tests.support import received


@pytest.fixture
def state(kafka: str, postgres: str) -> dict[str, str]:
    """Histories and garbage applied by both services, which have then ended."""
    env = environment(kafka, postgres, SHIXIAN_NOW="2025-06-02T09:00:00+08:00")
    put(env, [*load(11, 1500, unreadable=60), keyed(received("still-open", "2025-05-27", "in-person", "organ-0"))])
    with services(env):
        quiet(env)
    return env


def test_what_was_applied_is_equal_to_the_log_and_damage_is_found(state: dict[str, str]) -> None:

    audit = shixian(state, "audit")
    assert (audit.returncode, audit.stdout) == (0, "audit tracker: equal\naudit stats: equal\n"), audit.stderr
    damages = {
        "a counter": (
            "UPDATE stats.cell SET count = count + 1 WHERE (organ, year, kind, a, b, c) IN "
            "(SELECT organ, year, kind, a, b, c FROM stats.cell WHERE kind = 'received' LIMIT 1)",
            ("stats: counter", "stats: cell"),
        ),
        "a row of the fold": ("UPDATE stats.request SET outcome = 'petition' WHERE subject = $1", ("stats: request",)),
        "a case's date": (
            "UPDATE tracker.cases SET due_on = due_on + 1, body = replace(encode(body, 'escape'), "
            '\'"state":"answered"\', \'"state":"open"\')::bytea WHERE subject = $1',
            ("tracker: cases",),
        ),
        "a deleted case": ("DELETE FROM tracker.cases WHERE subject = $1", (" is missing", "tracker: cases")),
        "a deleted event": ("DELETE FROM tracker.events WHERE subject = $1 AND sequence = 2", ("tracker: events",)),
        "a deleted dead letter": (
            'DELETE FROM tracker.dead_letter WHERE (partition, "offset") IN '
            '(SELECT partition, "offset" FROM tracker.dead_letter LIMIT 1)',
            ("tracker: fact", "is in no case and no dead letter"),
        ),
        "a case put to sleep": (
            "UPDATE tracker.cases SET wake_at = NULL WHERE subject = 'still-open'",
            ("tracker: cases still-open: wakes never, expected 2025-06-",),
        ),
    }
    subject = sql(
        state,
        "SELECT subject FROM tracker.cases WHERE state = 'answered' AND due_on IS NOT NULL AND sequence > 2 "
        "ORDER BY subject LIMIT 1",
    )[0][0]
    for what, (statement, expected) in damages.items():
        table = next(word for word in statement.split() if word.startswith(("stats.", "tracker.")))
        sql(state, f"CREATE TABLE public.saved AS TABLE {table}")
        sql(state, statement, *([subject] if "$1" in statement else []))
        found = shixian(state, "audit", "--service", table.partition(".")[0])
        assert found.returncode == 1, what
        assert all(text in found.stdout for text in expected), (what, found.stdout)
        sql(state, f"TRUNCATE {table}")
        written = (
            "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute "
            "WHERE attrelid = $1::text::regclass AND attnum > 0 AND attgenerated = '' AND NOT attisdropped"
        )
        columns = sql(state, written, table)[0][0]
        sql(state, f"INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM public.saved")
        sql(state, "DROP TABLE public.saved")
    assert shixian(state, "audit").returncode == 0


def test_a_rebuild_puts_equal_tables_in_place_and_the_services_go_on_from_them(state: dict[str, str]) -> None:
    before = sql(state, "SELECT subject, body FROM tracker.cases ORDER BY subject")
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
        running = shixian(state, "rebuild", "--swap", "--service", "tracker")
        assert running.returncode == 2
        assert "stop them first" in running.stderr and running.stderr.count("\n") == 1
        assert shixian(state, "audit").returncode == 0, "an audit needs nothing stopped"
    assert shixian(state, "audit").returncode == 0


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
