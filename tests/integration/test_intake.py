"""Intake against a real broker: what it says is in the log is there, and what it refuses is not."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from services.events.codec import decode_fact
from services.events.examples import example
from services.intake import app as intake_app
from services.intake.app import build
from services.intake.reading import BATCH, PLAIN, STRUCTURED
from services.local.kafka import KafkaNode
from services.runtime.health import Health
from services.runtime.settings import Settings
from tests.support import service

NOW = datetime(2013, 6, 1, 8, tzinfo=UTC)
TOP = {k: v for k, v in example("facts", "organ-registered")["data"].items() if k != "parent"}
"""An organ without a parent."""


@asynccontextmanager
async def running(settings: Settings, *, prepare: bool = True) -> AsyncIterator[httpx.AsyncClient]:
    """The service with everything but its own process and port."""
    health = Health()
    async with build(settings, health) as parts:
        assert parts.prepare is not None
        preparing = asyncio.ensure_future(parts.prepare())
        if prepare:
            await preparing
        tasks = [asyncio.create_task(make()) for make in parts.tasks.values()]
        async with asyncio.timeout(40):
            while prepare and not health.ready()[0]:  # noqa: ASYNC110 - parts have no event to wait for
                await asyncio.sleep(0.02)
        transport = httpx.ASGITransport(app=parts.asgi)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=60) as client:
            yield client
        for task in (*tasks, preparing):
            task.cancel()
        await asyncio.gather(*tasks, preparing, return_exceptions=True)


def settings_for(bootstrap: str) -> Settings:
    return Settings(kafka=bootstrap, topic_prefix=f"i{uuid.uuid4().hex[:8]}.", partitions=3, now=NOW)


async def records(bootstrap: str, topic: str, seconds: float = 20) -> list[Any]:
    """All records of a topic, a partition after the other."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        await consumer._client.force_metadata_update()
        tps = [TopicPartition(topic, p) for p in sorted(consumer.partitions_for_topic(topic) or [0])]
        consumer.assign(tps)
        ends = await consumer.end_offsets(tps)
        found: list[Any] = []
        async with asyncio.timeout(seconds):
            while len(found) < sum(ends.values()):
                for batch in (await consumer.getmany(timeout_ms=200)).values():
                    found += batch
        return sorted(found, key=lambda r: (r.partition, r.offset))
    finally:
        await consumer.stop()


async def until(condition: Callable[[], Any], seconds: float = 40.0) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - what is waited for is in other processes
            await asyncio.sleep(0.1)


def fact(name: str, number: int = 1, **changes: Any) -> dict[str, Any]:
    return {**example("facts", name), "id": f"test-{number}", **changes}


async def post(client: httpx.AsyncClient, media: str, body: Any) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await client.post("/v1/events", content=content, headers={"content-type": media})


async def counted(client: httpx.AsyncClient, type_: str, result: str) -> float:
    line = f'shixian_intake_events_total{{result="{result}",type="{type_}"}} '
    (found,) = [x for x in (await client.get("/metrics")).text.splitlines() if x.startswith(line)]
    return float(found.rpartition(" ")[2])


