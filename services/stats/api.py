"""The stats over HTTP: what is there, the organs and their years, the forms, and the controllers of all routes."""

from typing import Any

import msgspec
from litestar import Controller, Request, Response, Router, get
from litestar.di import Provide
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, FromQuery
from litestar.types import ControllerRouterHandler

from services.runtime.database import Conn
from services.runtime.guard import caller
from services.runtime.moved import likes_pages, moved
from services.runtime.problems import ProblemError, described
from services.stats import listing, publications
from services.stats.api_cells import Cells
from services.stats.api_publications import Publications
from services.stats.api_reports import Reports
from services.stats.api_units import Units
from services.stats.api_years import Years
from services.stats.deps import AWAY, Deps, Injected, json_of, read
from services.stats.forms.form import Form, UnknownForm, form_ids, load
from services.stats.listing import AnnualPage
from services.stats.missing import missing as missing_of
from services.stats.missing import wanted, with_missing
from services.stats.params import JSON
from services.stats.sheet import FormTitle, titled

__all__ = ["Deps", "handlers"]

_HERE = msgspec.json.encode(
    {
        "service": "Shixian stats · 时限 统计服务",
        "annual": "/v1/annual",
        "forms": "/v1/forms",
        "units": "/v1/units/{organ}/{year}",
        "description": "/schema",
        "ready": "/readyz",
        "metrics": "/metrics",
    }
)


def handlers(deps: Deps) -> list[ControllerRouterHandler]:
    """The routes, with ``deps`` for those that ask for it."""
    injected = {"deps": Provide(lambda: deps, sync_to_thread=False)}
    return [
        Router("/", route_handlers=[Front, Forms, Reports, Years, Cells, Publications, Units], dependencies=injected)
    ]


class Front(Controller):
    """What is here."""

    @get("/", include_in_schema=False, sync_to_thread=False, any_query=True)
    def root(self, request: Request[Any, Any, Any], deps: Injected) -> Response[bytes]:
        """What is here; a browser is redirected to the desk."""
        return (
            moved(request, f"{deps.desk}/annual", with_query=False)
            if likes_pages(request)
            else Response(_HERE, media_type=JSON)
        )

    @get(
        "/v1/annual",
        responses={200: ResponseSpec(AnnualPage, generate_examples=False, description="A page of them."), 503: AWAY},
    )
    async def organs_and_years(
        self, deps: Injected, q: FromQuery[str] = "", page: FromQuery[int] = 1, missing: FromQuery[bool] = False
    ) -> Response[bytes]:
        """The organs and their latest years that have numbers, in pages; ``q``: those with these words in their code
        or name. ``missing``: in smaller pages, and the latest two years of each that are not published say under
        ``missing`` what there is to do: requests still ``open``, rules that are ``failing``, who proposed to publish
        (``proposed_by``)."""
        latest, codes = deps.snapshots.latest, deps.organs.codes()
        own = caller().readable(deps.organs.parents())
        async with deps.offload.turn():
            size = listing.LOOKED_AT if missing else listing.SIZE
            listed = await deps.offload.thread(listing.listed, deps.organs, latest, q, page, codes, own, size)
        named = [one.code for one in listed.organs]

        async def ask(conn: Conn) -> AnnualPage:
            published = listing.with_published(listed, await publications.numbers_of(conn, named))
            if not missing:
                return published
            return with_missing(published, await missing_of(conn, wanted(published, deps.organs)))

        return json_of(await read(deps, ask))


class Forms(Controller):
    """The forms of reports."""

    path = "/v1/forms"

    @get(responses={200: ResponseSpec(list[FormTitle], generate_examples=False, description="By id.")})
    async def forms(self) -> Response[bytes]:
        """The forms that a report can be made in."""
        return json_of([titled(load(one)) for one in form_ids()])

    @get(
        "/{form:str}",
        responses={
            200: ResponseSpec(Form, generate_examples=False, description="The form."),
            404: described("There is no such form."),
        },
    )
    async def form(self, form: FromPath[str]) -> Response[bytes]:
        """A form whole: its tables, rows and columns with their labels, what each counts, and what must add up."""
        try:
            return json_of(load(form))
        except UnknownForm as error:
            raise ProblemError(404, str(error)) from None
