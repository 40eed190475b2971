"""The tracker over HTTP: requests with their due dates, one request whole, its history, and what was rejected."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from litestar import Request, Response, get, post
from litestar.openapi import ResponseSpec
from litestar.params import Parameter
from litestar.types import ControllerRouterHandler

from services.events.refusals import Refused
from services.runtime.clock import Clock
from services.runtime.database import Pool
from services.runtime.problems import FieldProblem, ProblemError, described
from services.tracker import board, ics, preview
from services.tracker.board import Detail, Page, Query, Wanted
from services.tracker.world import World

MOST = 1000


@dataclass(frozen=True, slots=True)
class Deps:
    """What the handlers read from."""

    pool: Pool
    world: World
    clock: Clock


def handlers(deps: Deps) -> list[ControllerRouterHandler]:
    """The routes under ``/v1``."""

    @get("/", include_in_schema=False)
    async def root() -> Response[bytes]:
        """Where to look next."""
        return Response(b"", status_code=303, headers={"location": "/requests"})

    @get("/v1/requests", responses={400: described("A parameter is not what it should be.")})
    async def requests(
        status: Wanted | None = None,
        organ: str | None = None,
        due_from: date | None = None,
        due_through: date | None = None,
        limit: Annotated[int, Parameter(ge=1, le=MOST)] = 100,
        cursor: str | None = None,
    ) -> Page:
        """Requests, the soonest due first; the status is as of now, in the organ's time zone.

        ``unfinished`` is every status before a request's end.
        """
        query = Query(status, organ, due_from, due_through, limit, cursor)
        try:
            return await board.requests(deps.pool, query, deps.world, deps.clock.now())
        except board.BadCursor as error:
            wrong = FieldProblem(field="query.cursor", problem="is no cursor", expected=str(error))
            raise ProblemError(400, f"cursor: {error}", errors=[wrong]) from None

    # Request ids are the authorities' own and may hold slashes, so the id is a path.
    @get("/v1/requests/{subject:path}", responses={404: described("No fact of such a request has come.")})
    async def request(subject: str, each_day: bool = False) -> Detail | list[dict[str, Any]]:
        """One request with its facts, its dates and why they are what they are (``each_day``: day by day).

        With ``/history`` behind the id: its case events in order.
        """
        subject = subject.removeprefix("/")
        if subject.endswith("/history"):
            events = await board.history(deps.pool, subject.removesuffix("/history"))
            if events:
                return events
        found = await board.request(deps.pool, subject, deps.world, deps.clock.now(), each_day)
        if found is None:
            raise ProblemError(404, f"no fact about {subject!r} has come")
        return found

    @get("/v1/rejections")
    async def rejections(limit: Annotated[int, Parameter(ge=1, le=MOST)] = 100) -> dict[str, list[dict[str, Any]]]:
        """The latest facts that were rejected, and records that could not be read, each with the reason.

        `reference`: organs and calendars in the log that name a law, a calendar or a parent that does not exist, and so
        have no effect (a wrong parent alone: the organ counts, without it).
        """
        found = await board.rejections(deps.pool, limit)
        return found | {"reference": [one._asdict() for one in deps.world.rejected(limit)]}

    @get("/v1/deadlines.ics", responses={200: ResponseSpec(bytes, media_type="text/calendar", description="The feed.")})
    async def deadlines(organ: str | None = None) -> Response[bytes]:
        """The due dates of requests that are not ended, as an iCalendar feed to subscribe to."""
        now = deps.clock.now()
        found: list[board.Item] = []
        for status in ("overdue", "due-today", "open"):
            cursor: str | None = None
            while True:
                page = await board.requests(deps.pool, Query(status, organ, limit=MOST, cursor=cursor), deps.world, now)
                found += page.requests
                cursor = page.next
                if cursor is None:
                    break
        return Response(ics.feed(found, now), media_type="text/calendar")

    @post(
        "/v1/preview",
        status_code=200,
        responses={422: described("The case is not what it should be; `errors` names the field.")},
    )
    async def preview_due(request: Request[Any, Any, Any]) -> Response[bytes]:
        """What would be due: one case given whole, as `shixian due --jsonl` takes it; nothing is stored."""
        try:
            answer = preview.answer(await request.body())
        except Refused as refused:
            e = refused.error
            wrong = FieldProblem(field=e.field, problem=e.problem, expected=e.expected)
            raise ProblemError(422, str(refused), kind="case-refused", errors=[wrong]) from None
        return Response(answer, media_type="application/json")

    return [root, requests, request, rejections, deadlines, preview_due]
