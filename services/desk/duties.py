"""The organs' other duties that are not done, as a page: the API's list, the soonest due first."""

import asyncio
from collections.abc import Mapping
from typing import Any

from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromQuery

from services.desk.board import tree
from services.desk.form_page import OFFERED
from services.desk.organs import named
from services.desk.pages import Desk, local
from services.runtime.languages import Lang

PER_PAGE = 100


class Duties(Controller):
    """The page of duties."""

    include_in_schema = False

    @get("/duties")
    async def duties(
        self,
        request: Request[Any, Any, Any],
        desk: NamedDependency[Desk],
        lang: NamedDependency[Lang],
        organ: FromQuery[str | None] = None,
        cursor: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        """What the tracker lists, of an organ with all under it; an empty field narrows nothing."""
        organ = desk.own_organ(request, organ)
        asked = {"organ": organ or None, "cursor": cursor, "limit": PER_PAGE}
        found, offered = await asyncio.gather(
            desk.apis.ask("tracker", "/v1/duties", asked),
            desk.apis.ask("tracker", "/v1/organs", {"limit": OFFERED}),
        )
        organs: dict[str, Mapping[str, Any]] = {one["code"]: one for one in offered["organs"]}
        few = offered["total"] <= OFFERED
        if not few:
            organs |= await named(desk.apis, [one["organ"] for one in found["duties"]])
        late = {
            one["duty"]
            for one in found["duties"]
            if one.get("due_on") and one["due_on"] < _today(found["as_of"], organs.get(one["organ"]))
        }
        return await desk.page(
            "duties.html",
            request,
            lang,
            page=found,
            organ=organ or "",
            organs=tree(offered["organs"]) if few else [],
            names_of={code: one["name"] for code, one in organs.items()},
            late=late,
        )


def _today(instant: str, organ: Mapping[str, Any] | None) -> str:
    return local(instant, organ["timezone"] if organ else None)[:10]
