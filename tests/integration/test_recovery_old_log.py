"""The log of an earlier version: restored, it is audited and rebuilt without a difference, and the work goes on."""

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from services.tracker.store import decode_case, encode_case
from tests.integration.recovery import PARTITIONS, environment, everything, keyed, put, quiet, services, shixian, sql
from tests.support import eventually, received

FOLDER = Path(__file__).parent.parent / "fixtures" / "log-0.1.0"
RECORDS = {"facts": 314, "cases": 389, "reference": 8, "dead-letters": 5}
CELLS = (
    "SELECT organ, year, kind, a, b, c, sum(count)::text FROM stats.cell WHERE count <> 0 "
    "AND kind NOT IN ('breached', 'breached-ended', 'review-later') GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6"
)
"""The counters that there were then, of all laws together."""
EQUAL = "audit tracker: equal\naudit stats: equal\n"


@pytest.fixture
def env(kafka: str, postgres: str) -> dict[str, str]:
    """An empty cluster and an empty database, with the old log put back and the tables made from it."""
    found = environment(kafka, postgres, SHIXIAN_NOW="2024-03-01T09:00:00+08:00")
    restored = shixian(found, "restore", str(FOLDER / "log.jsonl.gz"))
    assert restored.returncode == 0, restored.stderr
    rebuilt = shixian(found, "rebuild")
    assert rebuilt.returncode == 0, rebuilt.stderr
    return found


def test_a_log_of_version_0_1_0_is_whole_and_the_numbers_are_those_told_then(env: dict[str, str]) -> None:
    assert {topic: len(everything(env, topic)) for topic in RECORDS} == RECORDS
    assert {r.partition for r in everything(env, "facts")} == set(range(PARTITIONS))
    told = [tuple(msgspec.json.decode(line)) for line in (FOLDER / "counters.jsonl").read_bytes().splitlines()]
    assert [tuple(map(str, row)) for row in sql(env, CELLS)] == told

    # The services go on from it: nothing of the old log is decided twice, and what is new is decided.
    with services(env) as (tracker, _):
        quiet(env)
        put(env, [keyed(received("after/1", "2024-02-26", "in-person", "north"))])
        quiet(env)
        assert tracker.get("/v1/requests/after/1")["due_on"] is not None
        healed = eventually(
            lambda: ((found := tracker.get("/v1/requests/tees/1")["status"]) != "waiting" and found) or None
        )
    audit = shixian(env, "audit")
    assert (audit.returncode, audit.stdout) == (0, EQUAL), audit.stdout + audit.stderr
    rebuilt = shixian(env, "rebuild")
    assert rebuilt.stdout == "rebuild tracker: equal; put in place\nrebuild stats: equal; put in place\n"
    name_what_older_rules_decided(env)
    # It waited for a calendar that does not exist, and its organ has long had the right one.
    assert healed == "answered"


def name_what_older_rules_decided(env: dict[str, str]) -> None:
    """A closed case with a date that today's rules would not give it: named by an audit, changed by a rebuild alone."""
    subject, body = sql(
        env,
        "SELECT subject, body FROM tracker.cases WHERE state = 'answered' AND due_on IS NOT NULL "
        "AND subject <> 'tees/1' ORDER BY subject LIMIT 1",
    )[0]
    case = decode_case(body)
    assert case.view.due_on is not None
    before = case.view.due_on + timedelta(days=1)
    older = encode_case(replace(case, view=replace(case.view, due_on=before)))
    sql(env, "UPDATE tracker.cases SET body = $1, due_on = $2 WHERE subject = $3", older, before, subject)
    audit = shixian(env, "audit", "--service", "tracker")
    assert (audit.returncode, audit.stdout.splitlines()[-1]) == (0, "audit tracker: equal"), audit.stdout
    assert f"cases {subject}: " in audit.stdout and f"due_on is {before!r}" in audit.stdout
    assert "1 cases decided by older rules" in audit.stdout
    listed = shixian(env, "rebuild", "--service", "tracker")
    assert listed.returncode == 1 and f"cases {subject}: " in listed.stdout
    assert "1 cases decided by older rules; --swap changes them" in listed.stdout
    changed = shixian(env, "rebuild", "--service", "tracker", "--swap")
    assert "rebuild tracker: DIFFERENT; put in place" in changed.stdout, changed.stdout + changed.stderr
    assert shixian(env, "audit", "--service", "tracker").stdout == "audit tracker: equal\n"
