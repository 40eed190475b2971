"""The stats over HTTP: what is there, the organs and their years, the forms, and the rooms with the other routes."""

from typing import Any

import msgspec
from litestar import Request, Response, get
from litestar.openapi import ResponseSpec
from litestar.types import ControllerRouterHandler

from services.runtime.guard import caller
from services.runtime.moved import likes_pages, moved
from services.runtime.problems import ProblemError, described
from services.stats import api_publications, api_reports, listing
from services.stats.deps import AWAY, Deps, json_of
from services.stats.forms.form import Form, UnknownForm, form_ids, load
from services.stats.listing import AnnualPage
from services.stats.params import JSON
from services.stats.sheet import FormTitle, titled

__all__ = ["Deps", "handlers"]

_HERE = msgspec.json.encode(
    {
        "service": "Shixian stats · 时限 统计服务",
        "annual": "/v1/annual",
        "forms": "/v1/forms",
        "description": "/schema",
        "ready": "/readyz",
        "metrics": "/metrics",
    }
)


def handlers(deps: Deps) -> list[ControllerRouterHandler]:
    """The routes."""

    @get("/", include_in_schema=False, sync_to_thread=False)
    def root(request: Request[Any, Any, Any]) -> Response[bytes]:
        """What is here; a browser is led to the desk."""
        return moved(request, f"{deps.desk}/annual") if likes_pages(request) else Response(_HERE, media_type=JSON)

    @get(
        "/v1/annual",
        responses={200: ResponseSpec(AnnualPage, generate_examples=False, description="A page of them."), 503: AWAY},
    )
    async def organs_and_years(q: str = "", page: int = 1) -> Response[bytes]:
        """The organs and their latest years that have numbers, in pages; ``q``: those with these words in their code
        or name."""
        latest, codes = deps.snapshots.latest, deps.organs.codes()
        own = caller().readable(deps.organs.parents())
        async with deps.offload.turn():
            return json_of(await deps.offload.thread(listing.listed, deps.organs, latest, q, page, codes, own))

    @get("/v1/forms", responses={200: ResponseSpec(list[FormTitle], generate_examples=False, description="By id.")})
    async def forms() -> Response[bytes]:
        """The forms that a report can be made in."""
        return json_of([titled(load(one)) for one in form_ids()])

    @get(
        "/v1/forms/{form:str}",
        responses={
            200: ResponseSpec(Form, generate_examples=False, description="The form."),
            404: described("There is no such form."),
        },
    )
    async def form(form: str) -> Response[bytes]:
        """A form whole: its tables, rows and columns with their labels, what each counts, and what must add up."""
        try:
            return json_of(load(form))
        except UnknownForm as error:
            raise ProblemError(404, str(error)) from None

    return [root, organs_and_years, forms, form, *api_reports.handlers(deps), *api_publications.handlers(deps)]
