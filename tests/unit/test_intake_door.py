"""What intake answers to a call, with a log that only remembers: results for each event, packed bodies, repetitions."""

import asyncio
import base64
import gzip
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import httpx
import pytest
from cloudevents.v1.http import CloudEvent, to_binary

from scripts import make_register
from services.access.principal import Principal
from services.events.codec import decode_with_extensions, encode
from services.events.examples import example
from services.events.facts import ReceivedData
from services.intake import api, imports
from services.intake.days import Days
from services.intake.reading import BATCH, STRUCTURED, Reading, Taken
from services.intake.repeats import Repeats
from services.intake.unpacking import Room
from services.runtime.clock import SystemClock
from services.runtime.health import Health
from services.runtime.offload import Offload
from services.runtime.retry import LogUnavailable
from services.runtime.web import create_app, new_registry
from services.words.catalogue import Said

PAID = example("facts", "fee-paid")
MAX_BODY = 1024 * 1024


class Log:
    """A writer that remembers."""

    def __init__(self) -> None:
        self.taken: list[Taken] = []

    async def write(self, taken: Sequence[Taken], by: Principal) -> None:
        self.taken += taken

    @property
    def ids(self) -> list[str]:
        return [each.fact.id for each in self.taken]


class AllKnown:
    """References that all exist."""

    days = Days(SystemClock(), dict)

    def laws(self) -> Callable[[ReceivedData], str]:
        return lambda data: data.statute or "CN"

    async def refuse_unknown(self, reading: Reading, *, partial: bool = False) -> Mapping[int, Sequence[Said]]:
        assert not reading.malformed
        return {}


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def door(log: Log) -> api.Door:
    registry = new_registry()
    writer: Any = log
    references: Any = AllKnown()
    return api.Door(writer, references, api.Counts(registry), Repeats(3), Room(2 * MAX_BODY), MAX_BODY)


