"""The Python client against intake itself and against services that break: the same ids, in order, each once."""

import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from shixian_client import AsyncClient, Client, Event, NotFound, Refused, Unavailable
from shixian_client import calls as client_calls

from services.access.principal import Principal
from services.events.examples import example
from services.intake import api
from services.intake.reading import Reading, Taken
from services.intake.repeats import Repeats
from services.intake.unpacking import Room
from services.runtime.health import Health
from services.runtime.web import create_app, new_registry
from services.words.catalogue import Said

ROOT = Path(__file__).parents[2]


def event(number: int, **data: Any) -> Event:
    said = data or example("facts", "fee-paid")["data"]
    return Event.new(
        "fee-paid", source="urn:test", subject="r/1", id=f"e{number}", data=said, extensions={"hop": number}
    )


class Stub:
    """A service that gives the answers that it was told, and remembers what it was asked."""

    def __init__(self, *answers: int | Exception | dict[str, Any]) -> None:
        self.answers, self.calls = list(answers), list[httpx.Request]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(request)
        answer = self.answers.pop(0) if self.answers else 202
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, dict):
            return httpx.Response(200, json=answer)
        if answer == 202:
            events = json.loads(request.content)
            told = [{"source": e["source"], "id": e["id"], "status": "accepted"} for e in events]
            return httpx.Response(202, json={"accepted": len(told), "events": told})
        return httpx.Response(answer, json={"detail": "no"}, headers={"retry-after": "3"} if answer == 429 else {})

    @property
    def ids(self) -> list[list[str]]:
        return [[e["id"] for e in json.loads(call.content)] for call in self.calls]


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr("time.sleep", found.append)
    return found


def client(stub: Callable[[httpx.Request], httpx.Response], **more: Any) -> Client:
    transport = httpx.MockTransport(stub)
    tracker, stats = "http://tracker.test", "http://stats.test"
    return Client("http://intake.test", tracker=tracker, stats=stats, transport=transport, **more)


def test_a_call_is_made_again_with_the_same_ids(pauses: list[float]) -> None:
    stub = Stub(503, httpx.ConnectError("refused"), httpx.ReadTimeout("slow"), 429, 202)
    with client(stub, token="secret") as posting:
        receipt = posting.post([event(1), event(2)])
    assert (receipt.accepted, [r.status for r in receipt.results]) == (2, ["accepted"] * 2)
    assert stub.ids == [["e1", "e2"]] * 5
    assert {call.headers["authorization"] for call in stub.calls} == {"Bearer secret"}
    assert len(pauses) == 4
    assert pauses[3] >= 3, "what Retry-After says"
    assert json.loads(stub.calls[0].content)[0]["hop"] == 1


def test_it_gives_up_when_its_patience_ends(pauses: list[float]) -> None:
    stub = Stub(*[503] * 99)
    with client(stub, patience=10) as posting, pytest.raises(Unavailable, match="no"):
        posting.post(event(1))
    assert sum(pauses) <= 10
    assert len(stub.calls) == len(pauses) + 1


def test_many_events_go_in_batches_in_their_order() -> None:
    stub = Stub()
    with client(stub) as posting:
        assert posting.post(map(event, range(1, 1202))).accepted == 1201
    assert [len(ids) for ids in stub.ids] == [500, 500, 201]
    assert [id_ for ids in stub.ids for id_ in ids] == [f"e{n}" for n in range(1, 1202)]


def test_reading_goes_from_page_to_page_and_says_what_is_not_there() -> None:
    stub = Stub({"requests": [{"subject": "a"}], "next": "c1"}, {"requests": [{"subject": "b"}]}, {"subject": "x"}, 404)
    with client(stub) as reading:
        assert [row["subject"] for row in reading.requests(organ="o", status=None)] == ["a", "b"]
        assert reading.request("申请/1")["subject"] == "x"
        with pytest.raises(NotFound):
            reading.report("o", 2013)
    assert [str(call.url) for call in stub.calls] == [
        "http://tracker.test/v1/requests?organ=o",
        "http://tracker.test/v1/requests?organ=o&cursor=c1",
        "http://tracker.test/v1/requests/%E7%94%B3%E8%AF%B7%2F1",
        "http://stats.test/v1/annual/o/2013",
    ]


def test_an_address_that_was_not_given_is_named() -> None:
    with Client("http://intake.test") as reading, pytest.raises(ValueError, match="tracker"):
        reading.request("a")


class Log:
    """A writer that remembers."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    async def write(self, taken: Sequence[Taken], by: Principal) -> None:
        self.ids += [each.fact.id for each in taken]

    async def refuse_unknown(self, reading: Reading, *, partial: bool = False) -> Mapping[int, Sequence[Said]]:
        assert not reading.malformed
        return {}


async def test_intake_takes_what_the_client_sends_and_its_refusals_are_told_by_position(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log: Any = Log()
    door = api.Door(log, log, api.Counts(new_registry()), Repeats(), Room(), 1024 * 1024)
    app: Any = create_app("intake", api.handlers(door), Health(), new_registry(), schemas=api.fact_schemas())
    monkeypatch.setattr(client_calls.post, "__kwdefaults__", {"partial": False, "batch": 2})
    events = [
        event(1),
        event(2),
        event(3),
        event(4, paid_on="never"),
        event(5, paid_on="never"),
        event(6, paid_on="no"),
    ]
    async with AsyncClient("http://intake.test", transport=httpx.ASGITransport(app=app)) as posting:
        with pytest.raises(Refused) as refused:
            await posting.post(events)
        assert [(e.index, e.field) for e in refused.value.errors] == [(3, "$.data.paid_on")]
        receipt = await posting.post(events, partial=True)
    assert (receipt.accepted, log.ids) == (3, ["e1", "e2", "e1", "e2", "e3"])
    assert [r.status for r in receipt.results] == [
        "duplicate",
        "duplicate",
        "accepted",
        "refused",
        "refused",
        "refused",
    ]
    assert [(r.id, r.error.index if r.error else None) for r in receipt.bad] == [("e4", 3), ("e5", 4), ("e6", 5)]


def test_the_distribution_needs_nothing_of_the_product() -> None:
    project = tomllib.loads((ROOT / "clients/python/pyproject.toml").read_text("utf-8"))["project"]
    assert [need.partition(">")[0] for need in project["dependencies"]] == ["httpx"]
    for file in (ROOT / "clients/python/shixian_client").glob("*.py"):
        assert "services" not in [line.split()[1].partition(".")[0] for line in file.read_text("utf-8").splitlines()
                                  if line.startswith(("import ", "from "))]  # fmt: skip