async def test_an_accepted_fact_is_in_the_log_as_sent(kafka: str) -> None:
    settings = settings_for(kafka)
    sent = fact("request-received", traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01")
    async with running(settings) as client:
        assert await counted(client, "request-received", "accepted") == 0
        answer = await post(client, STRUCTURED, sent)
        assert answer.status_code == 202
        assert answer.json() == {
            "accepted": 1,
            "events": [{"source": sent["source"], "id": sent["id"], "status": "accepted"}],
        }
        assert await counted(client, "request-received", "accepted") == 1
        assert (await client.get("/readyz")).status_code == 200
    (record,) = await records(kafka, settings.facts_topic)
    assert record.key == sent["subject"].encode()
    assert dict(record.headers)["content-type"] == STRUCTURED.encode()
    written = json.loads(record.value)
    recorded = datetime.fromisoformat(written.pop("recordedtime"))
    assert written.pop("postedby") == "local", "who posted it stands in the log"
    assert NOW <= recorded < NOW + timedelta(minutes=5)
    assert recorded.utcoffset() == timedelta(0)
    assert written == {k: v for k, v in sent.items() if k != "datacontenttype"}
    assert decode_fact(record.value).sequence is None


async def test_reference_facts_go_to_their_own_topic(kafka: str) -> None:
    settings = settings_for(kafka)
    batch = [fact("request-received", 1), fact("organ-registered", 2, data=TOP), fact("calendar-published", 3)]
    async with running(settings) as client:
        assert (await post(client, BATCH, batch)).json()["accepted"] == 3
    assert [r.key for r in await records(kafka, settings.reference_topic)] == [b"gz-psb", b"CN"]
    assert len(await records(kafka, settings.facts_topic)) == 1


async def test_facts_of_one_request_keep_their_order(kafka: str) -> None:
    settings = settings_for(kafka)
    batch = [fact("fee-paid", n, subject=f"request-{n % 7}") for n in range(700)]
    async with running(settings) as client:
        answer = await post(client, PLAIN, batch)
        assert [e["id"] for e in answer.json()["events"]] == [e["id"] for e in batch]
        await asyncio.gather(*(post(client, STRUCTURED, fact("fee-paid", 1000 + n)) for n in range(20)))
    found = await records(kafka, settings.facts_topic)
    assert len(found) == 720
    for subject in {e["subject"] for e in batch}:
        order = [json.loads(r.value)["id"] for r in found if r.key == subject.encode()]
        assert order == [e["id"] for e in batch if e["subject"] == subject]


async def test_binary_mode(kafka: str) -> None:
    settings = settings_for(kafka)
    sent = fact("fee-paid")
    headers = {f"ce-{k}": v for k, v in sent.items() if k not in ("data", "datacontenttype")}
    async with running(settings) as client:
        answer = await client.post(
            "/v1/events", content=json.dumps(sent["data"]), headers={**headers, "content-type": PLAIN}
        )
        assert answer.status_code == 202
    (record,) = await records(kafka, settings.facts_topic)
    assert json.loads(record.value)["data"] == sent["data"]


GARBAGE = [
    (STRUCTURED, b"hello", 400, "$", "one JSON object"),
    (STRUCTURED, b"[" * 10**4, 400, "$", "a CloudEvent"),
    (BATCH, b"[{}, oops]", 400, "$", "one JSON object"),
    (STRUCTURED, fact("fee-paid", type="org.shixian.fee-forgotten.v1"), 422, "$.type", "org.shixian.fee-paid.v1"),
    (STRUCTURED, fact("fee-paid", surprise=[1]), 422, "$.surprise", "an extension attribute"),
    (STRUCTURED, fact("fee-paid", data={"paid_on": "2013-02-30"}), 422, "$.data.paid_on", "YYYY-MM-DD that exists"),
    (STRUCTURED, fact("fee-paid", recordedtime="2013-01-01T00:00:00Z"), 422, "$.recordedtime", "without it"),
    (STRUCTURED, fact("fee-paid", postedby="user:li"), 422, "$.postedby", "without it"),
    (STRUCTURED, fact("fee-paid", postedfor="gz-psb"), 422, "$.postedfor", "without it"),
    (STRUCTURED, fact("fee-paid", sequence=1), 422, "$.sequence", "without it"),
    (
        STRUCTURED,
        fact("organ-registered", data={**example("facts", "organ-registered")["data"], "timezone": "Mars/Base"}),
        422,
        "$.data.timezone",
        "an IANA time zone",
    ),
]


async def test_nothing_refused_gets_into_the_log(kafka: str) -> None:
    settings = settings_for(kafka)
    async with running(settings) as client:
        for media, body, status, field, expected in GARBAGE:
            answer = await post(client, media, body)
            assert answer.status_code == status, answer.text
            assert answer.headers["content-type"] == "application/problem+json"
            error = answer.json()["errors"][-1]
            assert error["field"] == field
            assert expected in error["expected"]
        bad = fact("answer-issued", 2, data={"outcome": "lost", "answered_on": "2013-04-02", "service": "posted"})
        answer = await post(client, BATCH, [fact("fee-paid", 1), bad, fact("fee-paid", 3)])
        assert answer.status_code == 422
        problem = answer.json()
        assert problem["detail"] == "1 of 3 events refused, nothing was written"
        assert [(e["index"], e["field"]) for e in problem["errors"]] == [(1, "$.data.outcome")]
        assert await counted(client, "answer-issued", "refused") == 1
        assert await counted(client, "fee-paid", "unwritten") == 2
        assert await counted(client, "unknown", "refused") == 5
        assert (await post(client, "text/csv", b"a,b")).status_code == 415
        assert (await post(client, BATCH, b"[" + b" " * 17 * 2**20 + b"]")).status_code == 413
        assert (await post(client, BATCH, [])).json() == {"accepted": 0, "events": []}
    assert await records(kafka, settings.facts_topic) == []
    assert await records(kafka, settings.reference_topic) == []


def organ(code: str, number: int, **data: str) -> dict[str, Any]:
    return fact("organ-registered", number, subject=code, data=TOP | {"code": code} | data)


async def test_what_names_a_law_a_calendar_or_a_parent_that_does_not_exist_is_refused(kafka: str) -> None:
    settings = settings_for(kafka)
    request, calendar = example("facts", "request-received")["data"], example("facts", "calendar-published")["data"]
    amends = {"source": "urn:example:x", "id": "1"}
    bad = [
        (organ("a", 1, calendar="X"), "$.data.calendar", "CN"),
        (organ("a", 1, statute="X"), "$.data.statute", "CN"),
        (fact("calendar-published", subject="X", data=calendar | {"calendar": "X"}), "$.data.calendar", "CN"),
        (fact("request-received", data=request | {"statute": "X"}), "$.data.statute", "CN"),
        (
            fact("fact-corrected", data={"amends": amends, "data": request | {"statute": "X"}}),
            "$.data.data.statute",
            "CN",
        ),
        (organ("a", 1, parent="a"), "$.data.parent", "another organ"),
        (organ("a", 1, parent="nobody"), "$.data.parent", "registered already, or earlier in the same call"),
    ]
    async with running(settings) as client, running(settings) as other:
        for body, field, expected in bad:
            answer = await post(client, STRUCTURED, body)
            assert answer.status_code == 422, answer.text
            (error,) = answer.json()["errors"]
            assert (error["field"], error.get("index")) == (field, None)
            assert expected in error["expected"]
        later = [fact("fee-paid", 1), organ("child", 2, parent="top"), organ("top", 3)]
        answer = await post(client, BATCH, later)
        assert [(e["index"], e["field"]) for e in answer.json()["errors"]] == [(1, "$.data.parent")]
        assert answer.json()["detail"] == "1 of 3 events refused, nothing was written"
        assert await counted(client, "organ-registered", "refused") == 5
        assert await counted(client, "organ-registered", "unwritten") == 1
        both = await post(client, BATCH, [fact("fee-paid", 1, data={}), organ("a", 2, statute="X")])
        assert [(e["index"], e["field"]) for e in both.json()["errors"]] == [
            (0, "$.data.paid_on"),
            (1, "$.data.statute"),
        ]
        assert await records(kafka, settings.reference_topic) == []
        # Earlier in the same call, and a moment ago by another process.
        assert (await post(client, BATCH, [organ("top", 4), organ("child", 5, parent="top")])).status_code == 202
        assert (await post(other, STRUCTURED, organ("grandchild", 6, parent="child"))).status_code == 202
        circle = await post(client, STRUCTURED, organ("top", 7, parent="grandchild"))
        assert circle.status_code == 422
        assert circle.json()["errors"][0]["problem"] == "makes a circle: grandchild under child under top"
        # An organ that nobody has registered yet may have requests: they wait for it.
        assert (await post(client, STRUCTURED, fact("request-received", data=request | {"organ": "z"}))).is_success
    assert [r.key for r in await records(kafka, settings.reference_topic)] == [b"top", b"child", b"grandchild"]


async def test_openapi_describes_what_may_be_sent(kafka: str) -> None:
    async with running(settings_for(kafka), prepare=False) as client:
        document = (await client.get("/schema")).json()
        assert (await client.get("/")).json()["facts"] == "POST /v1/events"
    operation = document["paths"]["/v1/events"]["post"]
    assert set(operation["requestBody"]["content"]) == {STRUCTURED, BATCH, PLAIN}
    assert {"202", "400", "413", "415", "422", "503"} <= set(operation["responses"])
    schemas = document["components"]["schemas"]
    assert {"$ref": "#/components/schemas/FeePaid"} in schemas["Fact"]["anyOf"]
    assert "recordedtime" not in schemas["FeePaid"]["properties"]
    assert schemas["FeePaid"]["additionalProperties"]["type"] == ["string", "boolean", "integer"]


async def test_a_broker_that_is_away_means_503_and_never_202(
    mortal_node: KafkaNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_app, "GIVE_UP_SECONDS", 3.0)
    node = mortal_node
    settings = settings_for(node.bootstrap)
    async with running(settings) as client:
        assert (await post(client, STRUCTURED, fact("fee-paid", 1))).status_code == 202
        node.kill()
        for number in (2, 3):
            started = time.monotonic()
            answer = await post(client, STRUCTURED, fact("fee-paid", number))
            assert answer.status_code == 503
            assert time.monotonic() - started < 20
            assert int(answer.headers["retry-after"]) > 0
            assert answer.json()["type"] == "urn:shixian:problem:log-away"
        assert await counted(client, "fee-paid", "unwritten") == 2
        # Whether a parent is registered can't be told now: that is no fault of the fact's.
        answer = await post(client, STRUCTURED, organ("child", 4, parent="top"))
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:shixian:problem:log-away")
        assert (await post(client, STRUCTURED, organ("child", 4, parent="top", statute="X"))).status_code == 422
        ready = await client.get("/readyz")
        assert ready.status_code == 503
        assert "log" in ready.json()["parts"]
        assert 'shixian_part_ok{part="log"} 0.0' in (await client.get("/metrics")).text
        assert (await client.get("/healthz")).status_code == 200
        assert (await post(client, STRUCTURED, b"hello")).status_code == 400
        node.start()

        async def back() -> bool:
            return (await client.get("/readyz")).status_code == 200

        await until(back)
        for number in (2, 3):
            assert (await post(client, STRUCTURED, fact("fee-paid", number))).status_code == 202
    # A call answered with 503 may be in the log all the same; repeated, it is there for certain.
    ids = {json.loads(r.value)["id"] for r in await records(node.bootstrap, settings.facts_topic)}
    assert ids == {"test-1", "test-2", "test-3"}


async def test_topics_are_made_when_the_broker_comes(mortal_node: KafkaNode) -> None:
    node = mortal_node
    settings = settings_for(node.bootstrap)
    node.kill()
    async with running(settings, prepare=False) as client:
        ready = await client.get("/readyz")
        assert ready.status_code == 503
        assert {"log", "topics"} <= set(ready.json()["parts"])
        node.start()

        async def is_ready() -> bool:
            return (await client.get("/readyz")).status_code == 200

        await until(is_ready)
        assert (await post(client, STRUCTURED, fact("fee-paid"))).status_code == 202


async def test_the_process_serves_and_ends_on_a_signal(kafka: str) -> None:
    with service("intake", {"SHIXIAN_KAFKA": kafka, "SHIXIAN_TOPIC_PREFIX": f"p{uuid.uuid4().hex[:8]}."}) as intake:
        intake.wait_ready()
        body = json.dumps(fact("fee-paid")).encode()
        answer = intake.http.post("/v1/events", content=body, headers={"content-type": STRUCTURED})
        assert answer.status_code == 202
        assert intake.stop() == 0
