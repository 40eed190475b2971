"""The board: what is due, and one request with its clocks and the account of every date."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from functools import partial
from typing import Any, get_args
from zoneinfo import ZoneInfo

from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from services.desk.apis import Apis
from services.desk.board import left, tiles, tree
from services.desk.pages import Desk, passed_on, wants_json
from services.desk.words import STATUS_WORDS
from services.events.vocabulary import Channel
from services.runtime.languages import Lang
from services.runtime.paths import part
from services.runtime.problems import ProblemError

PER_PAGE = 100
EVENTS_SHOWN = 200
"""The latest events on a request's page; the API has them all."""
OFFERED = 500
"""Organs to choose from: among thousands one types the code, or part of it."""
CODES_ASKED = 4000
"""Bytes of codes in one question: a URL has its limit."""
UNFINISHED = "unfinished"
CHANNELS: tuple[str, ...] = get_args(Channel)


class Requests(Controller):
    """The pages about requests."""

    include_in_schema = False

    @get("/")
    async def board(
        self,
        request: Request[Any, Any, Any],
        desk: NamedDependency[Desk],
        lang: NamedDependency[Lang],
        status: FromQuery[str | None] = None,
        organ: FromQuery[str | None] = None,
        number: FromQuery[str | None] = None,
        unit: FromQuery[str | None] = None,
        item: FromQuery[str | None] = None,
        channel: FromQuery[str | None] = None,
        due_from: FromQuery[str | None] = None,
        due_through: FromQuery[str | None] = None,
        stopped_for: FromQuery[str | None] = None,
        order: FromQuery[str | None] = None,
        cursor: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        """What needs doing, counted, and what is due, the soonest first. Nobody asked for a status: what is unfinished,
        or all where nothing is."""
        given = {
            "organ": organ,
            "number": (number or "").strip(),
            "unit": unit,
            "item": item,
            "channel": channel,
            "due_from": due_from,
            "due_through": due_through,
            "stopped_for": stopped_for,
            "order": order,
        }

        async def listed(wanted: str | None) -> Any:
            query = {"status": wanted, **given, "cursor": cursor, "limit": PER_PAGE}
            return await desk.apis.ask("tracker", "/v1/requests", query)

        shown = UNFINISHED if status is None else status
        asked = {"organ": organ} if organ else {}
        found, offered, counts, office = await asyncio.gather(
            listed(shown),
            desk.apis.ask("tracker", "/v1/organs", {"limit": OFFERED}),
            counted(desk.apis, asked),
            desk.apis.ask("tracker", "/v1/office", asked),
        )
        if status is None and not found["requests"] and not any(given.values()):
            shown = ""
            found = await listed(None)
        organs = {one["code"]: one for one in offered["organs"]}
        few = offered["total"] <= OFFERED
        if not few:
            organs |= await named(desk.apis, [one["organ"] for one in found["requests"]] + [organ or ""])
        zone = organs[organ]["timezone"] if organ in organs else offered["timezone"]
        return await desk.page(
            "board.html",
            request,
            lang,
            page=found,
            status=shown,
            given={name: value or "" for name, value in given.items()},
            names_of={code: one["name"] for code, one in organs.items()},
            organs=tree(offered["organs"]) if few else [],
            filters=list(STATUS_WORDS),
            channels=CHANNELS,
            units={one["code"]: one["name"] for one in office["units"]},
            items={one["code"]: one["name"] for one in office["items"]},
            tiles=tiles(counts, organ or "") if counts else [],
            counts=counts,
            left=partial(left, lang=lang),
            as_of=local(found["as_of"], zone),
        )

    @get("/requests/{subject:path}")
    async def request(
        self,
        request: Request[Any, Any, Any],
        subject: FromPath[str],
        desk: NamedDependency[Desk],
        lang: NamedDependency[Lang],
        each_day: FromQuery[bool] = False,
    ) -> Response[bytes]:
        """One request, with why each of its dates is what it is."""
        path = f"/v1/requests/{part(subject.removeprefix('/'))}"
        if wants_json(request):
            return passed_on(await desk.apis.file("tracker", path, {"each_day": "true" if each_day else None}))
        found, events, ledger = await asyncio.gather(
            desk.apis.ask("tracker", path, {"each_day": "true" if each_day else None}),
            desk.apis.ask_if_there("tracker", f"{path}/history", {"latest": "true", "limit": EVENTS_SHOWN}),
            desk.apis.ask_if_there("tracker", f"{path}/days"),
        )
        organs = await named(desk.apis, [found["organ"], found.get("transferred_to", "")])
        organ = organs.get(found["organ"])
        return await desk.page(
            "request.html",
            request,
            lang,
            r=found,
            organ=organ["name"] if organ else None,
            names_of={code: one["name"] for code, one in organs.items()},
            each_day=each_day,
            as_of=local(found["as_of"], organ["timezone"] if organ else None),
            events=events or [],
            ledger=ledger or {},
            earlier=events[0]["sequence"] - 1 if events else 0,
        )


async def counted(apis: Apis, query: dict[str, str]) -> Any | None:
    """What needs doing, counted; None while the tracker has not counted yet."""
    try:
        return await apis.ask("tracker", "/v1/counts", query)
    except ProblemError as error:
        if error.status == 503 and "counted" in error.detail:
            return None
        raise


async def named(apis: Apis, codes: Sequence[str]) -> dict[str, Any]:
    """The registered ones of these organs, in as few questions as a URL's length allows."""
    lots: list[list[str]] = []
    room = 0
    for code in sorted({code for code in codes if code}):
        size = len(part(code)) + len("&code=")
        if size > room:
            lots.append([])
            room = CODES_ASKED
        lots[-1].append(code)
        room -= size
    asked: list[dict[str, str | int | Sequence[str]]] = [
        {"code": lot, "missing": "skip", "limit": 1000} for lot in lots
    ]
    answers = [await apis.ask("tracker", "/v1/organs", one) for one in asked]
    return {one["code"]: one for answer in answers for one in answer["organs"]}


def local(instant: str, zone: str | None) -> str:
    """An instant as a reader in that zone has it on the clock, with the offset; in UTC where the zone is not known."""
    there: tzinfo = ZoneInfo(zone) if zone else UTC
    return datetime.fromisoformat(instant).astimezone(there).isoformat(sep=" ", timespec="seconds")
