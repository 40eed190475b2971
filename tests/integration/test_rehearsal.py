"""A rehearsal over a thousand open requests, against the real Kafka and PostgreSQL: it names exactly what moves."""

import asyncio
import json
import time
from datetime import date, timedelta
from importlib import resources
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from typer.testing import CliRunner

from services.cli import app
from services.events.cases import CaseEvent, DueDateSet
from services.events.codec import decode_case_event
from services.events.topics import create_topics, topics
from services.statute.calendars import shipped
from services.tracker.rehearsing import NEXT
from tests.plans import explained, full_scans, pretend_large
from tests.support import ORGAN, ServiceProcess, eventually, raw, service

OPEN = 10_000
PARTITIONS = 4
NOW = "2026-12-20T10:00:00+08:00"
FIRST = date(2026, 12, 1)
LAW = [d for d in shipped("CN").off if d.year == 2027]
NOTICE: dict[str, Any] = {
    "calendar": "CN",
    "year": 2027,
    "days_off": sorted({date(2026, 12, 31), *LAW}),  # a day off more at first ...
    "working_days": [date(2027, 1, 9), date(2027, 1, 10)],  # ... and two worked soon after
    "notice": "示例〔2026〕9号",
    "published_on": date(2026, 12, 20),
}
CN = (resources.files("services.statute") / "profiles" / "CN-2019.toml").read_text("utf-8")


def plain(data: dict[str, Any], **more: Any) -> dict[str, Any]:
    return raw("calendar-published", "CN", json.loads(msgspec.json.encode({**data, **more})))


async def write(env: dict[str, str], topic: str, facts: list[dict[str, Any]]) -> None:
    """Straight onto the log, as somebody else than intake could."""
    async with AIOKafkaProducer(bootstrap_servers=env["SHIXIAN_KAFKA"], linger_ms=20) as producer:
        sent = [
            await producer.send(
                f"{env['SHIXIAN_TOPIC_PREFIX']}{topic}", msgspec.json.encode(f), key=f["subject"].encode()
            )
            for f in facts
        ]
        await asyncio.gather(*sent)


async def read_cases(env: dict[str, str]) -> list[CaseEvent]:
    tps = [TopicPartition(f"{env['SHIXIAN_TOPIC_PREFIX']}cases", n) for n in range(PARTITIONS)]
    async with AIOKafkaConsumer(bootstrap_servers=env["SHIXIAN_KAFKA"], auto_offset_reset="earliest") as consumer:
        consumer.assign(tps)
        ends = await consumer.end_offsets(tps)
        found: list[CaseEvent] = []
        while sum([await consumer.position(tp) for tp in tps]) < sum(ends.values()):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += [decode_case_event(r.value) for r in records]
        return found


def moves(events: list[CaseEvent]) -> dict[str, tuple[str, str]]:
    """What dates moved, by request: from, to."""
    return {
        e.subject: (str(e.data.old_due_on), str(e.data.due_on))
        for e in events
        if isinstance(e, DueDateSet) and e.data.old_due_on not in (None, e.data.due_on)
    }


