"""Choosing an organ at the desk where there are thousands: by a part of its name, and then those under it."""

import re
from typing import Any

import httpx
import msgspec
import pytest

from services.events.facts import OrganRegistered
from services.tracker import organs
from services.tracker.core.reference_data import ReferenceData
from tests.support import ORGAN, fact
from tests.unit.test_desk import REQUESTS, client

MANY = 600


def registered(code: str, zh: str, en: str, parent: str | None = None) -> OrganRegistered:
    data = {**ORGAN, "code": code, "name": {"zh": zh, "en": en}, "parent": parent}
    made: OrganRegistered = fact("organ-registered", code, data)
    return made


WORLD = ReferenceData(
    [
        registered("city", "甲市公安局", "City Police"),
        registered("city-east", "甲市公安局东区分局", "City Police East", "city"),
        registered("city-west", "甲市公安局西区分局", "City Police West", "city"),
        registered("z-town", "镇政府", "Town"),
        *(registered(f"t{n:03}", f"第{n:03}镇政府", f"Town {n:03}") for n in range(MANY)),
    ]
)


class Asked:
    """The tracker with these organs, and which lists it was asked for."""

    def __init__(self) -> None:
        self.lists: list[dict[str, str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        given = request.url.params
        if request.url.path == "/v1/organs":
            page = organs.page(
                WORLD,
                given.get_list("code") or None,
                given.get("cursor", ""),
                int(given.get("limit", 100)),
                sought=given.get("q", ""),
                parent=given.get("parent"),
            )
            return httpx.Response(200, content=msgspec.json.encode(page))
        if request.url.path == "/v1/requests":
            self.lists.append(dict(given))
            return httpx.Response(200, json=REQUESTS)
        lists: dict[str, Any] = {"as_of": REQUESTS["as_of"], "next": None, "attention": [], "duties": []}
        return httpx.Response(200, json=lists)


def told(page: str) -> str:
    """What stands there of the organ."""
    found = re.search(r'<p class="detail picked">(.*?)</p>', page, re.S)
    return re.sub(r"\s+", " ", found[1]) if found else ""


@pytest.mark.parametrize(
    ("query", "organ", "said"),
    [
        ({"organ_name": "第007镇"}, "t007", "<strong>第007镇政府</strong>"),
        ({"organ_name": " town 008 "}, "t008", "<strong>第008镇政府</strong>"),
        ({"organ_name": "甲市公安局"}, "city", "<strong>甲市公安局</strong>"),
        ({"organ_name": "镇政府"}, "z-town", "<strong>镇政府</strong>"),
        ({"organ_name": "CITY-EAST"}, "city-east", "<strong>甲市公安局东区分局</strong>"),
        ({"organ": "city"}, "city", "organ=city-west"),
        ({"organ": "city", "organ_name": "t009"}, "t009", "<strong>第009镇政府</strong>"),
    ],
)
async def test_an_organ_is_found_by_what_only_one_has_in_its_name(query: dict[str, str], organ: str, said: str) -> None:
    asked = Asked()
    async with client(asked) as desk:
        page = await desk.get("/", params={"lang": "zh", **query})
    assert page.status_code == 200, page.text
    assert asked.lists[0]["organ"] == organ and said in told(page.text)
    assert f'<input type="hidden" name="organ" value="{organ}">' in page.text, "the next search keeps it"


async def test_where_several_have_it_they_are_offered_and_where_none_has_it_that_is_said() -> None:
    asked = Asked()
    async with client(asked) as desk:
        several = await desk.get("/?lang=zh&organ_name=分局&status=overdue&cursor=old")
        none = await desk.get("/?lang=en&organ_name=<b>nobody")
        pages = [await desk.get(f"{path}?lang=zh&organ_name=分局") for path in ("/attention", "/duties")]
    found = told(several.text)
    assert found.count("<a ") == 2 and "甲市公安局东区分局" in found and "organ=city-east" in found
    assert "status=overdue" in found and "organ_name" not in found and "cursor" not in found
    assert "organ" not in asked.lists[0] or asked.lists[0]["organ"] == ""
    assert "No organ has “&lt;b&gt;nobody”" in told(none.text)
    assert [told(page.text).count("<a ") for page in pages] == [2, 2]


async def test_an_empty_page_of_a_list_that_goes_on_does_not_say_that_there_is_nothing() -> None:
    def answering(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/requests":
            return httpx.Response(200, json=REQUESTS | {"next": "" if "cursor" in request.url.params else "behind"})
        return Asked()(request)

    async with client(answering) as desk:
        first, last = [await desk.get(f"/?lang=zh&channel=fax&status=open{more}") for more in ("", "&cursor=behind")]
    assert "其余尚未查看" in first.text and "cursor=behind" in first.text
    assert "其余尚未查看" not in last.text


def test_the_tracker_finds_organs_by_name_and_by_what_they_stand_under() -> None:
    def codes(sought: str = "", parent: str | None = None, readable: frozenset[str] | None = None) -> list[str]:
        return [one.code for one in organs.page(WORLD, None, "", 3, readable, sought=sought, parent=parent).organs]

    assert codes("分局") == ["city-east", "city-west"] and codes(parent="city") == ["city-east", "city-west"]
    assert codes("west", "city") == ["city-west"] and codes("west", "t001") == []
    assert codes("分局", readable=frozenset({"city-west"})) == ["city-west"], "of those that the caller may read"
    assert codes("局\ncity") == [], "no search reaches from one name into the next"
