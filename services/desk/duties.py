"""The organs' other duties that are not done, as a page: the API's list, the soonest due first."""

from collections.abc import Mapping
from typing import Any

from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromQuery

from services.desk.organs import picked
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
        organ_name: FromQuery[str] = "",
        cursor: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        """What the tracker lists, of an organ with all under it; an empty field narrows nothing."""
        pick = await picked(desk.apis, desk.own_organ(request, organ), organ_name)
        asked = {"organ": pick.organ or None, "cursor": cursor, "limit": PER_PAGE}
        found = await desk.apis.ask("tracker", "/v1/duties", asked)
        organs = await pick.names(desk.apis, [one["organ"] for one in found["duties"]])
        late = {
            (one["request"], one["duty"])  # the code of a duty is unique within its request only
            for one in found["duties"]
            if one.get("due_on") and one["due_on"] < _today(found["as_of"], organs.get(one["organ"]))
        }
        return await desk.page(
            "duties.html",
            request,
            lang,
            page=found,
            pick=pick,
            names_of={code: one["name"] for code, one in organs.items()},
            late=late,
        )


def _today(instant: str, organ: Mapping[str, Any] | None) -> str:
    return local(instant, organ["timezone"] if organ else None)[:10]
