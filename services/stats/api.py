"""The stats over HTTP: the first page and its parts, and the rooms with the other routes."""

from importlib.resources import files
from typing import Any

from litestar import Request, Response, get
from litestar.types import ControllerRouterHandler

from services.stats import api_publications, api_reports, asking, home, render
from services.stats.handling import Deps, page_of

__all__ = ["Deps", "handlers"]


def handlers(deps: Deps) -> list[ControllerRouterHandler]:
    """The routes."""
    organs = deps.organs

    @get("/static/stats.css", include_in_schema=False, sync_to_thread=False)
    def stylesheet() -> Response[bytes]:
        return Response(
            render.stylesheet().encode(), media_type="text/css", headers={"cache-control": "public, max-age=3600"}
        )

    @get("/static/icon.svg", include_in_schema=False, sync_to_thread=False)
    def icon() -> Response[bytes]:
        return Response(
            (files("services.stats") / "static" / "icon.svg").read_bytes(),
            media_type="image/svg+xml",
            headers={"cache-control": "public, max-age=86400"},
        )

    @get("/", include_in_schema=False)
    async def root(
        request: Request[Any, Any, Any], lang: str | None = None, q: str = "", page: int = 1
    ) -> Response[bytes]:
        """The organs and the years that have numbers; found by name or code, in pages."""
        language = asking.language(request, lang)
        latest = deps.snapshots.latest

        def made() -> str:
            return render.page("home.html", language, **home.listed(organs, latest, q, page))

        async with deps.offload.turn():
            return page_of(await deps.offload.thread(made))

    return [root, stylesheet, icon, *api_reports.handlers(deps), *api_publications.handlers(deps)]
