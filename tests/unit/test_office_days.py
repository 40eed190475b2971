"""The ledger of days over HTTP and on the request's page."""

from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec

from services.runtime.clock import ManualClock
from services.runtime.health import Health
from services.runtime.web import create_app, new_registry
from services.tracker import api, queries
from services.tracker.core.decide import tick
from services.tracker.days import days_of
from services.tracker.store import encode_case
from tests.law_cases import WORLD
from tests.unit.test_desk import client as desk_client
from tests.unit.test_office_steps import answered, did, given, posted, request

NOW = datetime(2025, 3, 13, 1, tzinfo=UTC)
FACTS: list[Any] = [
    request(),
    given(1, "u1", "2025-03-04"),
    did("returned", 1, "2025-03-05"),
    given(2, "u2", "2025-03-06"),
]
CASE = tick(posted(FACTS, NOW)[0], WORLD, NOW)[0]


class Rows:
    """A database with one case."""

    async def fetchval(self, _sql: str, subject: str, **_: Any) -> bytes | None:
        return encode_case(CASE) if subject == "r/1" else None


async def test_a_requests_days_are_told_each_with_whose_it_was() -> None:
    deps = api.Deps(Rows(), WORLD, ManualClock(NOW))  # type: ignore[arg-type]
    app: Any = create_app("tracker", api.handlers(deps), Health(), new_registry())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://tracker.test") as one:
        answer = await one.get("/v1/requests/r%2F1/days")
    found = answer.json()
    assert answer.status_code == 200
    assert (found["since"], found["through"], found["elapsed"]) == ("2025-03-03", "2025-03-13", 8)
    assert [(u["who"], u["unit"], u["step"], u["days"]) for u in found["used"]] == [
        ("office", "", "", 2),
        ("unit", "u1", "opinion", 1),
        ("unit", "u2", "opinion", 5),
    ]
    assert [(p["first"], p["last"], p["unit"]) for p in found["parts"]] == [
        ("2025-03-04", "2025-03-04", ""),
        ("2025-03-05", "2025-03-05", "u1"),
        ("2025-03-06", "2025-03-06", ""),
        ("2025-03-07", "2025-03-13", "u2"),
    ]


def test_the_days_end_with_the_request() -> None:
    case, _ = posted([*FACTS, answered("2025-03-10")])
    found = days_of(case, WORLD, NOW)
    assert (found.elapsed, sum(u.days for u in found.used)) == (5, 5)


async def test_the_page_shows_steps_cards_and_days() -> None:
    detail = msgspec.json.encode(queries.detail(CASE, WORLD, NOW))
    days = msgspec.json.encode(days_of(CASE, WORLD, NOW))

    def answering(asked: httpx.Request) -> httpx.Response:
        path = asked.url.path
        if path.endswith(("/history", "/next")):
            return httpx.Response(404)
        if path == "/v1/organs":
            return httpx.Response(200, json={"organs": [], "total": 0, "timezone": None, "next": None})
        return httpx.Response(200, content=days if path.endswith("/days") else detail)

    async with desk_client(answering) as desk:
        zh, en = [(await desk.get(f"/requests/r%2F1?lang={lang}")).text for lang in ("zh", "en")]
    assert "工作日分摊" in zh and "公开工作机构" in zh and "黄牌 2025-03-12" in zh
    assert "Whose working days" in en and "yellow card 2025-03-12" in en
    assert '<tr><th scope="row">u2</th><td>opinion</td><td class="number">5</td></tr>' in en
