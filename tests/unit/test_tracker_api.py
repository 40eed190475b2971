"""The tracker's routes as far as they need no database: previews, cursors, the feed's form, turns and threads."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from icalendar import Calendar

from services.runtime.clock import ManualClock
from services.runtime.dead_letters import CUT_TEXT, about
from services.runtime.health import Health
from services.runtime.offload import Offload, is_offloaded
from services.runtime.problems import ProblemError
from services.runtime.web import create_app, new_registry
from services.tracker import api, ics, listing, queries
from services.tracker.api_preview import PREVIEW_BYTES
from services.tracker.core import preview
from services.tracker.core.reference_data import ReferenceData
from services.tracker.items import Item
from services.tracker.listing import BadCursor, Query, Today
from tests.law_cases import WORLD, make, played
from tests.unit.test_case_preview import question

NOW = datetime(2025, 3, 10, 1, tzinfo=UTC)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    deps = api.Deps(None, ReferenceData(), ManualClock(NOW))  # type: ignore[arg-type]  # nothing here comes to the database
    app = create_app("tracker", api.handlers(deps), Health(), new_registry())
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]  # httpx spells the ASGI types in its own way
    async with httpx.AsyncClient(transport=transport, base_url="http://tracker.test") as one:
        yield one


def opened(count: int) -> bytes:
    data = {"consultation": "c", "party": "third-party", "sent_on": "2025-03-04"}
    return question(*(("consultation-opened", dict(data, consultation=f"c{n}")) for n in range(count)))


async def test_a_preview_is_json_of_a_bounded_case(client: httpx.AsyncClient) -> None:
    async def post(body: bytes, **headers: str) -> httpx.Response:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return await client.post("/v1/preview", content=body, headers=given)

    json_type = {"content_type": "application/json"}
    for type_ in ("application/json", "application/json; charset=UTF-8"):
        answer = await post(question(), content_type=type_)
        assert answer.status_code == 200 and answer.json()["due_on"] == "2025-03-31"
    for type_ in ("text/plain", "application/x-www-form-urlencoded", "application/json; charset=gbk", ""):
        answer = await post(question(), content_type=type_)
        assert answer.status_code == 415 and answer.headers["accept-post"] == "application/json"
        found = answer.json()
        assert found["errors"][0]["field"] == "header.content-type"
        assert "expected application/json" in found["detail"] and "curl: -H" in found["detail"]
    assert (await post(opened(preview.FACTS - 1), **json_type)).status_code == 200
    refused = await post(opened(preview.FACTS), **json_type)
    assert refused.status_code == 422
    wrong: dict[str, Any] = {"field": "$.facts", "problem": "are 251", "expected": "at most 250"}
    wrong |= {"code": "too-many-facts", "values": {"count": 251, "most": 250}}
    wrong["zh"] = "$.facts：共251条事实，最多250条"
    assert refused.json()["errors"] == [wrong]
    assert (await post(b" " * (PREVIEW_BYTES + 1), **json_type)).status_code == 413


async def test_a_preview_runs_beside_the_loop(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    held, begun, loop = threading.Event(), asyncio.Event(), asyncio.get_running_loop()
    seen = []

    def slow(_: bytes, **more: object) -> bytes:
        seen.append(is_offloaded())
        loop.call_soon_threadsafe(begun.set)
        assert held.wait(30)
        return b"{}"

    monkeypatch.setattr(preview, "answer", slow)
    given = {"headers": {"content-type": "application/json"}, "content": b"{}"}
    asked = asyncio.create_task(client.post("/v1/preview", **given))  # type: ignore[arg-type]
    await begun.wait()
    assert (await client.get("/healthz")).status_code == 200 and not asked.done()
    held.set()
    assert (await asked).status_code == 200 and seen == [True]


async def test_only_a_few_are_served_at_once_and_the_others_told_when_to_come_back() -> None:
    offload = Offload(turns=1, threads=1, wait_seconds=0.01)
    async with offload.turn():
        with pytest.raises(ProblemError) as refused:
            async with offload.turn():
                raise AssertionError("there was one turn")
    assert (refused.value.status, refused.value.kind) == (503, "busy") and int(refused.value.headers["Retry-After"]) > 0
    async with offload.turn():
        assert await offload.thread(is_offloaded)
    assert not is_offloaded()


NUL = "WyIyMDI1LTAxLTAxIiwiXHUwMDAwIl0="
CURSORS = ["x", "é", NUL, "W10=", "WyIyMDI1LTAxLTAxIiwiIl0=", "WyIwMDAxLTAxLTAxIiwiYSJd", "A" * 5000]


@pytest.mark.parametrize("cursor", CURSORS)
async def test_a_cursor_that_no_page_gave_is_named(client: httpx.AsyncClient, cursor: str) -> None:
    for path in ("/v1/requests", "/v1/requests/r/history"):
        answer = await client.get(path, params={"cursor": cursor})
        assert answer.status_code == 400, path
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["errors"][0]["field"] == "query.cursor"
    with pytest.raises(BadCursor):
        listing.page(Query(cursor=cursor), Today(ReferenceData(), NOW))


def test_a_cursor_says_where_the_page_ended() -> None:
    for day in (date(2025, 3, 1), None):
        found = listing.read_cursor(listing.cursor_after(day, "广/1"))
        assert found == (day or date.max, "广/1")


def test_the_feed_is_what_the_calendar_library_reads() -> None:
    ids = ["r/1", "a,b;c\\d", "号" * 60, 'x"y', "n:1"]
    items = [
        Item(id=id_, status="open", organ="gz", statute="CN-2019", due_on=date(2025, 12, 31), provisional=n % 2 == 1)
        for n, id_ in enumerate(ids)
    ]
    text = ics.begin() + ics.entries([*items, Item(id="none", status="stopped", organ="gz")], NOW)
    text += ics.cut(date(2025, 12, 31), NOW) + ics.end()
    assert max(len(line) for line in text.split(b"\r\n")) <= 75 and b"\n" not in text.replace(b"\r\n", b"")
    calendar = Calendar.from_ical(text)
    assert (calendar["version"], str(calendar["x-wr-calname"])) == ("2.0", "办理时限 Deadlines")
    *events, last = calendar.walk("VEVENT")
    assert [str(e["uid"]) for e in events] == [f"{id_}@shixian" for id_ in ids]
    for event, item in zip(events, items, strict=True):
        assert str(event["summary"]) == f"{item.id} 答复期限 answer due (gz)"
        assert event.decoded("dtstart") == item.due_on
        assert event.decoded("dtend") == date(2026, 1, 1)
        assert event.decoded("dtstamp") == NOW
        assert str(event["status"]) == ("TENTATIVE" if item.provisional else "CONFIRMED")
        assert (str(event["transp"]), str(event["description"])) == ("TRANSPARENT", "CN-2019 · open")
    assert f"after {ics.MOST} entries" in str(last["summary"])
    assert all(not event.errors for event in (*events, last))


def test_what_a_dead_letter_is_about_is_read_as_far_as_it_can_be() -> None:
    fact = {"subject": "r1", "source": "s", "id": "7", "type": "t", "data": {"organ": "gz", "x": 1}}
    found = about(json.dumps(fact).encode(), b"key")
    assert (found.subject, found.source, found.event_id, found.type, found.organ) == ("r1", "s", "7", "t", "gz")
    wrong: dict[str, Any] = {**fact, "subject": 7, "source": None, "data": [1]}
    found = about(json.dumps(wrong).encode(), "钥".encode())
    assert (found.subject, found.source, found.event_id, found.organ) == ("钥", None, "7", None)
    assert about(b"\xff\x00", None) == about(b"[" * 5000, b"\xff") == about(b"", b"")
    assert about(b"[" * 5000, b"r2").subject == "r2"
    long = about(json.dumps({"subject": "x" * 3000 + "\x00", "source": "a\x00b"}).encode(), None)
    assert long.subject == "x" * CUT_TEXT and long.source == "a\\0b"


def test_at_any_instant_all_organs_share_at_most_three_days() -> None:
    assert Today(ReferenceData(), NOW).span(()) == (NOW.date(), NOW.date())
    assert Today(ReferenceData(), NOW + timedelta(days=1)).of("not registered") == date(2025, 3, 11)


def test_an_account_is_cut_where_it_has_too_many_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    on = date(2025, 3, 3)
    data = {"organ": "o", "channel": "in-person", "applicant": "business", "submitted_on": on}
    case = played([make("request-received", 0, on, **data)])
    whole = queries.detail(case, WORLD, NOW, each_day=True).explanation
    assert queries.detail(case, WORLD, NOW, each_day=True).explanation == whole and len(whole) > 20
    monkeypatch.setattr(queries, "LINES", 10)
    *lines, last = queries.detail(case, WORLD, NOW, each_day=True).explanation
    assert lines == whole[:10]
    assert (last["kind"], last["text"]["en"]) == ("flag", f"{len(whole) - 10} more lines are not listed")