@pytest.fixture
async def client(door: api.Door) -> AsyncIterator[httpx.AsyncClient]:
    made = [*api.handlers(door), *imports.handlers(door, Offload())]
    app: Any = create_app(
        "intake", made, Health(), new_registry(), schemas={**api.fact_schemas(), **imports.schemas()}, max_body=MAX_BODY
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://intake.test") as found:
        yield found


def fact(number: int, **changes: Any) -> dict[str, Any]:
    return {**PAID, "id": f"e{number}", **changes}


async def post(client: httpx.AsyncClient, body: Any, media: str = BATCH, **more: Any) -> httpx.Response:
    headers = {"content-type": media, **more.pop("headers", {})}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await client.post("/v1/events", content=content, headers=headers, **more)


def statuses(answer: httpx.Response) -> list[str]:
    return [event["status"] for event in answer.json()["events"]]


BAD = fact(9, data={"paid_on": "2013-02-30"})


async def test_partial_takes_the_good_ones_and_names_the_others(client: httpx.AsyncClient, log: Log) -> None:
    batch = [fact(1), BAD, fact(1), fact(2), fact(2, data={"paid_on": "2013-01-02"}), 7]
    whole = await post(client, batch)
    assert (whole.status_code, log.ids) == (422, [])
    assert [e["index"] for e in whole.json()["errors"]] == [1, 5, 4]
    answer = await post(client, batch, params={"partial": "yes"})
    assert answer.status_code == 202
    assert statuses(answer) == ["accepted", "refused", "duplicate", "accepted", "conflict", "refused"]
    assert answer.json()["accepted"] == 3
    assert log.ids == ["e1", "e2"]
    named = answer.json()["events"]
    assert [e["index"] for e in named] == list(range(6))
    assert (named[1]["id"], named[1]["error"]["field"]) == ("e9", "$.data.paid_on")
    assert (named[5]["source"], named[5]["id"]) == ("", "")


async def test_partial_of_nothing_good_is_refused(client: httpx.AsyncClient, log: Log) -> None:
    answer = await post(client, [BAD, BAD], params={"partial": "yes"})
    assert (answer.status_code, len(answer.json()["errors"]), log.ids) == (422, 2, [])
    broken = await post(client, b'[{"id":"a"},', params={"partial": "yes"})
    assert (broken.status_code, log.ids) == (400, [])
    odd = await post(client, [fact(1)], params={"partial": "perhaps"})
    assert odd.status_code == 400


async def test_an_id_stands_for_one_event(client: httpx.AsyncClient, log: Log) -> None:
    assert statuses(await post(client, [fact(1)])) == ["accepted"]
    again = await post(client, fact(1, traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01", hop="2"), STRUCTURED)
    assert statuses(again) == ["duplicate"]
    other = await post(client, [fact(1, data={"paid_on": "2013-01-02"})])
    assert other.status_code == 409
    assert other.json()["type"] == "urn:shixian:problem:id-conflict"
    assert other.json()["errors"][0]["index"] == 0
    assert statuses(await post(client, [fact(1, source="another")])) == ["accepted"]
    # What was accepted is written again: the log may have lost what the process remembers.
    assert log.ids == ["e1", "e1", "e1"]
    await post(client, [fact(n) for n in range(2, 6)])
    assert statuses(await post(client, [fact(1, data={"paid_on": "2013-01-02"})])) == ["accepted"]  # forgotten by now


@pytest.mark.parametrize("attribute", ["datacontenttype", "none"])
async def test_the_python_sdk_sends_binary_events(client: httpx.AsyncClient, log: Log, attribute: str) -> None:
    given = {"type": PAID["type"], "source": "sdk", "subject": "申请 1", "id": "sdk-1", "partitionkey": "p 1"}
    event = CloudEvent({**given, **({attribute: "application/json"} if attribute != "none" else {})}, PAID["data"])
    headers, body = to_binary(event)
    assert ("content-type" in headers) is (attribute != "none")
    quoted = {name: value.encode() for name, value in headers.items() if name != "ce-time"}
    answer = await client.post("/v1/events", content=body, headers=quoted)
    assert answer.status_code == 202, answer.text
    (each,) = log.taken
    assert (each.fact.subject, each.extensions) == ("申请 1", b',"partitionkey":"p 1"')


async def test_extension_attributes_are_kept_byte_for_byte(client: httpx.AsyncClient, log: Log) -> None:
    extra = b',"partitionkey":"\\u7533 a","knativearrivaltime":"2025-03-01T00:00:00Z","hops":3,"sampled":true'
    sent = json.dumps(fact(1)).encode()[:-1] + extra + b"}"
    assert (await post(client, sent, STRUCTURED)).status_code == 202
    (each,) = log.taken
    assert each.extensions == extra
    written = encode(each.fact, each.extensions)
    assert written.endswith(extra + b"}")
    assert decode_with_extensions(written) == (each.fact, extra)


@pytest.mark.parametrize(
    ("extra", "field"),
    [
        ({"deep": {"a": 1}}, "$.deep"), ({"half": 0.5}, "$.half"), ({"list": []}, "$.list"), ({"big": 2**31}, "$.big"),
        ({"line": "a\nb"}, "$.line"), ({"long": "x" * 2000}, "$.long"), ({"Upper": "x"}, "$.Upper"),
        ({f"x{n}": 1 for n in range(21)}, "$"), ({"nothing": None}, "$.nothing"),
    ],
)  # fmt: skip
async def test_what_is_no_extension_is_refused(client: httpx.AsyncClient, extra: dict[str, Any], field: str) -> None:
    answer = await post(client, {**fact(1), **extra}, STRUCTURED)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


async def test_packed_bodies_are_unpacked_within_bounds(client: httpx.AsyncClient, door: api.Door, log: Log) -> None:
    packed = gzip.compress(json.dumps([fact(n) for n in range(50)]).encode())
    answer = await post(client, packed, headers={"content-encoding": "gzip"})
    assert (answer.status_code, len(log.ids)) == (202, 50)
    for body, coding, status in (
        (gzip.compress(b" " * (MAX_BODY + 1)), "gzip", 413),
        (packed[:-9], "gzip", 400),
        (packed + b"more", "gzip", 400),
        (b"[]", "gzip", 400),
        (packed, "br", 415),
        (packed, "gzip, gzip", 415),
        (b"[]", "identity", 202),
    ):
        answer = await post(client, body, headers={"content-encoding": coding})
        assert answer.status_code == status, (coding, answer.text)
    assert len(log.ids) == 50
    assert door.room == Room(2 * MAX_BODY), "each call has given its room back"


async def test_no_room_is_answered_and_comes_back(client: httpx.AsyncClient, door: api.Door, log: Log) -> None:
    door.room.take(2 * MAX_BODY - 10)
    answer = await post(client, [fact(1)])
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:shixian:problem:busy")
    assert answer.headers["retry-after"]
    door.room.give(2 * MAX_BODY - 10)
    assert (await post(client, [fact(1)])).status_code == 202
    assert log.ids == ["e1"]


def asked(mode: str, **changes: Any) -> dict[str, Any]:
    content = base64.b64encode(make_register.lines()).decode()
    given = {"organ": make_register.ORGAN, "year": "2025"}
    return {"name": "r.csv", "content": content, "mode": mode, "map": "cn-applications", "given": given, **changes}


def _has_day(data: Any) -> bool:
    """Whether the regulations of 2019 know the day of its receipt."""
    by_both = data["channel"] in ("online", "fax", "email") or data.get("mail") == "ordinary"
    return not by_both or "confirmed_on" in data or "received_on" in data


async def test_a_register_over_http(client: httpx.AsyncClient, log: Log) -> None:
    made = make_register.make(200, 2025, 12)
    suggested = (await client.post("/v1/imports", json=asked("suggest"))).json()["suggestion"]
    checked = await client.post("/v1/imports", json=asked("check", map=suggested))
    assert checked.status_code == 200, checked.text
    report = checked.json()
    assert (report["rows"], report["bad_rows"], report["problems_total"]) == (200, 12, len(made.planted))
    assert {(p["row"], p["code"]) for p in report["problems"]} == {(row, code) for row, _, code in made.planted}
    assert report["rejects"].count("\n") == 13
    open_ = [f["data"] for f in made.facts if f["type"] == "request-received" and not _has_day(f["data"])]
    assert report["unconfirmed"] == len(open_) > 0, "they count in no report yet"
    refused = await client.post("/v1/imports", json=asked("import"))
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:shixian:problem:rows-refused")
    assert log.ids == []
    for _ in range(2):
        done = await client.post("/v1/imports", json=asked("import", partial=True))
        assert done.json()["accepted"] == len(made.facts)
    assert log.ids == [f["id"] for f in made.facts] * 2


async def test_a_row_with_a_day_to_come_is_a_problem_over_http_and_the_others_are_taken(
    client: httpx.AsyncClient, log: Log
) -> None:
    head = "登记编号,申请日期,申请方式,申请人类型\n"
    rows = "1,2025-03-03,当面,公民\n2,2190-03-03,当面,公民\n3,2025-03-04,当面,公民\n"
    content = base64.b64encode((head + rows).encode()).decode()
    checked = (await client.post("/v1/imports", json=asked("check", content=content))).json()
    assert [(p["row"], p["column"], p["code"]) for p in checked["problems"]] == [(3, "申请日期", "day-to-come")]
    taken = await client.post("/v1/imports", json=asked("import", content=content, partial=True))
    assert (taken.status_code, taken.json()["bad_rows"]) == (200, 1)
    assert log.ids == ["1/request-received", "3/request-received"]


LINES = {"accept": "application/x-ndjson"}


def told(answer: httpx.Response) -> list[Any]:
    """The lines of an answer."""
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("application/x-ndjson")
    return [json.loads(line) for line in answer.text.splitlines()]


async def test_an_import_tells_how_far_it_has_come_and_in_the_end_what_a_silent_one_says(
    client: httpx.AsyncClient, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "WATCHED", 100)
    first, *between, last = told(await client.post("/v1/imports", json=asked("import", partial=True), headers=LINES))
    number = last["facts"]
    assert first == {"accepted": 0, "facts": number} and len(between) == -(-number // 100) > 2
    assert [line["accepted"] for line in between] == [*range(100, number, 100), number]
    silent = await client.post("/v1/imports", json=asked("import", partial=True))
    assert last == silent.json() and last["accepted"] == number
    refused = await client.post("/v1/imports", json=asked("import"), headers=LINES)
    assert refused.status_code == 422, "what can be refused is refused before the first line"


async def test_an_import_that_ends_early_says_so_in_its_last_line_and_what_is_there(
    client: httpx.AsyncClient, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "WATCHED", 100)

    async def full(taken: Sequence[Taken], by: Principal) -> None:
        if len(log.ids) >= 200:
            raise LogUnavailable("away")
        log.taken += taken

    monkeypatch.setattr(log, "write", full)
    *_, last = told(await client.post("/v1/imports", json=asked("import", partial=True), headers=LINES))
    assert last["accepted"] == 200 and last["problem"]["status"] == 503
    assert last["problem"]["type"] == "urn:shixian:problem:log-away"


REGISTER = "登记编号,申请日期,申请方式,申请人类型\n"


def register_of(rows: int, day: Callable[[int], str]) -> str:
    lines = [f"{n},{day(n)},当面,公民\n" for n in range(1, rows + 1)]
    return base64.b64encode((REGISTER + "".join(lines)).encode()).decode()


async def test_rows_that_say_something_else_than_before_are_named_and_the_others_taken(
    client: httpx.AsyncClient, door: api.Door, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door.repeats, "_most", 100)
    before, others = register_of(8, lambda _: "2025-03-03"), {3, 4, 7}
    after = register_of(10, lambda n: "2025-03-04" if n in others else "2025-03-03")
    assert (await client.post("/v1/imports", json=asked("import", content=before))).json()["accepted"] == 8
    monkeypatch.setattr(imports, "WATCHED", 2)
    *_, last = told(await client.post("/v1/imports", json=asked("import", content=after, partial=True), headers=LINES))
    silent = (await client.post("/v1/imports", json=asked("import", content=after, partial=True))).json()
    assert last == silent, "a lot without a good fact ends nothing"
    assert (last["accepted"], last["facts"], last["rows"], last["bad_rows"]) == (7, 7, 10, 3)
    assert {p["row"] - 1 for p in last["problems"]} == others and last["problems_total"] == 3
    assert last["rejects"].count("\n") == 1 + len(others)

    log.taken.clear()
    *_, stopped = told(await client.post("/v1/imports", json=asked("import", content=after), headers=LINES))
    assert (stopped["accepted"], stopped["problem"]["status"]) == (2, 409)
    assert "2 facts were written before that, and stay" in stopped["problem"]["detail"]
    assert "nothing was written" not in stopped["problem"]["detail"]
    assert [e["field"].partition(":")[0] for e in stopped["problem"]["errors"]] == ["row 4", "row 5"]
    whole = (await client.post("/v1/imports", json=asked("import", content=after))).json()
    assert whole["status"] == 409 and "3 rows have problems, nothing was written" in whole["detail"]


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"content": "?"}, 422, "base64"), ({"content": base64.b64encode(b"a,b").decode()}, 422, "header"),
        ({"map": "none"}, 422, "cn-applications"), ({"map": "id = 1"}, 422, "id"), ({"given": {}}, 422, "organ"),
        ({"mode": "guess"}, 400, "mode"), ({"more": 1}, 400, "more"), ({"partial": 0}, 400, "$.partial"),
    ],
)  # fmt: skip
async def test_what_is_no_import_says_why(
    client: httpx.AsyncClient, changes: dict[str, Any], status: int, said: str
) -> None:
    answer = await client.post("/v1/imports", json={**asked("check"), **changes})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.text


