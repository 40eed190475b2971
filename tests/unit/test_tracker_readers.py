"""What the tracker's API says for readers: organs in pages, remarks in both languages."""

from datetime import UTC, date, datetime
from typing import Any

import httpx

from services.runtime.clock import ManualClock
from services.runtime.health import Health
from services.runtime.web import create_app, new_registry
from services.statute.state import RequestState
from services.tracker import api, organs, queries
from services.tracker.attending import with_names
from services.tracker.core.case import Case
from services.tracker.core.reference_data import ReferenceData
from services.words.remark import FactRef, remark
from tests.support import ORGAN, fact

NOW = datetime(2025, 3, 10, 1, tzinfo=UTC)


def test_organs_come_in_pages_with_the_zone_that_all_have() -> None:

    zones = {"a": "Asia/Shanghai", "b": "Asia/Shanghai", "c": "Asia/Shanghai"}
    facts = [
        fact(
            "organ-registered", code, {**ORGAN, "code": code, "timezone": zone, "parent": "a" if code == "b" else None}
        )
        for code, zone in zones.items()
    ]
    world = ReferenceData(facts)
    first = organs.page(world, None, "", 2)
    assert ([o.code for o in first.organs], first.total, first.next) == (["a", "b"], 3, "b")
    assert (first.timezone, first.organs[1].parent, first.organs[0].parent) == ("Asia/Shanghai", "a", None)
    rest = organs.page(world, None, first.next or "", 2)
    assert ([o.code for o in rest.organs], rest.next) == (["c"], None)
    some = organs.page(world, ["c", "x", "a", "c"], "", 10)
    assert [o.code for o in some.organs] == ["a", "c"] and some.total == 3
    world.learn(fact("organ-registered", "d", {**ORGAN, "code": "d", "timezone": "Europe/London"}))
    assert organs.page(world, None, "", 10).timezone is None


def test_what_needs_a_person_calls_organs_by_their_names_as_far_as_they_are_known() -> None:
    world = ReferenceData([fact("organ-registered", "gz-psb", ORGAN)])
    name = world.organs["gz-psb"].name
    here = remark("expected", organ="gz-psb", on=date(2025, 3, 3), request="r/1")
    assert with_names(here, world.organs, "zh").startswith(f"{name.zh}于2025-03-03移送")
    assert f"by {name.en} on 2025-03-03" in with_names(here, world.organs, "en")
    elsewhere = remark("receipt-elsewhere", organ="nobody", stands="gz-psb")
    said = with_names(elsewhere, world.organs, "zh")
    assert name.zh in said and "nobody" in said and "gz-psb" not in said


async def test_the_route_takes_codes_and_bounds() -> None:
    world = ReferenceData([fact("organ-registered", "a&b", {**ORGAN, "code": "a&b"})])
    deps: Any = api.Deps(None, world, ManualClock(NOW))  # type: ignore[arg-type]  # nothing comes to the database
    app: Any = create_app("tracker", api.handlers(deps), Health(), new_registry())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://t.test") as client:
        asked = {"code": ["a&b", "x"]}
        refused = await client.get("/v1/organs", params=asked)
        assert refused.status_code == 400 and "query.code" in refused.text, "never an empty list for a wrong code"
        found = (await client.get("/v1/organs", params={**asked, "missing": "skip"})).json()
        assert [(o["code"], o["name"], o["statute"]) for o in found["organs"]] == [("a&b", ORGAN["name"], "CN")]
        assert (await client.get("/v1/organs?limit=0")).status_code == 400
        assert (await client.get("/v1/organs?limit=1001")).status_code == 400
        assert "/v1/organs" in (await client.get("/schema/openapi.json")).json()["paths"]


def test_a_remark_and_a_rejection_are_told_in_both_languages() -> None:
    told = remark("second-receipt", FactRef("s", "1"))
    found = queries.detail(Case(subject="r", view=RequestState(remarks=(told,), refused=(told,))), ReferenceData(), NOW)
    (one,) = found.remarks
    assert (one.code, one.fact, one.zh[:4]) == ("second-receipt", FactRef("s", "1"), "该申请此")
    assert found.flags == (f"1: {one.en}",)
    assert found.rejected == [{"source": "s", "id": "1", "reason": one.en, "code": "second-receipt", "zh": one.zh}]


def test_a_call_is_answered_by_what_was_known_when_it_came() -> None:
    learning = ReferenceData([fact("organ-registered", "a", {**ORGAN, "code": "a"})])
    deps: Any = api.Deps(None, learning, ManualClock(NOW))  # type: ignore[arg-type]  # nothing comes to the database
    known = deps.reference_data
    going_through = iter(known.organs.items())
    learning.learn(fact("organ-registered", "b", {**ORGAN, "code": "b"}))
    assert [code for code, _ in going_through] == ["a"], "what a thread goes through stays as it is"
    assert list(deps.reference_data.organs) == ["a", "b"]
