"""The tracker over HTTP: what is here, and the controllers of all routes with what they read from."""

from typing import Any

import msgspec
from litestar import Controller, Request, Response, Router, get
from litestar.di import Provide
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from services.runtime.moved import likes_pages, moved
from services.runtime.paths import part
from services.tracker.api_attention import Attending
from services.tracker.api_board import Board
from services.tracker.api_lists import Feed, Organs, Rejected
from services.tracker.api_office import Office
from services.tracker.api_preview import Preview
from services.tracker.api_requests import Requests
from services.tracker.deps import JSON, Deps, Injected

__all__ = ["Deps", "handlers"]

_HERE = msgspec.json.encode(
    {
        "service": "Shixian tracker · 时限 跟踪服务",
        "requests": "/v1/requests",
        "organs": "/v1/organs",
        "attention": "/v1/attention",
        "assignments": "/v1/assignments",
        "duties": "/v1/duties",
        "description": "/schema",
        "ready": "/readyz",
        "metrics": "/metrics",
    }
)


def handlers(deps: Deps) -> list[ControllerRouterHandler]:
    """The routes, with ``deps`` for those that ask for it."""
    injected = {"deps": Provide(lambda: deps, sync_to_thread=False)}
    return [
        Router(
            "/",
            route_handlers=[Front, Attending, Board, Requests, Office, Organs, Rejected, Feed, Preview],
            dependencies=injected,
        )
    ]


class Front(Controller):
    """What is here, and where the pages have gone that stood here."""

    include_in_schema = False

    @get("/", sync_to_thread=False, any_query=True)
    def root(self, request: Request[Any, Any, Any], deps: Injected) -> Response[bytes]:
        """What is here; a browser is redirected to the desk."""
        return moved(request, f"{deps.desk}/") if likes_pages(request) else Response(_HERE, media_type=JSON)

    @get("/requests", sync_to_thread=False, any_query=True)
    def board_moved(self, request: Request[Any, Any, Any], deps: Injected) -> Response[bytes]:
        """The board stands on the desk."""
        return moved(request, f"{deps.desk}/")

    @get("/requests/{subject:path}", sync_to_thread=False, any_query=True)
    def request_moved(self, request: Request[Any, Any, Any], subject: FromPath[str], deps: Injected) -> Response[bytes]:
        """A request's page stands on the desk."""
        return moved(request, f"{deps.desk}/requests/{part(subject.removeprefix('/'))}")
