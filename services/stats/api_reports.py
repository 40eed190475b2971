"""An annual report over HTTP: in every format, and laid out for a page."""

from typing import Any

from litestar import Controller, Request, Response, get
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, FromQuery

from services.runtime.languages import negotiated
from services.runtime.paths import part
from services.stats import annual, pages, params, render
from services.stats.deps import AWAY, HEADERS, UNKNOWN, WRONG, Injected, answered, json_of, read, standing
from services.stats.exports import downloads
from services.stats.params import CSV, DOCX, JSON, XLSX
from services.stats.report import Report
from services.stats.sheet import Sheet, sheet


class Reports(Controller):
    """An organ's report of a year."""

    path = "/v1/annual/{organ:str}/{year:str}"

    @get(
        responses={
            200: ResponseSpec(Report, generate_examples=False, description="The report; or another format of it."),
            400: WRONG,
            404: UNKNOWN,
            503: AWAY,
        },
    )
    async def report(
        self,
        request: Request[Any, Any, Any],
        deps: Injected,
        organ: FromPath[str],
        year: FromPath[str],
        form: FromQuery[str | None] = None,
        lang: FromQuery[str | None] = None,  # read by `negotiated`; here for OpenAPI
        as_of: FromQuery[str | None] = None,
        reach: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        """An organ's annual report: ``{year}`` may end in ``.json``, ``.csv``, ``.xlsx``, ``.docx`` or ``.html`` (made
        to be printed); else ``Accept`` decides. ``as_of`` (a date or an instant): as it was known then. ``reach=own``:
        without the organs under it."""
        wanted, media_type = params.year_and_type(request, year)
        language = negotiated(request)
        asked = params.asked(deps.organs, organ, wanted, form, as_of, reach)
        answer, positions = await read(deps, lambda conn: answered(conn, deps, asked))
        name = deps.organs.name(organ)

        def made() -> Response[bytes]:
            if media_type == JSON:
                return Response(render.to_json(answer.report), media_type=JSON, headers=HEADERS)
            if media_type in (CSV, XLSX, DOCX):
                return downloads.download(answer.report, asked.form, name, media_type, language, HEADERS)
            rests_on = standing(deps.organs, organ, positions)
            shown = render.to_html(
                answer.report, asked.form, name, rests_on, lang=language, revised=pages.revised(answer), desk=desk
            )
            return downloads.print_page(shown, HEADERS)

        desk = f"{deps.desk}/annual/{part(organ)}/{wanted}"
        async with deps.offload.turn():
            return await deps.offload.thread(made)

    @get(
        "/sheet",
        responses={200: ResponseSpec(Sheet, generate_examples=False), 400: WRONG, 404: UNKNOWN, 503: AWAY},
    )
    async def laid_out(
        self,
        deps: Injected,
        organ: FromPath[str],
        year: FromPath[str],
        form: FromQuery[str | None] = None,
        as_of: FromQuery[str | None] = None,
        reach: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        """The report as a page shows it: every cell in its place with its words in Chinese and English, the rules with
        what came of them, indicators, publications and what was revised since, and how far the log was counted."""
        organs = deps.organs
        asked = params.asked(organs, organ, params.year_of(year), form, as_of, reach)
        answer, positions = await read(deps, lambda conn: answered(conn, deps, asked))
        whole = len(annual.organs_of(organs, organ, "tree"))

        def made() -> Response[bytes]:
            return json_of(sheet(asked, answer, organs.name(organ), whole, standing(organs, organ, positions)))

        async with deps.offload.turn():
            return await deps.offload.thread(made)
