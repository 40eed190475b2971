"""The reports over HTTP: a year in every format, years side by side, the organs under one, what is behind a number."""

from typing import Any

from litestar import Request, Response, get
from litestar.openapi import ResponseSpec
from litestar.types import ControllerRouterHandler
from msgspec.structs import replace

from services.runtime.database import Conn
from services.runtime.languages import negotiated
from services.runtime.moved import MOVED, moved
from services.runtime.paths import part
from services.stats import annual, drilldown, pages, params, reading, render
from services.stats.annual import Asked
from services.stats.deps import AWAY, HEADERS, UNKNOWN, WRONG, Deps, answered, json_of, known, read, standing
from services.stats.drilldown import Behind
from services.stats.exports import downloads
from services.stats.pages import OrganLine, OrgansOfYear, SideBySide
from services.stats.params import CSV, DOCX, JSON, XLSX
from services.stats.report import Report
from services.stats.sheet import Sheet, sheet

PAGE_ORGANS = 100
MOST_YEARS = 20


def handlers(deps: Deps) -> list[ControllerRouterHandler]:
    """The routes."""
    organs = deps.organs

    @get(
        "/v1/annual/{organ:str}/{year:str}",
        responses={
            200: ResponseSpec(Report, generate_examples=False, description="The report; or another format of it."),
            400: WRONG,
            404: UNKNOWN,
            503: AWAY,
        },
    )
    async def report(
        request: Request[Any, Any, Any],
        organ: str,
        year: str,
        form: str | None = None,
        lang: str | None = None,  # read by `negotiated`; here for OpenAPI
        as_of: str | None = None,
        reach: str | None = None,
    ) -> Response[bytes]:
        """An organ's annual report: ``{year}`` may end in ``.json``, ``.csv``, ``.xlsx``, ``.docx`` or ``.html`` (made
        to be printed); else ``Accept`` decides. ``as_of`` (a date or an instant): as it was known then. ``reach=own``:
        without the organs under it."""
        wanted, media_type = params.year_and_type(request, year)
        language = negotiated(request)
        asked = params.asked(organs, organ, wanted, form, as_of, reach)
        answer, positions = await read(deps, lambda conn: answered(conn, deps, asked))
        name = organs.name(organ)

        def made() -> Response[bytes]:
            if media_type == JSON:
                return Response(render.to_json(answer.report), media_type=JSON, headers=HEADERS)
            if media_type in (CSV, XLSX, DOCX):
                return downloads.download(answer.report, asked.form, name, media_type, language, HEADERS)
            rests_on = standing(organs, organ, positions)
            shown = render.to_html(
                answer.report, asked.form, name, rests_on, lang=language, revised=pages.revised(answer), desk=desk
            )
            return downloads.print_page(shown, HEADERS)

        desk = f"{deps.desk}/annual/{part(organ)}/{wanted}"
        async with deps.offload.turn():
            return await deps.offload.thread(made)

    @get(
        "/v1/annual/{organ:str}/{year:str}/sheet",
        responses={200: ResponseSpec(Sheet, generate_examples=False), 400: WRONG, 404: UNKNOWN, 503: AWAY},
    )
    async def laid_out(
        organ: str, year: str, form: str | None = None, as_of: str | None = None, reach: str | None = None
    ) -> Response[bytes]:
        """The report as a page shows it: every cell in its place with its words in Chinese and English, the rules with
        what came of them, indicators, publications and what was revised since, and how far the log was counted."""
        asked = params.asked(organs, organ, params.year_of(year), form, as_of, reach)
        answer, positions = await read(deps, lambda conn: answered(conn, deps, asked))
        whole = len(annual.organs_of(organs, organ, "tree"))

        def made() -> Response[bytes]:
            return json_of(sheet(asked, answer, organs.name(organ), whole, standing(organs, organ, positions)))

        async with deps.offload.turn():
            return await deps.offload.thread(made)

    @get(
        "/v1/annual/{organ:str}",
        responses={
            200: ResponseSpec(SideBySide, generate_examples=False),
            307: MOVED,
            400: WRONG,
            404: UNKNOWN,
            503: AWAY,
        },
    )
    async def years(
        request: Request[Any, Any, Any],
        organ: str,
        form: str | None = None,
        first: int | None = None,
        last: int | None = None,
        reach: str | None = None,
    ) -> Response[bytes]:
        """Several years side by side, the latest five by default, with each year's change and its share in time."""
        organ, media_type = params.suffixed(request, organ)
        if media_type != JSON:
            return moved(request, f"{deps.desk}/annual/{part(organ)}")
        end = last if last is not None else organs.today(organ).year
        start = first if first is not None else end - 4
        for field, value in (("query.first", start), ("query.last", end)):
            if not 1950 <= value <= 2199 or not 0 <= end - start < MOST_YEARS:
                raise params.wrong(field, str(value), f"years from 1950 to 2199, at most {MOST_YEARS}, the first first")
        asked = params.asked(organs, organ, end, form, None, reach)

        async def ask(conn: Conn) -> SideBySide:
            await known(conn, deps, organ)
            reports = []
            for year in range(start, end + 1):
                answer = await annual.answer(
                    conn,
                    Asked(organ, year, asked.form, asked.as_of, None, asked.organs, asked.reach, asked.foreign),
                )
                reports.append(answer.report)
            return pages.side_by_side(asked.form, organs.name(organ), reports)

        return json_of(await read(deps, ask))

    @get(
        "/v1/annual/{organ:str}/{year:str}/organs",
        responses={
            200: ResponseSpec(OrgansOfYear, generate_examples=False),
            307: MOVED,
            400: WRONG,
            404: UNKNOWN,
            503: AWAY,
        },
    )
    async def under(
        request: Request[Any, Any, Any], organ: str, year: str, q: str = "", page: int = 1, form: str | None = None
    ) -> Response[bytes]:
        """The organs whose numbers make up the report, each with its own, in pages; ``q``: those with these words in
        their code or name. ``sum`` is of all. Requests count that are under the law of the ``form``."""
        wanted = params.year_of(year)
        if params.best(request) != JSON:
            return moved(request, f"{deps.desk}/annual/{part(organ)}/{wanted}/organs")
        codes = annual.organs_of(organs, organ, "tree")
        statutes = params.form(form, wanted, organs, organ).statutes

        async def ask(conn: Conn) -> dict[str, dict[str, int]]:
            await known(conn, deps, organ)
            return await reading.by_organ(conn, codes, wanted, statutes)

        found = await read(deps, ask)

        def made() -> Response[bytes]:
            fitting = [code for code in codes if not q or pages.matches(q, code, organs.name(code))]
            some, count = pages.paged(fitting, page, PAGE_ORGANS)
            rows = [OrganLine(code, organs.name(code), **found[code]) for code in some]
            total = pages.totals(found)
            size = (len(codes), len(fitting), min(max(page, 1), count), count)
            return json_of(OrgansOfYear(organ, organs.name(organ), wanted, total, rows, *size))

        async with deps.offload.turn():
            return await deps.offload.thread(made)

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
        request: Request[Any, Any, Any],
        organ: str,
        year: str,
        table: str,
        row: str,
        column: str,
        form: str | None = None,
        as_of: str | None = None,
        reach: str | None = None,
        after: str = "",
        limit: int = 100,
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
        asked = params.asked(organs, organ, params.year_of(year), form, as_of, reach)

        async def ask(conn: Conn) -> Behind:
            await known(conn, deps, organ)
            return await drilldown.page(conn, asked, (table, row, column), after, limit, f"{deps.tracker}/v1/requests/")

        found = await read(deps, ask)
        labels = pages.cell_label(asked.form, table, row, column)
        return json_of(replace(found, name=organs.name(organ), labels=labels))

    return [report, laid_out, years, under, cell]
