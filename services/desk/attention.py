"""What needs a person, as a page: the API's list, the longest waiting first."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromQuery

from services.desk.organs import picked
from services.desk.pages import Desk, minute
from services.runtime.languages import Lang

PER_PAGE = 100
BY_DAY = frozenset({"unconfirmed", "expected", "open-stop"})
"""Kinds that begin with a day, wherever that comes first on earth; the others at an instant."""
EASTERNMOST = timedelta(hours=14)
KINDS = ("contradicting", "rejected", "waiting", "unconfirmed", "expected", "open-stop", "doubtful", "without-effect")


class Needing(Controller):
    """The page of what needs a person."""

    include_in_schema = False

    @get("/attention")
    async def attention(
        self,
        request: Request[Any, Any, Any],
        desk: NamedDependency[Desk],
        lang: NamedDependency[Lang],
        kind: FromQuery[str | None] = None,
        organ: FromQuery[str | None] = None,
        organ_name: FromQuery[str] = "",
        source: FromQuery[str | None] = None,
        cursor: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        """What the tracker lists, narrowed by kind, organ and source; an empty field narrows nothing."""
        pick = await picked(desk.apis, desk.own_organ(request, organ), organ_name)
        query = {"kind": kind, "organ": pick.organ, "source": source, "cursor": cursor}
        asked = {name: value for name, value in query.items() if value} | {"limit": PER_PAGE}
        found = await desk.apis.ask("tracker", "/v1/attention", asked)
        organs = await pick.names(desk.apis, [one.get("organ", "") for one in found["attention"]])

        def day_of(one: Mapping[str, Any]) -> str:
            """Since which day of its organ's."""
            if one["kind"] in BY_DAY:
                return str((datetime.fromisoformat(one["since"]) + EASTERNMOST).date())
            known = organs.get(one.get("organ", ""))
            return minute(one["since"], known["timezone"] if known else None)[:10]

        def organ_of(one: Mapping[str, Any]) -> str:
            """Whose matter it is, where those of several organs stand in the list."""
            code = one.get("organ", "")
            if pick.organ or code == one.get("request"):  # of an organ that nobody knows it is the request's own name
                return ""
            return str(organs[code]["name"][lang] if code in organs else code)

        return await desk.page(
            "attention.html",
            request,
            lang,
            page=found,
            kind=kind or "",
            source=source or "",
            kinds=KINDS,
            pick=pick,
            day_of=day_of,
            organ_of=organ_of,
        )
