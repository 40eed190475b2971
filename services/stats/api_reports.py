"""The reports over HTTP: a year in every format, years side by side, the organs under one, what is behind a number."""

from typing import Any

from litestar import Request, Response, get
from litestar.openapi import ResponseSpec
from litestar.types import ControllerRouterHandler

from services.runtime.database import Conn
from services.stats import annual, asking, behind, downloads, pages, reading, render
from services.stats.annual import Answer, Asked
from services.stats.asking import CSV, DOCX, JSON, XLSX
from services.stats.behind import Behind
from services.stats.charts import charts
from services.stats.handling import AWAY, HEADERS, UNKNOWN, WRONG, Deps, answered, known, page_of, read, standing
from services.stats.indicators import indicators
from services.stats.pages import SideBySide
from services.stats.report import Report

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
        lang: str | None = None,
        as_of: str | None = None,
        reach: str | None = None,
    ) -> Response[bytes]:
        """An organ's annual report: ``{year}`` may end in ``.json``, ``.csv``, ``.xlsx``, ``.docx`` or ``.html``; else
        ``Accept`` decides. ``as_of`` (a date or an instant): as it was known then. ``reach=own``: without the organs
        under it."""
        wanted, media_type = asking.year_and_type(request, year)
        language = asking.language(request, lang)
        asked = asking.asked(organs, organ, wanted, form, as_of, reach)
        answer, positions = await read(deps, lambda conn: answered(conn, deps, asked))
        name = organs.name(organ)

        def made() -> Response[bytes]:
            if media_type == JSON:
                return Response(render.to_json(answer.report), media_type=JSON, headers=HEADERS)
            if media_type in (CSV, XLSX, DOCX):
                return downloads.download(answer.report, asked.form, name, media_type, language, HEADERS)
            more = _more(deps, asked, answer, language, as_of or "", reach or "")
            rests_on = standing(organs, organ, positions)
            return page_of(render.to_html(answer.report, asked.form, name, rests_on, lang=language, more=more))

        async with deps.offload.turn():
            return await deps.offload.thread(made)

    @get(
        "/v1/annual/{organ:str}",
        responses={200: ResponseSpec(SideBySide, generate_examples=False), 400: WRONG, 404: UNKNOWN, 503: AWAY},
    )
    async def years(
        request: Request[Any, Any, Any],
        organ: str,
        form: str | None = None,
        first: int | None = None,
        last: int | None = None,
        lang: str | None = None,
        reach: str | None = None,
    ) -> Response[bytes]:
        """Several years side by side, the latest five by default, with each year's change and its share in time."""
        organ, media_type = asking.suffixed(request, organ)
        language = asking.language(request, lang)
        end = last if last is not None else organs.today(organ).year
        start = first if first is not None else end - 4
        for field, value in (("query.first", start), ("query.last", end)):
            if not 1950 <= value <= 2199 or not 0 <= end - start < MOST_YEARS:
                raise asking.wrong(field, str(value), f"years from 1950 to 2199, at most {MOST_YEARS}, the first first")
        asked = asking.asked(organs, organ, end, form, None, reach)

        async def ask(conn: Conn) -> SideBySide:
            await known(conn, deps, organ)
            reports, shares = [], []
            for year in range(start, end + 1):
                answer = await annual.answer(
                    conn, Asked(organ, year, asked.form, asked.as_of, None, asked.organs, asked.reach)
                )
                reports.append(answer.report)
                shares.append(indicators(answer.cells, asked.organs, year).share_in_time)
            return pages.side_by_side(asked.form, reports, shares)

        found = await read(deps, ask)
        if media_type == JSON:
            return Response(render.encode(found), media_type=JSON, headers=HEADERS)
        values = {"found": found, "form": asked.form, "name": organs.name(organ), "path": pages.base(organ)}
        async with deps.offload.turn():
            text = await deps.offload.thread(render.page, "years.html", language, **values, scope=reach or "")
        return page_of(text)

    @get("/v1/annual/{organ:str}/{year:str}/organs", responses={400: WRONG, 404: UNKNOWN, 503: AWAY})
    async def under(
        request: Request[Any, Any, Any], organ: str, year: str, lang: str | None = None, q: str = "", page: int = 1
    ) -> Response[bytes]:
        """The organs whose numbers make up the report, each with its own, in pages; ``q``: those with these words in
        their code or name. ``sum`` is of all."""
        wanted = asking.year_of(year)
        language = asking.language(request, lang)
        codes = annual.organs_of(organs, organ, "tree")

        async def ask(conn: Conn) -> dict[str, dict[str, int]]:
            await known(conn, deps, organ)
            return await reading.by_organ(conn, codes, wanted)

        found = await read(deps, ask)
        as_json = asking.best(request) == JSON

        def made() -> Response[bytes]:
            fitting = [code for code in codes if not q or pages.matches(q, code, organs.name(code))]
            some, count = pages.paged(fitting, page, PAGE_ORGANS)
            rows = [{"organ": code, "name": organs.name(code), **found[code]} for code in some]
            if as_json:
                body = {"organ": organ, "year": wanted, "sum": pages.totals(found), "organs": rows, "pages": count}
                return Response(render.encode(body), media_type=JSON, headers=HEADERS)
            values = {"rows": rows, "sum": pages.totals(found), "page": min(max(page, 1), count), "pages": count}
            values |= {"wanted": q, "found": len(fitting), "all": len(codes)}
            paths = {code: pages.base(code) for code in some}
            more = {"organ": organ, "name": organs.name(organ), "year": wanted, "paths": paths}
            return page_of(render.page("organs.html", language, **values, **more, path=pages.base(organ)))

        async with deps.offload.turn():
            return await deps.offload.thread(made)

    @get(
        "/v1/annual/{organ:str}/{year:str}/cells/{table:str}/{row:str}/{column:str}",
        responses={200: ResponseSpec(Behind, generate_examples=False), 400: WRONG, 404: UNKNOWN, 503: AWAY},
    )
    async def cell(
        request: Request[Any, Any, Any],
        organ: str,
        year: str,
        table: str,
        row: str,
        column: str,
        form: str | None = None,
        lang: str | None = None,
        as_of: str | None = None,
        reach: str | None = None,
        after: str = "",
        limit: int = 100,
    ) -> Response[bytes]:
        """The requests (or reviews, or tallies) that a number of the report counts, in pages by organ and day.

        ``after`` takes the ``next`` of the page before; there is more as long as there is one, even behind a page that
        is short. With ``as_of`` what counted then."""
        column, media_type = asking.suffixed(request, column)
        language = asking.language(request, lang)
        if not 1 <= limit <= 1000:
            raise asking.wrong("query.limit", str(limit), "a number from 1 to 1000")
        asked = asking.asked(organs, organ, asking.year_of(year), form, as_of, reach)

        async def ask(conn: Conn) -> Behind:
            await known(conn, deps, organ)
            return await behind.page(conn, asked, (table, row, column), after, limit, f"{deps.tracker}/v1/requests/")

        found = await read(deps, ask)
        if media_type == JSON:
            return Response(render.encode(found), media_type=JSON, headers=HEADERS)
        given = {"form": asked.form.id, "lang": language, "as_of": as_of, "reach": reach}
        values = {
            "found": found,
            "labels": pages.cell_label(asked.form, table, row, column),
            "name": organs.name(organ),
            "path": pages.base(organ),
            "here": f"{pages.base(organ)}/{asked.year}/cells/{table}/{row}/{column}.html",
            "query": pages.query(**given),
            "other": pages.query(**(given | {"lang": "en" if language == "zh" else "zh"})),
            "next": pages.query(**given, after=found.next) if found.next else "",
            "tracker": deps.tracker,
        }
        async with deps.offload.turn():
            return page_of(await deps.offload.thread(render.page, "cell.html", language, **values))

    return [report, years, under, cell]


def _more(deps: Deps, asked: Asked, answer: Answer, lang: Any, as_of: str, scope: str) -> dict[str, Any]:
    """What the service shows beside a report's numbers."""
    return {
        "links": pages.links(asked, lang, as_of=as_of, reach=scope),
        "revised": pages.revised(answer),
        "charts": charts(indicators(answer.cells, asked.organs, asked.year), lang),
        "published": answer.published,
        "revisions": [(pages.cell_label(asked.form, r.table, r.row, r.column), r) for r in answer.revised],
        "under": asked.organs if len(annual.organs_of(deps.organs, asked.organ, "tree")) > 1 else (),
        "scope": scope,
        "query": pages.query(as_of=as_of, reach=scope),
        "tracker": deps.tracker,
        "path": pages.base(asked.organ),
    }