def named(found: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {r["request"]: (r["from"], r["to"]) for r in found["requests"] if r["from"] != r["to"]}


def rehearsed(file: Path, tracker: ServiceProcess) -> dict[str, Any]:
    began = time.monotonic()
    done = CliRunner().invoke(app, ["rehearse", str(file), "--json", "--url", tracker.url])
    assert done.exit_code == 0, done.output
    print(f"{file.name} over {OPEN} open requests: {time.monotonic() - began:.1f} s")  # shown by -s
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def is_in_order(found: dict[str, Any]) -> bool:
    """Earlier ones first, then by the new date."""
    keys = [(r["to"] > r["from"], r["to"]) for r in found["requests"] if r["from"] != r["to"]]
    return keys == sorted(keys)


async def plan(env: dict[str, str]) -> tuple[list[str], list[str]]:
    """How the open cases are read where there are a million: nodes, and tables read whole."""
    conn = await asyncpg.connect(env["SHIXIAN_POSTGRES"])
    try:
        async with conn.transaction():
            await pretend_large(conn, "tracker", ["cases"])
            nodes = await explained(conn, NEXT, (["gz-psb"], 1, "gz-psb", "r02000", 200), run=False)
    finally:
        await conn.close()
    return [str(n.get("Index Name", n["Node Type"])) for n in nodes], full_scans(nodes)


@pytest.mark.parametrize("many", [1000, pytest.param(10_000, marks=pytest.mark.proof)])
def test_a_rehearsal_names_exactly_what_moves(
    kafka: str, postgres: str, tmp_path: Path, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "OPEN", many)
    env = {
        "SHIXIAN_KAFKA": kafka,
        "SHIXIAN_POSTGRES": postgres,
        "SHIXIAN_TOPIC_PREFIX": f"t{uuid4().hex[:8]}.",
        "SHIXIAN_PARTITIONS": str(PARTITIONS),
        "SHIXIAN_NOW": NOW,
    }
    asyncio.run(create_topics(kafka, topics(env["SHIXIAN_TOPIC_PREFIX"], PARTITIONS, 1)))
    requests = [
        raw(
            "request-received",
            f"r{n:05}",
            {
                "organ": "gz-psb",
                "channel": "in-person",
                "applicant": "business",
                "submitted_on": FIRST + timedelta(n % 20),
            },
        )
        for n in range(OPEN)
    ]
    asyncio.run(write(env, "reference", [raw("organ-registered", "gz-psb", ORGAN)]))
    asyncio.run(write(env, "facts", requests))
    file = tmp_path / "notice.json"
    file.write_text(json.dumps(plain(NOTICE), ensure_ascii=False, indent=1), "utf-8")

    with service("tracker", env) as tracker, service("intake", env) as intake:
        tracker.wait_ready()
        intake.wait_ready()

        def opened() -> bool | None:
            metrics = tracker.http.get("/metrics").text
            return (
                sum(
                    int(float(line.rpartition(" ")[2]))
                    for line in metrics.splitlines()
                    if line.startswith("shixian_tracker_facts_total")
                )
                >= OPEN
                or None
            )

        eventually(opened, 120)

        # The notice is rehearsed: days both ways, and fewer days off than the law has, so it has to be confirmed.
        found = rehearsed(file, tracker)
        assert (found["looked_at"], found["needs_confirming"]) == (OPEN, True)
        assert found["moved"] == found["earlier"] + found["later"] == len(named(found))
        assert min(found["earlier"], found["later"], OPEN - found["moved"]) > 0, "some go each way, and some stay"
        assert is_in_order(found)
        assert found["requests"][0]["to"] < found["requests"][0]["from"]
        assert [r["code"] for r in found["remarks"]] == ["notice-fewer-holidays"]
        assert moves(asyncio.run(read_cases(env))) == {}, "a rehearsal moves nothing"
        nodes, whole = asyncio.run(plan(env))
        assert ("cases_movable" in nodes, "Sort" in nodes, whole) == (True, False, [])

        # Intake refuses it without the digest, or with another one.
        for confirms in ({}, {"confirms": "0" * 16}):
            answer = intake.http.post("/v1/events", json=plain(NOTICE, **confirms))
            assert answer.status_code == 422
            assert answer.json()["errors"][0]["field"] == "$.data.confirms"
        # Somebody else may write it to the log: it has no effect there, and that is told.
        asyncio.run(write(env, "reference", [plain(NOTICE, notice="bare")]))
        eventually(lambda: "$.data.confirms" in str(tracker.get("/v1/rejections")["reference"]) or None)
        assert rehearsed(file, tracker) | {"as_of": ""} == found | {"as_of": ""}

        # Posted with it, exactly what was named moves, and nothing else.
        posted = plain(NOTICE, confirms=found["digest"])
        for _ in range(2):  # the second is a repetition, and no other notice
            answer = intake.http.post("/v1/events", json=posted)
            assert answer.status_code == 202, answer.text
        assert [r["code"] for r in answer.json()["events"][0]["remarks"]] == ["notice-fewer-holidays"]
        eventually(lambda: len(moves(asyncio.run(read_cases(env)))) >= found["moved"] or None, 120)
        eventually(lambda: rehearsed(file, tracker)["moved"] == 0 or None, 60)
        assert moves(asyncio.run(read_cases(env))) == named(found)

        # Another statute's file, and a bad one.
        (tmp_path / "statutes").mkdir()
        statute = tmp_path / "statutes" / "CN-2019.toml"
        statute.write_text(CN.replace("amount = 20", "amount = 'x'", 1), "utf-8")
        done = CliRunner().invoke(app, ["rehearse", str(statute), "--url", tracker.url])
        assert (done.exit_code, "CN-2019.toml" in done.output) == (2, True), done.output
        statute.write_text(CN.replace("amount = 20", "amount = 21", 1), "utf-8")
        by_rules = rehearsed(statute, tracker)
        assert (by_rules["moved"], by_rules["later"]) == (OPEN, OPEN)
        before = moves(asyncio.run(read_cases(env)))
        assert before == named(found)

    # The office's file comes into force: at the next start exactly these move, each with the digest of the rules.
    office = tmp_path / "office"
    (office / "statutes").mkdir(parents=True)
    statute.rename(office / "statutes" / "CN-2019.toml")
    count = len(asyncio.run(read_cases(env)))
    with service("tracker", {**env, "SHIXIAN_RULES": str(office)}) as tracker:
        tracker.wait_ready(120)
        eventually(lambda: len(asyncio.run(read_cases(env))) >= count + OPEN or None, 120)
    events = asyncio.run(read_cases(env))
    fresh = [e for e in events if e.data.rules == by_rules["digest"]]
    assert moves(fresh) == named(by_rules)
    assert {e.data.cause for e in fresh} == {None}, "no fact is the cause, but the rules"
