"""The stats service as a process, against the real Kafka and the real PostgreSQL."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from services.events.cases import CaseEvent
from services.events.codec import encode
from services.events.topics import create_topics, topics
from services.stats.forms.form import load
from tests.stats_events import answered, filed, recorded, summary, tally
from tests.support import ORGAN, ServiceProcess, eventually, raw, service

PARTITIONS = 3
REGISTERED = {**ORGAN, "code": "a"}


@pytest.fixture
def env(kafka: str, postgres: str) -> dict[str, str]:
    return env_of(kafka, postgres)


def env_of(kafka: str, postgres: str) -> dict[str, str]:
    """The settings of a service with topics of its own."""
    return {
        "SHIXIAN_KAFKA": kafka,
        "SHIXIAN_POSTGRES": postgres,
        "SHIXIAN_TOPIC_PREFIX": f"s{uuid4().hex[:8]}.",
        "SHIXIAN_PARTITIONS": str(PARTITIONS),
        "SHIXIAN_NOW": "2013-03-22T08:00:00+08:00",
    }


@pytest.fixture
def stats(env: dict[str, str]) -> Iterator[ServiceProcess]:
    with service("stats", env) as running:
        running.wait_ready()
        yield running


def write(env: dict[str, str], events: Sequence[CaseEvent | bytes], organs: Sequence[dict[str, Any]] = ()) -> None:
    """Put case events (or any bytes) and organs onto the log."""

    async def send() -> None:
        prefix = env["SHIXIAN_TOPIC_PREFIX"]
        await create_topics(env["SHIXIAN_KAFKA"], topics(prefix, PARTITIONS, 1))
        async with AIOKafkaProducer(bootstrap_servers=env["SHIXIAN_KAFKA"], acks="all") as producer:
            for organ in organs:
                fact = msgspec.json.encode(raw("organ-registered", organ["code"], organ))
                await producer.send_and_wait(f"{prefix}reference", fact, key=organ["code"].encode())
            for event in events:
                key, value = (b"x", event) if isinstance(event, bytes) else (event.subject.encode(), encode(event))
                await producer.send_and_wait(f"{prefix}cases", value, key=key)

    asyncio.run(send())


EVENTS: list[CaseEvent] = [
    recorded("r1", 1, summary()),
    recorded("r2", 1, summary(channel="post")),
    recorded("r1", 2, answered()),
    filed("r1", 3, request=answered()),
    recorded("r3", 1, summary(channel="post", received_on=None, state="unconfirmed", due_on=None)),
    recorded("r4", 1, answered("refused-deliberative")),
    tally("a", 1, 512, "enquiries-online"),
    tally("a", 2, 1, "page-views", "t2"),
]


def rows(report: dict[str, Any]) -> dict[str, int]:
    """The numbers that are not 0, by table and row."""
    return {
        f"{table['id']}/{row['id']}": row["cells"]["count"]
        for table in report["tables"]
        for row in table["rows"]
        if row["cells"]["count"]
    }


EXPECTED = {
    "requests/received": 3,
    "requests/received.online": 2,
    "requests/received.post": 1,
    "requests/answered": 2,
    "requests/answered.granted": 1,
    "requests/answered.refused": 1,
    "enquiries/online": 512,
    "enquiries/page-views": 1,
    "appeals/reconsideration": 1,
}


def counted(stats: ServiceProcess, expected: dict[str, int] = EXPECTED) -> dict[str, Any]:
    """The report, once it says what is expected."""

    def look() -> dict[str, Any] | None:
        report: dict[str, Any] = stats.get("/v1/annual/a/2013")
        return report if rows(report) == expected else None

    found: dict[str, Any] = eventually(look)
    return found


def metrics(stats: ServiceProcess) -> dict[str, float]:
    """Samples by name and labels, as they are printed."""
    lines = stats.http.get("/metrics").raise_for_status().text.splitlines()
    return {name: float(value) for name, _, value in (x.rpartition(" ") for x in lines if not x.startswith("#"))}


def test_events_become_the_report_the_page_and_the_metrics(env: dict[str, str], stats: ServiceProcess) -> None:
    write(env, [], [REGISTERED])
    zeros = eventually(lambda: stats.get("/v1/annual/a/2013"))
    assert rows(zeros) == {}
    write(env, EVENTS)
    report = counted(stats)
    assert {k: report[k] for k in ("form", "organ", "year", "as_of")} == {
        "form": "cn-gz-2013",
        "organ": "a",
        "year": 2013,
        "as_of": "2013-03-22",
    }
    assert [c["ok"] for c in report["checks"]] == [True] * len(load("cn-gz-2013").checks)

    chinese = stats.http.get("/v1/annual/a/2013", headers={"accept": "text/html,*/*;q=0.8"})
    assert chinese.headers["content-type"] == "text/html; charset=utf-8"
    for table in load("cn-gz-2013").tables:
        for row in table.rows:
            assert row.label.zh in chinese.text
    assert "广州市公安局" in chinese.text and '<html lang="zh-CN">' in chinese.text
    english = stats.http.get("/v1/annual/a/2013.html?lang=en").text
    assert "Guangzhou Public Security Bureau" in english and "Requests received" in english
    eventually(lambda: [y["year"] for o in stats.get("/v1/annual")["organs"] for y in o["years"]] == [2013] or None)

    def gauges() -> dict[str, float] | None:
        found = metrics(stats)
        return found if found.get('shixian_requests_open{organ="a",state="open"}') == 1 else None

    found = eventually(gauges)
    assert found['shixian_requests_received_total{channel="online",organ="a",year="2013"}'] == 2
    assert found['shixian_requests_answered_total{organ="a",outcome="granted",timeliness="in-time",year="2013"}'] == 1
    topic = f"{env['SHIXIAN_TOPIC_PREFIX']}cases"
    offsets = [found.get(f'shixian_stats_fold_next_offset{{partition="{n}",topic="{topic}"}}', 0) for n in range(3)]
    assert sum(offsets) == len(EVENTS)
    assert found['shixian_requests_overdue{organ="a"}'] == 0  # it is the last day of the limit


def test_the_schema_names_every_route(env: dict[str, str], stats: ServiceProcess) -> None:
    paths = stats.get("/schema/openapi.json")["paths"]
    year = "/v1/annual/{organ}/{year}"
    cell = f"{year}/cells/{{table}}/{{row}}/{{column}}"
    assert {p for p in paths if p.startswith("/v1")} == {
        "/v1/annual", "/v1/annual/{organ}", year, f"{year}/organs", f"{year}/same-day", f"{year}/sheet", cell,
        f"{year}/publications", f"{year}/publications/{{number}}",
        "/v1/forms", "/v1/forms/{form}", "/v1/units/{organ}/{year}", "/v1/units/{organ}/{year}/cells/{measure}",
    }  # fmt: skip
    assert set(paths[f"{year}/publications"]) == {"get", "post"}


def test_what_is_asked_wrongly_is_answered_clearly(env: dict[str, str], stats: ServiceProcess) -> None:
    write(env, [], [REGISTERED])
    eventually(lambda: stats.get("/v1/annual/a/2013"))

    def problem(path: str) -> tuple[int, str]:
        answer = stats.http.get(path)
        assert answer.headers["content-type"] == "application/problem+json"
        return answer.status_code, answer.json()["detail"]

    assert problem("/v1/annual/nobody/2013")[0] == 404 and "'nobody'" in problem("/v1/annual/nobody/2013")[1]
    for year in ("13", "abcd", "1949", "2200", "20131", "2013.pdf", "２０１３"):
        status, detail = problem(f"/v1/annual/a/{year}")
        assert status == 400 and "1950 to 2199" in detail
    assert problem("/v1/annual/a/2013?form=cn-1999") == (
        400,
        "query.form: is 'cn-1999'; expected one of cn-2014, cn-2021, cn-gz-2013, cn-licensing, uk-cabinet-office",
    )
    for path in ("2013.html?lang=fr", "2013?as_of=yesterday", "2013?as_of=2013-02-30", "2013?reach=all"):
        assert problem(f"/v1/annual/a/{path}")[0] == 400
    cell = "/v1/annual/a/2013/cells/requests"
    for path in ("answered/total", "nothing/count", "answered/count?form=cn-2021"):
        assert problem(f"{cell}/{path}")[0] == 404
    assert problem(f"{cell}/answered/count?limit=0")[0] == 400
    assert problem("/v1/annual/a?first=2013&last=2012")[0] == 400
    for as_of in ("0001-01-01", "9999-12-31", "0001-01-01T00:00:00%2B14:00", "2013-01-01T00:00:00"):
        assert problem(f"/v1/annual/a/2013?as_of={as_of}")[0] == 400
    for path in ("%00/2013", "%00", "%00/2013/organs", "a/2013/cells/requests/received/count?after=%00"):
        assert problem(f"/v1/annual/{path}")[0] == 400
    for path in ("/v1/annual/nobody", "/v1/annual/nobody/2013/publications", "/v1/annual/nobody/2013/organs"):
        assert problem(path)[0] == 404


def test_a_killed_service_goes_on_where_it_was_and_counts_nothing_twice(env: dict[str, str]) -> None:
    write(env, EVENTS[:5], [REGISTERED])
    with service("stats", env) as first:
        eventually(lambda: rows(first.get("/v1/annual/a/2013")).get("requests/received") == 2 or None)
        first.kill()
    write(env, [b"not a case event", *EVENTS[2:]])
    with service("stats", env) as second:
        counted(second)
        assert second.stop() == 0
    with service("stats", env) as third:
        counted(third)
        assert metrics(third)["shixian_stats_events_total"] == 0