class SlowLog(Log):
    """A log that has nothing before it is let go, as a broker does that can't keep up."""

    def __init__(self) -> None:
        super().__init__()
        self.free = asyncio.Event()
        self.waiting = 0

    async def write(self, taken: Sequence[Taken], by: Principal) -> None:
        self.waiting += 1
        await self.free.wait()
        await super().write(taken, by)


async def test_more_than_it_can_bear_is_shed_and_nothing_accepted_is_lost() -> None:
    """Twice as much as there is room for: half waits, half is told at once to come back; in the end all is there."""
    slow = SlowLog()
    writer: Any = slow
    references: Any = AllKnown()
    bodies = [json.dumps([fact(n * 100 + k) for k in range(100)]).encode() for n in range(10, 50)]
    size = max(map(len, bodies))
    door = api.Door(writer, references, api.Counts(new_registry()), Repeats(), Room(20 * size), MAX_BODY)
    app: Any = create_app("intake", api.handlers(door), Health(), new_registry(), schemas=api.fact_schemas())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://intake.test") as client:
        calls = [asyncio.create_task(post(client, body)) for body in bodies]
        while slow.waiting + sum(call.done() for call in calls) < len(calls):  # noqa: ASYNC110
            await asyncio.sleep(0)
        shed = [call.result() for call in calls if call.done()]
        assert (len(shed), {answer.status_code for answer in shed}) == (20, {503})
        assert all(answer.headers["retry-after"] for answer in shed)
        assert door.room.left < size, "what waits is bounded by the room"
        slow.free.set()
        answers = [await call for call in calls]
        accepted = [e["id"] for answer in answers if answer.status_code == 202 for e in answer.json()["events"]]
        assert sorted(accepted) == sorted(slow.ids)
        for body, answer in zip(bodies, answers, strict=True):
            if answer.status_code == 503:
                assert (await post(client, body)).status_code == 202
    assert len(set(slow.ids)) == len(slow.ids) == 4000
    assert door.room == Room(20 * size)
