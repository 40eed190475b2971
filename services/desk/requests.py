"""The board: what is due, and one request with its clocks and the account of every date."""

import asyncio
from functools import partial
from typing import Annotated, Any, get_args

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from services.desk import forms
from services.desk.board import counted, left, on_paper, tiles
from services.desk.drawing import SHORT_DAYS, drawn
from services.desk.form_page import form_for, request_of
from services.desk.login import led
from services.desk.organs import named, picked
from services.desk.pages import Desk, local, minute, passed_on, wants_json
from services.desk.recording import entered
from services.desk.rendering import query
from services.desk.taken import Taken, is_worked_out, without_its_page
from services.desk.timeline import timeline
from services.desk.words import STATUS_WORDS
from services.events.vocabulary import Channel, FollowReason
from services.runtime.languages import Lang
from services.runtime.paths import part
from services.runtime.problems import ProblemError

PER_PAGE = 100
EVENTS_SHOWN = 200
"""The latest events on a request's page; the API has them all."""
UNFINISHED = "unfinished"
CHANNELS: tuple[str, ...] = get_args(Channel)
FOLLOW_REASONS: tuple[str, ...] = get_args(FollowReason)


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
        organ_name: FromQuery[str] = "",
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
        if (elsewhere := desk.first_page(request)) is not None:
            return led(f"{elsewhere}?{query(lang=lang)}")
        pick = await picked(desk.apis, desk.own_organ(request, organ), organ_name)
        given = {
            "organ": pick.organ,
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
        asked = {"organ": pick.organ} if pick.organ else {}
        found, counts, office = await asyncio.gather(
            listed(shown),
            counted(desk.apis, asked),
            desk.apis.ask("tracker", "/v1/office", asked),
        )
        if (
            status is None
            and not found["requests"]
            and not any(value for name, value in given.items() if name != "organ")
        ):
            shown = ""
            found = await listed(None)
        organs = await pick.names(desk.apis, [one["organ"] for one in found["requests"]])
        units = {one["code"]: one["name"] for one in office["units"]}
        items = {one["code"]: one["name"] for one in office["items"]}
        names = {code: one["name"] for code, one in organs.items()} | units | items
        return await desk.page(
            "board.html",
            request,
            lang,
            page=found,
            status=shown,
            given={name: value or "" for name, value in given.items()},
            names_of={code: one["name"] for code, one in organs.items()},
            paper=on_paper(shown, {name: value or "" for name, value in given.items()}, names, lang),
            pick=pick,
            filters=list(STATUS_WORDS),
            channels=CHANNELS,
            units=units,
            items=items,
            tiles=tiles(counts, pick.organ) if counts else [],
            counts=counts,
            left=partial(left, lang=lang),
            as_of=local(found["as_of"], pick.zone),
            today=local(found["as_of"], pick.zone)[:10],
        )

    @get("/requests/{subject:path}")
    async def request(
        self,
        request: Request[Any, Any, Any],
        subject: FromPath[str],
        desk: NamedDependency[Desk],
        lang: NamedDependency[Lang],
        each_day: FromQuery[bool] = False,
        record: FromQuery[str] = "",
        source: FromQuery[str] = "",
        id_: Annotated[str, QueryParameter(name="id")] = "",
        recorded: FromQuery[str] = "",
        fact: FromQuery[str] = "",
    ) -> Response[bytes]:
        """One request, with why each of its dates is what it is; ``record``: the form to enter such a fact about it;
        ``recorded`` and ``fact``: what was entered just now, and its id."""
        path = f"/v1/requests/{part(subject.removeprefix('/'))}"
        if wants_json(request):
            return passed_on(await desk.apis.file("tracker", path, {"each_day": "true" if each_day else None}))
        if record:
            found = await request_of(desk.apis, subject.removeprefix("/"))
            return await form_for(request, desk, lang, found, record, source, id_)
        taken = Taken.of(recorded, fact)
        try:
            return await self._shown(request, desk, lang, path, taken, each_day=each_day)
        except ProblemError:
            if not taken.id:
                raise
            return await without_its_page(request, desk, lang, subject.removeprefix("/"), taken)

    async def _shown(
        self, request: Request[Any, Any, Any], desk: Desk, lang: Lang, path: str, taken: Taken, *, each_day: bool
    ) -> Response[bytes]:
        # Before what the page shows, so that it does not say of older numbers that they are worked out.
        worked_out = await is_worked_out(desk.apis, taken.id) if taken.id else True
        found, events, ledger, following = await asyncio.gather(
            desk.apis.ask("tracker", path, {"each_day": "true" if each_day else None, "with_days": "true"}),
            desk.apis.ask_if_there("tracker", f"{path}/history", {"latest": "true", "limit": EVENTS_SHOWN}),
            desk.apis.ask_if_there("tracker", f"{path}/days"),
            desk.apis.ask_if_there("tracker", f"{path}/next"),
        )
        office, organs = await asyncio.gather(
            desk.apis.ask("tracker", "/v1/office", {"organ": found["organ"]} if found["organ"] else None),
            named(desk.apis, [found["organ"], found.get("transferred_to", "")]),
        )
        organ = organs.get(found["organ"])
        zone = organ["timezone"] if organ else None
        today = local(found["as_of"], zone)[:10]
        # As much work as the page itself, for a request that stood still often.
        months = await desk.offload.thread(drawn, found.get("days", []), found, today)
        dated = await desk.offload.thread(timeline, found["facts"], events or [], found["rejected"])
        return await desk.page(
            "request.html",
            request,
            lang,
            r=found,
            organ=organ["name"] if organ else None,
            names_of={code: one["name"] for code, one in organs.items()},
            units={one["code"]: one["name"] for one in office["units"]},
            items={one["code"]: one["name"] for one in office["items"]},
            each_day=each_day,
            as_of=local(found["as_of"], zone),
            minute=partial(minute, zone=zone),
            months=months,
            offered=[one for one in following["facts"] if one["fact"] in forms.FORMS] if following else [],
            short_days=SHORT_DAYS,
            follow_reasons=FOLLOW_REASONS,
            recorded=taken.name,
            is_worked_out=worked_out,
            timeline=dated,
            correctable=forms.CORRECTABLE,
            left=partial(left, lang=lang),
            ledger=ledger or {},
            earlier=events[0]["sequence"] - 1 if events else 0,
        )

    @post("/requests/{subject:path}", status_code=200)
    async def recorded(
        self,
        request: Request[Any, Any, Any],
        subject: FromPath[str],
        desk: NamedDependency[Desk],
        lang: NamedDependency[Lang],
    ) -> Response[bytes]:
        """A fact about a request, looked at or sent."""
        return await entered(request, desk, lang, subject.removeprefix("/"))
