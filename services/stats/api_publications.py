"""Publications over HTTP: a year is published, and what was published is listed."""

from typing import Any

import asyncpg
from litestar import Controller, Request, Response, get, post
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody

from services.runtime.database import Conn
from services.runtime.guard import caller
from services.runtime.languages import negotiated
from services.runtime.problems import ProblemError, described
from services.stats import params, publishing, render
from services.stats.deps import AWAY, HEADERS, UNKNOWN, WRONG, Injected, answered, known, places, read
from services.stats.exports import downloads
from services.stats.forms.form import Form
from services.stats.params import CSV, DOCX, JSON, XLSX
from services.stats.publishing import NewPublication, Proposed, Published, PublishedYear
from services.stats.report import Report


class Publications(Controller):
    """The publications of a year's figures."""

    path = "/v1/annual/{organ:str}/{year:str}/publications"

    @post(
        responses={
            200: ResponseSpec(Published, generate_examples=False, description="The same had been published already."),
            201: ResponseSpec(Published, generate_examples=False, description="Published."),
            202: ResponseSpec(
                Proposed, generate_examples=False, description="Proposed: a second person has to ask for the same."
            ),
            400: described(
                "A part of the path, query or body is not what it should be, or the day is later than tomorrow."
            ),
            404: UNKNOWN,
            409: described(
                "The year is not over, the day lies before the figures' own, a rule of the form fails, or somebody "
                "else is publishing this year."
            ),
            415: described("The body is no `application/json`."),
            503: AWAY,
        },
    )
    async def publish(
        self,
        request: Request[Any, Any, Any],
        deps: Injected,
        organ: FromPath[str],
        year: FromPath[str],
        data: JSONBody[NewPublication],
        reach: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        """Freeze the year's figures as published, with the positions of the log and a digest. Numbers that change later
        are shown beside them. Refused are a year that is not over, a day before the figures' own, and a report that
        does not add up, unless ``despite`` says why it is published all the same; and in any case a day later than
        tomorrow. With ``SHIXIAN_FOUR_EYES`` the first
        call proposes (202), and the same call by another account publishes."""
        if request.content_type[0] != JSON:
            raise ProblemError(415, f"content-type: is {request.content_type[0][:60]!r}; expected {JSON}")
        asked = params.asked(deps.organs, organ, params.year_of(year), data.form, None, reach, "data.form")

        proposer = caller().account if deps.four_eyes else None

        async def make(conn: Conn) -> tuple[Published | Proposed, bool]:
            answer, positions = await answered(conn, deps, asked)
            return await publishing.publish(
                conn, asked, answer, places(positions), data, deps.organs.today(organ), proposer
            )

        try:
            publication, new = await read(deps, make, readonly=False)
        except (asyncpg.UniqueViolationError, asyncpg.SerializationError):
            detail = f"{year} of {organ} is just being published by somebody else; look at what they published"
            raise ProblemError(409, detail, kind="published-meanwhile") from None
        status = 202 if isinstance(publication, Proposed) else 201 if new else 200
        return Response(render.encode(publication), media_type=JSON, status_code=status)

    @get(responses={200: ResponseSpec(PublishedYear, generate_examples=False), 400: WRONG, 404: UNKNOWN, 503: AWAY})
    async def published(self, deps: Injected, organ: FromPath[str], year: FromPath[str]) -> Response[bytes]:
        """The year's publications, the first one first, each with the numbers that have changed since and why."""
        wanted = params.year_of(year)

        async def ask(conn: Conn) -> PublishedYear:
            await known(conn, deps, organ)
            return await publishing.of_year(conn, deps.organs, organ, wanted, four_eyes=deps.four_eyes)

        return Response(render.encode(await read(deps, ask)), media_type=JSON, headers=HEADERS)

    @get(
        "/{number:str}",
        responses={
            200: ResponseSpec(Report, generate_examples=False, description="The report as it was published."),
            400: WRONG,
            404: UNKNOWN,
            503: AWAY,
        },
    )
    async def as_published(
        self,
        request: Request[Any, Any, Any],
        deps: Injected,
        organ: FromPath[str],
        year: FromPath[str],
        number: FromPath[str],
        lang: FromQuery[str | None] = None,  # read by `negotiated`; here for OpenAPI
    ) -> Response[bytes]:
        """The figures of a publication as they were published: ``{number}`` may end in ``.json``, ``.csv``, ``.xlsx``,
        ``.docx`` or ``.html``; else ``Accept`` decides."""
        wanted = params.year_of(year)
        which, media_type = params.number_and_type(request, number)

        async def ask(conn: Conn) -> tuple[Report, Form]:
            await known(conn, deps, organ)
            return await publishing.as_published(conn, deps.organs, organ, wanted, which)

        report, form = await read(deps, ask)
        name, language = deps.organs.name(organ), negotiated(request)

        def made() -> Response[bytes]:
            if media_type == JSON:
                return Response(render.to_json(report), media_type=JSON, headers=HEADERS)
            if media_type in (CSV, XLSX, DOCX):
                return downloads.download(report, form, name, media_type, language, HEADERS)
            return downloads.print_page(render.to_html(report, form, name, lang=language), HEADERS)

        async with deps.offload.turn():
            return await deps.offload.thread(made)
