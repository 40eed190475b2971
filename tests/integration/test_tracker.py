"""The tracker as a process, against the real Kafka and the real PostgreSQL."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import icalendar
import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from services.events.cases import CaseEvent
from services.events.codec import decode_case_event
from services.events.topics import create_topics, topics
from services.statute.calendars import shipped
from tests.support import ORGAN, ServiceProcess, answered, eventually, raw, received, service

PARTITIONS = 4


@pytest.fixture
def env(kafka: str, postgres: str) -> dict[str, str]:
    return {
        "SHIXIAN_KAFKA": kafka,
        "SHIXIAN_POSTGRES": postgres,
        "SHIXIAN_TOPIC_PREFIX": f"t{uuid4().hex[:8]}.",
        "SHIXIAN_PARTITIONS": str(PARTITIONS),
    }


@pytest.fixture
def tracker(env: dict[str, str]) -> Iterator[ServiceProcess]:
    with service("tracker", env) as running:
        running.wait_ready()
        yield running


def write(env: dict[str, str], facts: Sequence[dict[str, Any] | bytes]) -> None:
    """Put facts (or any bytes) straight onto the log, reference facts onto theirs."""
    asyncio.run(_write(env, facts))


async def _write(env: dict[str, str], facts: Sequence[dict[str, Any] | bytes]) -> None:
    prefix = env["SHIXIAN_TOPIC_PREFIX"]
    await create_topics(env["SHIXIAN_KAFKA"], topics(prefix, PARTITIONS, 1))
    async with AIOKafkaProducer(
        bootstrap_servers=env["SHIXIAN_KAFKA"], acks="all", enable_idempotence=True
    ) as producer:
        for each in facts:
            if isinstance(each, bytes):
                await producer.send_and_wait(f"{prefix}facts", each, key=b"garbage")
                continue
            reference = "organ-registered" in each["type"] or "calendar-published" in each["type"]
            topic = f"{prefix}{'reference' if reference else 'facts'}"
            await producer.send_and_wait(topic, msgspec.json.encode(each), key=each["subject"].encode())


def case_events(env: dict[str, str]) -> list[CaseEvent]:
    """All that the case topic holds, in the order of its partitions."""
    return asyncio.run(_case_events(env))


async def _case_events(env: dict[str, str]) -> list[CaseEvent]:
    tps = [TopicPartition(f"{env['SHIXIAN_TOPIC_PREFIX']}cases", n) for n in range(PARTITIONS)]
    consumer = AIOKafkaConsumer(bootstrap_servers=env["SHIXIAN_KAFKA"], auto_offset_reset="earliest")
    async with consumer:
        consumer.assign(tps)
        ends = await consumer.end_offsets(tps)
        found: list[CaseEvent] = []
        while sum([await consumer.position(tp) for tp in tps]) < sum(ends.values()):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += [decode_case_event(r.value) for r in records]
        return found


def names(events: Sequence[CaseEvent], subject: str) -> list[str]:
    return [type(e).__name__ for e in events if e.subject == subject]


def test_a_request_is_opened_answered_and_shown(env: dict[str, str], tracker: ServiceProcess) -> None:
    write(env, [raw("organ-registered", "gz-psb", ORGAN), received("r/1", "2013-03-01"), answered("r/1", "2013-03-20")])
    shown = eventually(lambda: ((d := tracker.get("/v1/requests/r/1"))["status"] == "answered" and d) or None)
    assert (shown["due_on"], shown["timeliness"], shown["statute"]) == ("2013-03-22", "in-time", "CN-2008")
    assert [e["type"].split(".")[2] for e in tracker.get("/v1/requests/r/1/history")] == [
        "request-opened",
        "due-date-set",
        "request-answered",
    ]
    listed = tracker.get("/v1/requests?organ=gz-psb&status=answered")["requests"]
    assert [r["id"] for r in listed] == ["r/1"]
    events = case_events(env)
    assert names(events, "r/1") == ["RequestOpened", "DueDateSet", "RequestAnswered"]
    assert [e.sequence for e in events] == [1, 2, 3]


def test_an_answer_before_its_request_waits_for_it(env: dict[str, str], tracker: ServiceProcess) -> None:
    write(env, [raw("organ-registered", "gz-psb", ORGAN), answered("early", "2013-03-20")])
    waiting = eventually(lambda: tracker.get("/v1/requests/early"))
    assert (waiting["status"], waiting["waiting_for"]) == ("waiting", "request-received")
    write(env, [received("early", "2013-03-01")])
    shown = eventually(lambda: ((d := tracker.get("/v1/requests/early"))["status"] == "answered" and d) or None)
    assert shown["answered_on"] == "2013-03-20"


def test_a_request_of_an_unknown_organ_waits_for_its_registration(env: dict[str, str], tracker: ServiceProcess) -> None:
    write(env, [received("r2", "2013-03-01")])
    waiting = eventually(lambda: tracker.get("/v1/requests/r2"))
    assert waiting["waiting_for"] == "organ-registered gz-psb"
    write(env, [raw("organ-registered", "gz-psb", ORGAN)])
    eventually(lambda: tracker.get("/v1/requests/r2")["status"] == "overdue" or None)
    assert eventually(lambda: names(case_events(env), "r2")[-1] == "RequestOverdue" or None)


def test_due_dates_can_be_subscribed_to(env: dict[str, str], tracker: ServiceProcess) -> None:
    write(env, [raw("organ-registered", "gz-psb", ORGAN), received("r7", "2013-03-01"), received("r8", "2013-03-04")])
    eventually(lambda: tracker.get("/v1/requests/r8"))
    answer = tracker.http.get("/v1/deadlines.ics?organ=gz-psb")
    assert answer.headers["content-type"].startswith("text/calendar")
    events = icalendar.Calendar.from_ical(answer.content).walk("VEVENT")
    assert {str(e["uid"]): e.decoded("dtstart") for e in events} == {
        "r7@shixian": date(2013, 3, 22),
        "r8@shixian": date(2013, 3, 25),
    }


def test_garbage_becomes_dead_letters_and_the_tracker_goes_on(env: dict[str, str], tracker: ServiceProcess) -> None:
    unknown_field = received("r3", "2013-03-01")
    unknown_field["data"]["name"] = "somebody"
    garbage = [b"\xff", b"[1]", msgspec.json.encode(unknown_field)]
    write(env, [raw("organ-registered", "gz-psb", ORGAN), *garbage, received("r3", "2013-03-01")])
    eventually(lambda: tracker.get("/v1/requests/r3"))
    letters = eventually(lambda: ((f := tracker.get("/v1/rejections")["dead_letters"]) and len(f) == 3 and f) or None)
    assert sum("$.data.name" in letter["reason"] for letter in letters) == 1
    assert tracker.process.poll() is None


def test_a_repeated_fact_and_a_restart_change_nothing(env: dict[str, str]) -> None:
    history = [raw("organ-registered", "gz-psb", ORGAN), received("r4", "2013-03-01"), answered("r4", "2013-03-20")]
    with service("tracker", env) as first:
        first.wait_ready()
        write(env, history + history)
        eventually(lambda: first.get("/v1/requests/r4")["status"] == "answered" or None)
        assert first.stop() == 0
    with service("tracker", env) as second:
        second.wait_ready()
        write(env, [*history, received("r5", "2013-03-01")])
        eventually(lambda: second.get("/v1/requests/r5"))
        eventually(lambda: names(case_events(env), "r5") or None)
    assert names(case_events(env), "r4") == ["RequestOpened", "DueDateSet", "RequestAnswered"]


def test_an_overdue_request_is_told_once_with_its_legal_instant(env: dict[str, str]) -> None:
    late = {**env, "SHIXIAN_NOW": "2013-03-21T10:00:00+08:00"}
    with service("tracker", late) as tracker:
        tracker.wait_ready()
        write(env, [raw("organ-registered", "gz-psb", ORGAN), received("r6", "2013-03-01")])
        eventually(lambda: tracker.get("/v1/requests/r6")["status"] == "open" or None)
        tracker.kill()
    with service("tracker", {**env, "SHIXIAN_NOW": "2013-03-31T10:00:00+08:00"}) as tracker:
        tracker.wait_ready()
        eventually(lambda: tracker.get("/v1/requests/r6")["status"] == "overdue" or None)
        events = eventually(lambda: ((e := case_events(env)) and names(e, "r6")[-1] == "RequestOverdue" and e) or None)
        overdue = [e for e in events if type(e).__name__ == "RequestOverdue"]
        assert [e.time.isoformat() for e in overdue if e.time] == ["2013-03-23T00:00:00+08:00"]


def test_a_calendar_changed_in_mid_year_moves_the_open_requests_that_it_touches(env: dict[str, str]) -> None:
    year = [d for d in (date(2013, 1, 1) + timedelta(days=n) for n in range(365)) if d.weekday() < 5]
    off = [d for d in year if not shipped("CN").is_working(d)] + [date(2013, 3, 22)]
    worked = sorted(d for d in shipped("CN").on if d.year == 2013)
    notice = {
        "calendar": "CN",
        "year": 2013,
        "days_off": [d.isoformat() for d in off],
        "working_days": [d.isoformat() for d in worked],
        "notice": "示例〔2013〕1号",
        "published_on": "2013-03-05",
    }
    with service("tracker", {**env, "SHIXIAN_NOW": "2013-03-05T10:00:00+08:00"}) as tracker:
        tracker.wait_ready()
        facts = [received("open", "2013-03-01"), received("done", "2013-03-01"), answered("done", "2013-03-04")]
        write(env, [raw("organ-registered", "gz-psb", ORGAN), *facts])
        eventually(lambda: tracker.get("/v1/requests/open")["due_on"] == "2013-03-22" or None)
        eventually(lambda: tracker.get("/v1/requests/done")["status"] == "answered" or None)
        write(env, [raw("calendar-published", "CN", notice)])
        eventually(lambda: tracker.get("/v1/requests/open")["due_on"] == "2013-03-25" or None)
        moved = tracker.get("/v1/requests/open/history")[-1]
        assert moved["type"] == "org.shixian.due-date-set.v1"
        assert (moved["data"]["old_due_on"], moved["data"]["due_on"]) == ("2013-03-22", "2013-03-25")
        assert "示例〔2013〕1号" in moved["data"]["calendar"]
        told = [line["text"]["zh"] for line in tracker.get("/v1/requests/open")["explanation"]]
        assert any("2013-03-22" in text and "示例〔2013〕1号" in text for text in told)
        assert len(tracker.get("/v1/requests/done/history")) == 3
