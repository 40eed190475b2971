"""The tracker over HTTP: requests with their due dates, one request whole, its history, and what was rejected."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date
from email.message import Message
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.openapi import ResponseSpec
from litestar.params import Parameter
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from services.events.refusals import Refused
from services.runtime.clock import Clock
from services.runtime.database import Pool
from services.runtime.moved import likes_pages, moved
from services.runtime.offload import Offload
from services.runtime.paths import part
from services.runtime.problems import FieldProblem, ProblemError, described
from services.tracker import feed, organs, queries, rejections
from services.tracker.core import preview
from services.tracker.core.reference_data import ReferenceData
from services.tracker.days import days
from services.tracker.organs import OrganPage
from services.tracker.queries import Detail, Page, Query, Wanted
from services.tracker.rejections import About, Rejections

MOST = 1000
PREVIEW_BYTES = 1024 * 1024
"""Of the one case that a preview is about; the facts that a case may have fit in several times."""
JSON = "application/json"
CURSOR_EXPECTED = "a cursor that an earlier page gave as next"


@dataclass(frozen=True, slots=True)
class Deps:
    """What the handlers read from."""

    pool: Pool
    reference_data: ReferenceData
    clock: Clock
    offload: Offload = field(default_factory=Offload)
    desk: str = ""
    """The desk's public address, where the pages for people stand."""


def bad_cursor(found: str) -> ProblemError:
    """The refusal of a cursor that no page gave."""
    wrong = FieldProblem(field="query.cursor", problem=f"is {found[:60]!r}", expected=CURSOR_EXPECTED)
    return ProblemError(400, f"cursor: expected {CURSOR_EXPECTED}", errors=[wrong])


