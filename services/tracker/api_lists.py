"""The tracker's other lists over HTTP: organs, what was rejected, and the feed of due dates."""

from collections.abc import AsyncIterator
from typing import Annotated, Literal

import msgspec
from litestar import Controller, Response, get
from litestar.openapi import ResponseSpec
from litestar.params import FromQuery, QueryParameter
from litestar.response import Stream

from services.tracker import feed, organs, rejections
from services.tracker.deps import BUSY, JSON, MOST, WRONG, Injected, require_organ
from services.tracker.entitled import readable
from services.tracker.organs import OrganPage
from services.tracker.rejections import About, Rejections

Limit = Annotated[int, QueryParameter(ge=1, le=MOST)]


class Organs(Controller):
    """The registered organs."""

    @get(
        "/v1/organs",
        responses={
            200: ResponseSpec(OrganPage, generate_examples=False, description="Registered organs."),
            400: WRONG,
            503: BUSY,
        },
    )
    async def listed_organs(
        self,
        deps: Injected,
        code: FromQuery[list[str] | None] = None,
        missing: FromQuery[Literal["refuse", "skip"]] = "refuse",
        q: FromQuery[str] = "",
        parent: FromQuery[str | None] = None,
        limit: Limit = 100,
        cursor: FromQuery[str] = "",
    ) -> Response[bytes]:
        """The registered organs by code, with names, parents and time zones. ``code`` (it may be given several times):
        of these only, and one that is not registered is refused, or with ``missing=skip`` left out. ``q``: those with
        it in their name or code; ``parent``: those right under an organ. ``cursor``: those behind it, as an earlier
        page gave it as ``next``."""
        for one in code or () if missing == "refuse" else ():
            require_organ(deps, one, "query.code")
        own = readable(deps.reference_data)
        async with deps.offload.turn():
            page = await deps.offload.thread(
                organs.page, deps.reference_data, code, cursor, limit, own, sought=q, parent=parent
            )
        return Response(msgspec.json.encode(page), media_type=JSON)


class Rejected(Controller):
    """Facts without effect."""

    @get(
        "/v1/rejections",
        responses={200: ResponseSpec(Rejections, generate_examples=False, description="The latest."), 503: BUSY},
    )
    async def rejected(
        self,
        deps: Injected,
        limit: Limit = 100,
        source: FromQuery[str | None] = None,
        organ: FromQuery[str | None] = None,
        subject: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        """The latest facts that were rejected, and records that could not be applied, each with the reason.

        ``source``: of one intake system; ``organ``: of one organ, where the record says so; ``subject``: of one request
        (or what an organ posted under its code). ``reference``: organs and calendars in the log that name a law, a
        calendar or a parent that does not exist, and so have no effect (a wrong parent alone: the organ counts, without
        it).
        """
        wrong = deps.learning.rejected(limit)
        if all(one.subject != organ for one in wrong):  # an organ may be here because it could not be registered
            require_organ(deps, organ)
        about = About(source, organ, subject, readable(deps.reference_data))
        latest = await rejections.latest(deps.pool, deps.offload, about, limit, wrong)
        return Response(msgspec.json.encode(latest), media_type=JSON)


class Feed(Controller):
    """The due dates as a calendar to subscribe to."""

    @get(
        "/v1/deadlines.ics",
        responses={
            200: ResponseSpec(bytes, media_type="text/calendar", description="The feed."),
            503: BUSY,
        },
    )
    async def deadlines(self, deps: Injected, organ: FromQuery[str | None] = None) -> Stream:
        """The due dates of requests that are not ended, the soonest first, as an iCalendar feed to subscribe to.

        It is cut after 20,000 entries, and then ends with one that says so: subscribe to single organs instead.
        """
        require_organ(deps, organ)
        own = readable(deps.reference_data)
        lots = feed.lots(deps.pool, deps.offload, organ, deps.reference_data, deps.clock.now(), organs=own)
        first = await anext(lots)  # what can be refused is refused before the answer begins

        async def whole() -> AsyncIterator[bytes]:
            yield first
            async for lot in lots:
                yield lot

        return Stream(whole(), media_type="text/calendar")
