"""Publications over HTTP: a year is published, and what was published is listed."""

import asyncpg
from litestar import Controller, Response, get, post
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody

from services.runtime.database import Conn
from services.runtime.problems import ProblemError, described
from services.stats import params, publishing, render
from services.stats.deps import AWAY, HEADERS, UNKNOWN, WRONG, Injected, answered, known, places, read
from services.stats.params import JSON
from services.stats.publishing import NewPublication, Published, PublishedYear


class Publications(Controller):
    """The publications of a year's figures."""

    path = "/v1/annual/{organ:str}/{year:str}/publications"

    @post(
        responses={
            200: ResponseSpec(Published, generate_examples=False, description="The same had been published already."),
            201: ResponseSpec(Published, generate_examples=False, description="Published."),
            400: WRONG,
            404: UNKNOWN,
            409: described("A rule of the form fails, or somebody else is publishing this year."),
            503: AWAY,
        },
    )
    async def publish(
        self,
        deps: Injected,
        organ: FromPath[str],
        year: FromPath[str],
        data: JSONBody[NewPublication],
        reach: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        """Freeze the year's figures as published, with the positions of the log and a digest. Numbers that change later
        are shown beside them. A report that does not add up is refused, unless ``despite`` says why it is published."""
        asked = params.asked(deps.organs, organ, params.year_of(year), data.form, None, reach)

        async def make(conn: Conn) -> tuple[Published, bool]:
            answer, positions = await answered(conn, deps, asked)
            return await publishing.publish(conn, asked, answer, places(positions), data)

        try:
            publication, new = await read(deps, make, readonly=False)
        except (asyncpg.UniqueViolationError, asyncpg.SerializationError):
            detail = f"{year} of {organ} is just being published by somebody else; look at what they published"
            raise ProblemError(409, detail, kind="published-meanwhile") from None
        return Response(render.encode(publication), media_type=JSON, status_code=201 if new else 200)

    @get(responses={200: ResponseSpec(PublishedYear, generate_examples=False), 400: WRONG, 404: UNKNOWN, 503: AWAY})
    async def published(self, deps: Injected, organ: FromPath[str], year: FromPath[str]) -> Response[bytes]:
        """The year's publications, the first one first, each with the numbers that have changed since and why."""
        wanted = params.year_of(year)

        async def ask(conn: Conn) -> PublishedYear:
            await known(conn, deps, organ)
            return await publishing.of_year(conn, deps.organs, organ, wanted)

        return Response(render.encode(await read(deps, ask)), media_type=JSON, headers=HEADERS)