def handlers(deps: Deps) -> list[ControllerRouterHandler]:
    """The routes under ``/v1``, and where the pages have gone that stood here."""
    pool, offload = deps.pool, deps.offload

    @get("/", include_in_schema=False, sync_to_thread=False)
    def root(request: Request[Any, Any, Any]) -> Response[bytes]:
        """What is here; a browser is led to the desk."""
        return moved(request, f"{deps.desk}/") if likes_pages(request) else Response(_HERE, media_type=JSON)

    @get("/requests", include_in_schema=False, sync_to_thread=False)
    def board_moved(request: Request[Any, Any, Any]) -> Response[bytes]:
        """The board stands on the desk."""
        return moved(request, f"{deps.desk}/")

    @get("/requests/{subject:path}", include_in_schema=False, sync_to_thread=False)
    def request_moved(request: Request[Any, Any, Any], subject: str) -> Response[bytes]:
        """A request's page stands on the desk."""
        return moved(request, f"{deps.desk}/requests/{part(subject.removeprefix('/'))}")

    @get(
        "/v1/organs",
        responses={
            200: ResponseSpec(OrganPage, generate_examples=False, description="Registered organs."),
            400: described("A parameter is not what it should be."),
            503: _BUSY,
        },
    )
    async def listed_organs(
        code: list[str] | None = None,
        limit: Annotated[int, Parameter(ge=1, le=MOST)] = 100,
        cursor: str = "",
    ) -> Response[bytes]:
        """The registered organs by code, with names, parents and time zones. ``code`` (it may be given several times):
        of these only; ``cursor``: those behind it, as an earlier page gave it as ``next``."""
        async with offload.turn():
            found = await offload.thread(organs.page, deps.reference_data.as_known(), code, cursor, limit)
        return Response(msgspec.json.encode(found), media_type=JSON)

    @get(
        "/v1/requests",
        responses={
            200: ResponseSpec(Page, generate_examples=False, description="A page of requests."),
            400: described("A parameter is not what it should be."),
            503: _BUSY,
        },
    )
    async def requests(
        status: Wanted | None = None,
        organ: str | None = None,
        due_from: date | None = None,
        due_through: date | None = None,
        limit: Annotated[int, Parameter(ge=1, le=MOST)] = 100,
        cursor: str | None = None,
    ) -> Response[bytes]:
        """Requests, the soonest due first; the status is as of now, in the organ's time zone.

        ``unfinished`` is every status before a request's end. A page may hold fewer than ``limit`` where the cases are
        large; there are more as long as ``next`` is there.
        """
        query = Query(status, organ, due_from, due_through, limit, cursor)
        try:
            page = await queries.requests(pool, offload, query, deps.reference_data, deps.clock.now())
        except queries.BadCursor:
            raise bad_cursor(cursor or "") from None
        return Response(msgspec.json.encode(page), media_type=JSON)

    # Request ids are the authorities' own and may hold slashes, so the id is a path.
    @get(
        "/v1/requests/{subject:path}",
        responses={
            200: ResponseSpec(Detail, generate_examples=False, description="The request."),
            400: described("A parameter is not what it should be."),
            404: described("No fact of such a request has come."),
            503: _BUSY,
        },
    )
    async def request(
        subject: str,
        each_day: bool = False,
        limit: Annotated[int, Parameter(ge=1, le=MOST)] = MOST,
        cursor: str | None = None,
        latest: bool = False,
    ) -> Response[bytes]:
        """One request with its facts, its dates and why they are what they are (``each_day``: day by day).

        With ``/history`` behind the id: its case events in order, at most ``limit``; where there are more, the header
        ``Link`` names the next page (``rel="next"``). ``latest``: the last ``limit`` of them. What could not be applied
        is told under ``dead_letters``. With ``/days`` behind the id: who had it on each working day since its receipt.
        """
        subject = subject.removeprefix("/")
        if subject.endswith("/days"):
            name, now = subject.removesuffix("/days"), deps.clock.now()
            if (ledger := await days(pool, offload, name, deps.reference_data, now)) is not None:
                return Response(msgspec.json.encode(ledger), media_type=JSON)
        if subject.endswith("/history"):
            after = sequence_of(cursor)
            found = await queries.history(pool, offload, subject.removesuffix("/history"), after, limit, latest=latest)
            if found.events or after:
                link = {"link": f'<?limit={limit}&cursor={found.next}>; rel="next"'} if found.next else {}
                return Response(b"[" + b",".join(found.events) + b"]", media_type=JSON, headers=link)
        one = await queries.request(pool, offload, subject, deps.reference_data, deps.clock.now(), each_day)
        if one is None and subject.endswith("/history"):  # of a request of which nothing was decided yet
            name = subject.removesuffix("/history")
            if await queries.request(pool, offload, name, deps.reference_data, deps.clock.now()) is not None:
                return Response(b"[]", media_type=JSON)
        if one is None:
            raise ProblemError(404, f"no fact about {subject!r} has come")
        return Response(await offload.thread(msgspec.json.encode, one), media_type=JSON)

    @get(
        "/v1/rejections",
        responses={200: ResponseSpec(Rejections, generate_examples=False, description="The latest."), 503: _BUSY},
    )
    async def rejected(
        limit: Annotated[int, Parameter(ge=1, le=MOST)] = 100,
        source: str | None = None,
        organ: str | None = None,
        subject: str | None = None,
    ) -> Response[bytes]:
        """The latest facts that were rejected, and records that could not be applied, each with the reason.

        ``source``: of one intake system; ``organ``: of one organ, where the record says so; ``subject``: of one request
        (or what an organ posted under its code). ``reference``: organs and calendars in the log that name a law, a
        calendar or a parent that does not exist, and so have no effect (a wrong parent alone: the organ counts, without
        it).
        """
        about = About(source, organ, subject)
        found = await rejections.latest(pool, offload, about, limit, deps.reference_data.rejected(limit))
        return Response(msgspec.json.encode(found), media_type=JSON)

    @get(
        "/v1/deadlines.ics",
        responses={
            200: ResponseSpec(bytes, media_type="text/calendar", description="The feed."),
            503: _BUSY,
        },
    )
    async def deadlines(organ: str | None = None) -> Stream:
        """The due dates of requests that are not ended, the soonest first, as an iCalendar feed to subscribe to.

        It is cut after 100,000 entries, and then ends with one that says so: subscribe to single organs instead.
        """
        lots = feed.lots(pool, offload, organ, deps.reference_data, deps.clock.now())
        first = await anext(lots)  # what can be refused is refused before the answer begins

        async def told() -> AsyncIterator[bytes]:
            yield first
            async for lot in lots:
                yield lot

        return Stream(told(), media_type="text/calendar")

    @post(
        "/v1/preview",
        status_code=200,
        request_max_body_size=PREVIEW_BYTES,
        responses={
            413: described("The case is larger than any case can be."),
            415: described("The content type is not application/json."),
            422: described("The case is not what it should be; `errors` names the field."),
            503: _BUSY,
        },
    )
    async def preview_due(request: Request[Any, Any, Any]) -> Response[bytes]:
        """What would be due: one case given whole, as `shixian due --jsonl` takes it; nothing is stored."""
        require_json(request.headers.get("content-type", ""))
        body = await request.body()
        try:
            async with offload.turn():
                answer = await offload.thread(preview.answer, body)
        except Refused as refused:
            e = refused.error
            wrong = FieldProblem(field=e.field, problem=e.problem, expected=e.expected)
            raise ProblemError(422, str(refused), kind="case-refused", errors=[wrong]) from None
        return Response(answer, media_type=JSON)

    return [
        root,
        board_moved,
        request_moved,
        requests,
        request,
        listed_organs,
        rejected,
        deadlines,
        preview_due,
    ]


_HERE = msgspec.json.encode(
    {
        "service": "Shixian tracker · 时限 跟踪服务",
        "requests": "/v1/requests",
        "organs": "/v1/organs",
        "description": "/schema",
        "ready": "/readyz",
        "metrics": "/metrics",
    }
)
_BUSY = described("Too much is being asked at once; `Retry-After` says when to come back.")


def sequence_of(cursor: str | None) -> int:
    """The number of the event that a history goes on behind. Raises :class:`ProblemError`."""
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise bad_cursor(cursor)
    return int(cursor)


def require_json(content_type: str) -> None:
    """Raises :class:`ProblemError` (415) for a body that is not said to be JSON in UTF-8."""
    message = Message()
    message["content-type"] = content_type
    charset = str(message.get_param("charset", "utf-8")).lower()
    if content_type and message.get_content_type() == JSON and charset in ("utf-8", "utf8"):
        return
    found = content_type[:100] or "missing"
    wrong = FieldProblem(field="header.content-type", problem=f"is {found}", expected=f"{JSON}, in UTF-8")
    raise ProblemError(
        415,
        f"the content type is {found}; expected {JSON}, in UTF-8 (curl: -H 'content-type: {JSON}')",
        kind="content-type",
        errors=[wrong],
        headers={"Accept-Post": JSON},
    )
