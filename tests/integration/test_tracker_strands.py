"""Strands in the tables: what a batch writes, what the n-th review of an organ costs, rows of an earlier release."""

import shutil
import time
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from services.events.codec import encode
from services.events.facts import TallyRecorded
from services.runtime import database
from services.runtime.health import Part
from services.runtime.migrations import migrate
from services.runtime.offload import Offload
from services.runtime.table_diff import TableDiff, compare
from services.tracker import rebuild_compare, splitting, store
from services.tracker.core import apply
from services.tracker.core.case import Case
from services.tracker.core.decide import decide
from services.tracker.core.reference_data import ReferenceData
from services.tracker.core.refold import Refold
from services.tracker.core.rows import Change
from services.tracker.core.strands import Shelf
from services.tracker.queries import request
from tests.integration.test_recovery_batches import NOW, batch, letters, tracker_of
from tests.memory_log import Log
from tests.support import ORGAN, fact, raw, received

MIGRATIONS = files("services.tracker") / "migrations"
CODE = "gz-psb"
WORLD = ReferenceData([fact("organ-registered", CODE, ORGAN)])
OLD = ("0001_cases.sql", "0002_waiting.sql")


def filed(number: int, subject: str = CODE, **more: Any) -> dict[str, Any]:
    data = {"review": f"r{number}", "organ": subject, "kind": "complaint", "filed_on": "2013-03-04"}
    return raw("review-filed", subject, data, **more)


def tally(number: int, subject: str = CODE, **more: Any) -> dict[str, Any]:
    return raw(
        "tally-recorded",
        subject,
        {"organ": subject, "on": "2013-03-04", "measure": "page-views", "count": number},
        **more,
    )


def taken_back(sent: dict[str, Any]) -> dict[str, Any]:
    amends = {"source": sent["source"], "id": sent["id"]}
    return raw("fact-retracted", sent["subject"], {"amends": amends, "reason": "twice"})


def history(count: int) -> list[dict[str, Any]]:
    """Facts of an organ, of one that nobody registered, of one with nothing but tallies, and of requests."""
    sent: list[dict[str, Any]] = []
    for number in range(count):
        decided = {"review": f"r{number}", "decided_on": "2013-05-06", "result": "upheld"}
        sent += [filed(number), tally(number), raw("review-decided", CODE, decided)]
        if number % 3 == 0:
            sent += [taken_back(sent[-3]), taken_back(sent[-2]), filed(number, "unknown")]
        sent += [tally(number, "counts"), raw("review-decided", f"R{number}", {**decided, "review": "q"})]
        sent.append(received(f"R{number}", "2013-03-01", organ=CODE if number % 2 else "later"))
    return sent


async def test_the_next_review_of_an_organ_costs_the_same_and_no_row_grows(pool: Any) -> None:
    tracker, spent = tracker_of(pool, Log()), list[float]()
    for first in range(0, 4000, 200):
        began = time.perf_counter()
        await tracker.handle(batch([filed(n) for n in range(first, first + 200)], first))
        spent.append(time.perf_counter() - began)
    early, late = sorted(spent[1:8])[3], sorted(spent[-7:])[3]
    assert late < 3 * early
    assert await pool.fetchval("SELECT count(*) FROM tracker.strands") == 4000
    assert await pool.fetchval("SELECT octet_length(body) FROM tracker.cases") < 1000
    assert await pool.fetchval("SELECT max(octet_length(body)) FROM tracker.strands") < 1000
    told = await request(pool, Offload(), CODE, WORLD, NOW)
    assert told is not None and (len(told.facts), len(told.reviews), told.sequence) == (100, 100, 4000)
    await tracker.handle(batch([tally(1)], 4000))
    told = await request(pool, Offload(), CODE, WORLD, NOW)
    assert told is not None and (len(told.facts), len(told.reviews)) == (100, 99)
    assert {"review": "r3999"}.items() <= told.facts[-2]["data"].items()


