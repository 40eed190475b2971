"""Publications over HTTP: a year is published, and what was published is told."""

import asyncpg
from litestar import Response, get, post
from litestar.openapi import ResponseSpec
from litestar.types import ControllerRouterHandler

from services.runtime.database import Conn
from services.runtime.problems import ProblemError, described
from services.stats import params, publishing, render
from services.stats.deps import AWAY, HEADERS, UNKNOWN, WRONG, Deps, answered, known, places, read
from services.stats.params import JSON
from services.stats.publishing import NewPublication, Published, PublishedYear


def handlers(deps: Deps) -> list[ControllerRouterHandler]:
    """The routes."""
    organs = deps.organs

    @post(
        "/v1/annual/{organ:str}/{year:str}/publications",
        responses={
            200: ResponseSpec(Published, generate_examples=False, description="The same had been published already."),
            201: ResponseSpec(Published, generate_examples=False, description="Published."),
            400: WRONG,
            404: UNKNOWN,
            409: described("A rule of the form fails, or somebody else is publishing this year."),
            503: AWAY,
        },
    )
    async def publish(organ: str, year: str, data: NewPublication, reach: str | None = None) -> Response[bytes]:
        """Freeze the year's figures as published, with the positions of the log and a digest. Numbers that change later
        are shown beside them. A report that does not add up is refused, unless ``despite`` says why it is published."""
        asked = params.asked(organs, organ, params.year_of(year), data.form, None, reach)

        async def make(conn: Conn) -> tuple[Published, bool]:
            answer, positions = await answered(conn, deps, asked)
            return await publishing.publish(conn, asked, answer, places(positions), data)

        try:
            found, new = await read(deps, make, readonly=False)
        except (asyncpg.UniqueViolationError, asyncpg.SerializationError):
            detail = f"{year} of {organ} is just being published by somebody else; look at what they published"
            raise ProblemError(409, detail, kind="published-meanwhile") from None
        return Response(render.encode(found), media_type=JSON, status_code=201 if new else 200)

    @get(
        "/v1/annual/{organ:str}/{year:str}/publications",
        responses={200: ResponseSpec(PublishedYear, generate_examples=False), 400: WRONG, 404: UNKNOWN, 503: AWAY},
    )
    async def published(organ: str, year: str) -> Response[bytes]:
        """The year's publications, the first one first, each with the numbers that have changed since and why."""
        wanted = params.year_of(year)

        async def ask(conn: Conn) -> PublishedYear:
            await known(conn, deps, organ)
            return await publishing.of_year(conn, organs, organ, wanted)

        return Response(render.encode(await read(deps, ask)), media_type=JSON, headers=HEADERS)

    return [publish, published]
