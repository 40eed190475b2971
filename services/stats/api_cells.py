"""What is behind a number of a report, over HTTP."""

from typing import Any

from litestar import Controller, Request, Response, get
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, FromQuery
from msgspec.structs import replace

from services.runtime.database import Conn
from services.runtime.moved import MOVED, moved
from services.runtime.paths import part
from services.stats import drilldown, pages, params
from services.stats.deps import AWAY, UNKNOWN, WRONG, Injected, json_of, known, read
from services.stats.drilldown import Behind
from services.stats.params import JSON


class Cells(Controller):
    """The numbers of a report."""

    @get(
        "/v1/annual/{organ:str}/{year:str}/cells/{table:str}/{row:str}/{column:str}",
        responses={
            200: ResponseSpec(Behind, generate_examples=False),
            307: MOVED,
            400: WRONG,
            404: UNKNOWN,
            503: AWAY,
        },
    )
    async def cell(
        self,
        request: Request[Any, Any, Any],
        deps: Injected,
        organ: FromPath[str],
        year: FromPath[str],
        table: FromPath[str],
        row: FromPath[str],
        column: FromPath[str],
        form: FromQuery[str | None] = None,
        as_of: FromQuery[str | None] = None,
        reach: FromQuery[str | None] = None,
        after: FromQuery[str] = "",
        limit: FromQuery[int] = 100,
        lang: FromQuery[str | None] = None,  # of the page that a browser is led to
    ) -> Response[bytes]:
        """The requests (or reviews, or tallies) that a number of the report counts, in pages by organ and day.

        ``after`` takes the ``next`` of the page before; there is more as long as there is one, even behind a page that
        is short. With ``as_of`` what counted then."""
        column, media_type = params.suffixed(request, column)
        if media_type != JSON:
            at = "/".join(map(part, (table, row, column)))
            return moved(request, f"{deps.desk}/annual/{part(organ)}/{part(year)}/cells/{at}")
        if not 1 <= limit <= 1000:
            raise params.wrong("query.limit", str(limit), "a number from 1 to 1000")
        asked = params.asked(deps.organs, organ, params.year_of(year), form, as_of, reach)

        async def ask(conn: Conn) -> Behind:
            await known(conn, deps, organ)
            return await drilldown.page(conn, asked, (table, row, column), after, limit, f"{deps.tracker}/v1/requests/")

        page = await read(deps, ask)
        labels = pages.cell_label(asked.form, table, row, column)
        return json_of(replace(page, name=deps.organs.name(organ), labels=labels))