async def _same(conn: Any, shelf: Shelf, cases: Sequence[Case]) -> None:
    """The tables hold what the case topic alone gives, by the comparison that an audit makes."""
    await migrate(conn, "tracker_rebuild", MIGRATIONS)
    changed = [store.case_row(Change(case, 0, None), NOW) for case in cases]
    await conn.copy_records_to_table(
        "cases", schema_name="tracker_rebuild", columns=store.CASE_COLUMNS, records=changed
    )
    for name, columns, rows in zip(
        ("strands", "strand_names"),
        (store.STRAND_COLUMNS, store.NAME_COLUMNS),
        store.strand_rows(shelf, 0),
        strict=True,
    ):
        await conn.copy_records_to_table(name, schema_name="tracker_rebuild", columns=columns, records=rows)
    found = TableDiff()
    async with conn.transaction():
        for table in rebuild_compare.TABLES:
            if table.name != "events":
                explain = rebuild_compare.explained(table.name)
                await compare(table, (conn, "tracker"), (conn, "tracker_rebuild"), found, explain=explain)
    assert [str(each) for each in found.shown] == []


async def _refolded(conn: Any) -> tuple[Shelf, list[Case]]:
    refold = Refold(0)
    rows = await conn.fetch("SELECT body FROM tracker.events ORDER BY number")
    refold.take([_Record(row["body"], n) for n, row in enumerate(rows)], problems := TableDiff())
    assert problems.total == 0
    return refold.shelf, refold.settle([(0, fact("organ-registered", CODE, ORGAN))])


class _Record:
    topic, partition = "shixian.cases", 0

    def __init__(self, value: bytes, offset: int) -> None:
        self.value, self.offset = value, offset


async def test_the_tables_hold_what_the_case_topic_gives(pool: Any) -> None:
    sent = history(12)
    sent.append(received(CODE, "2013-03-01"))  # a request's fact under the organ's code: a mistake of the sender
    tracker = tracker_of(pool, Log())
    for first in range(0, len(sent), 5):
        await tracker.handle(batch(sent[first : first + 5], first))
    (letter,) = await letters(pool)
    assert letter[4] == f"$.subject: is an organ's code: '{CODE}'; expected a request's id"
    async with pool.acquire() as conn:
        await _same(conn, *await _refolded(conn))


async def _of_earlier_release(conn: Any, tmp_path: Path, sent: Sequence[dict[str, Any]]) -> None:
    """Tables as the release before strands left them: an organ's facts in one body, tallies in a table of their own."""
    for name in OLD:
        shutil.copy(str(MIGRATIONS / name), tmp_path)
    await migrate(conn, "tracker", tmp_path)
    cases: dict[str, Case] = {}
    tallies: dict[Any, TallyRecorded] = {}
    for each in sent:
        one = fact_of(each)
        before = cases.get(one.subject, Case(subject=one.subject))
        cases[one.subject], events = decide(before, one, WORLD, NOW, tallies)
        if isinstance(one, TallyRecorded) and events:
            tallies[one.ref] = one
        await conn.copy_records_to_table(
            "events",
            schema_name="tracker",
            columns=store.EVENT_COLUMNS,
            records=[store.event_row(0, event) for event in events],
        )
    rows = []
    for case in cases.values():
        row = list(store.case_row(Change(case, 0, None), NOW))
        body = msgspec.json.decode(row[2])
        row[2] = msgspec.json.encode({k: v for k, v in body.items() if k not in ("apart", "own")})
        rows.append(tuple(row))
    await store.save_cases(conn, rows)
    await conn.executemany(
        "INSERT INTO tracker.tallies (source, id, body) VALUES ($1, $2, $3)",
        [(t.source, t.id, encode(t)) for t in tallies.values()],
    )


def fact_of(sent: dict[str, Any]) -> Any:
    from services.events.codec import decode_fact

    return decode_fact(msgspec.json.encode(sent))


async def test_rows_of_an_earlier_release_are_split_in_lots_and_go_on(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = history(12)
    same = tally(7, id="same"), filed(99, id="same")  # that release took both
    sent += same
    conn = await asyncpg.connect(postgres)
    await _of_earlier_release(conn, tmp_path, sent)
    one_row = {row[0]: row[1] for row in await conn.fetch("SELECT subject, body FROM tracker.cases")}
    events_of = await conn.fetchval("SELECT count(*) FROM tracker.events WHERE subject = $1", CODE)
    await migrate(conn, "tracker", MIGRATIONS)
    monkeypatch.setattr(splitting, "LOT_EVENTS", 10)
    lots = 0
    while await splitting.split(conn):
        lots += 1
        left = await conn.fetchval("SELECT count(*) FROM tracker.unsplit")
        assert left or lots > 3
    assert lots > 3
    await _same(conn, *await _refolded(conn))
    row = await conn.fetchrow("SELECT body, state FROM tracker.cases WHERE subject = $1", CODE)
    assert row is not None and row["state"] == "organ" and len(row["body"]) < 1000
    pool = database.pool(postgres)
    await database.ready(pool, "tracker", MIGRATIONS, Part("database"))
    events = await conn.fetchval("SELECT count(*) FROM tracker.events")
    again = batch([*sent, taken_back(filed(1)), filed(500)])
    await tracker_of(pool, Log()).handle(again)
    assert await conn.fetchval("SELECT count(*) FROM tracker.events") == events + 3, (
        "what was there is repeated in vain; that one name came with two contents is told, once"
    )
    # A process of that release that is still running writes once more: what was split is one row again.
    old_body = msgspec.json.encode(msgspec.json.decode(one_row[CODE]) | {"sequence": events_of + 2})
    await conn.execute("UPDATE tracker.cases SET body = $1 WHERE subject = $2", old_body, CODE)
    assert await conn.fetchval("SELECT array_agg(subject) FROM tracker.unsplit") == [CODE]
    await tracker_of(pool, Log()).handle(batch([filed(501)], len(sent) + 2))
    assert await conn.fetchval("SELECT count(*) FROM tracker.unsplit") == 0
    await conn.execute("DROP SCHEMA tracker_rebuild CASCADE")
    await _same(conn, *await _refolded(conn))
    await pool.close()
    await conn.close()


async def test_a_row_with_20000_reviews_does_not_stop_the_start(postgres: str, tmp_path: Path) -> None:
    conn = await asyncpg.connect(postgres)
    await _of_earlier_release(conn, tmp_path, [filed(0)])
    event = apply.run([fact_of(filed(0))], Shelf(), WORLD, NOW).events[0]
    facts = [fact_of(filed(n)) for n in range(20_000)]
    rows = []
    for n, one in enumerate(facts[1:], 2):
        data = msgspec.structs.replace(event.data, fact=one, cause=one.ref)
        rows.append(store.event_row(0, msgspec.structs.replace(event, sequence=n, data=data)))
    await conn.copy_records_to_table("events", schema_name="tracker", columns=store.EVENT_COLUMNS, records=rows)
    case = Case(subject=CODE, facts=tuple(facts), sequence=20_000)
    body = msgspec.json.encode(case)
    await conn.execute("UPDATE tracker.cases SET body = $1, sequence = 20000", body)
    assert len(body) > 4_000_000
    pool = database.pool(postgres)
    await database.ready(pool, "tracker", MIGRATIONS, part := Part("database"))
    await splitting.finish(pool, part)
    assert part.is_ok
    assert await conn.fetchval("SELECT count(*) FROM tracker.strands") == 20_000
    assert await conn.fetchval("SELECT max(octet_length(body)) FROM tracker.cases") < 1000
    await tracker_of(pool, Log()).handle(batch([filed(20_001), filed(20_002, id=facts[5].id)]))
    assert await conn.fetchval("SELECT count(*) FROM tracker.strands") == 20_001
    await pool.close()
    await conn.close()


async def test_an_organ_that_is_registered_after_its_reviews_is_looked_at_at_once(pool: Any) -> None:
    tracker = tracker_of(pool, Log())
    tracker.reference_data = ReferenceData()
    await tracker.handle(batch([filed(1), tally(1, "counts")]))
    assert await pool.fetchval("SELECT state FROM tracker.cases WHERE subject = $1", CODE) == "waiting"
    tracker.reference_data = WORLD
    await tracker.sweep(0)
    rows = await pool.fetch("SELECT subject, state, waiting_for FROM tracker.cases ORDER BY subject")
    assert [tuple(row) for row in rows] == [("counts", "waiting", ""), (CODE, "organ", "")]
    assert await pool.fetchval("SELECT count(*) FROM tracker.events WHERE name = 'fact-recorded'") == 1
    assert await tracker.sweep(0) == 0
    async with pool.acquire() as conn:
        await _same(conn, *await _refolded(conn))
