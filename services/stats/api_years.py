"""Reports next to each other over HTTP: years side by side, and the organs whose numbers make up one."""

from datetime import date
from typing import Any

from litestar import Controller, Request, Response, get
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, FromQuery

from services.events.vocabulary import FIRST_DAY
from services.runtime.database import Conn
from services.runtime.moved import MOVED, moved
from services.runtime.paths import part
from services.stats import annual, pages, params, reading
from services.stats.annual import Asked
from services.stats.deps import AWAY, UNKNOWN, WRONG, Injected, json_of, known, read
from services.stats.pages import OrganLine, OrgansOfYear, SideBySide
from services.stats.params import JSON
from services.stats.same_day import SameDay, beside

PAGE_ORGANS = 100
MOST_YEARS = 20


class Years(Controller):
    """An organ's years, and a year's organs."""

    path = "/v1/annual/{organ:str}"

    @get(
        responses={
            200: ResponseSpec(SideBySide, generate_examples=False),
            307: MOVED,
            400: WRONG,
            404: UNKNOWN,
            503: AWAY,
        },
    )
    async def years(
        self,
        request: Request[Any, Any, Any],
        deps: Injected,
        organ: FromPath[str],
        form: FromQuery[str | None] = None,
        first: FromQuery[int | None] = None,
        last: FromQuery[int | None] = None,
        reach: FromQuery[str | None] = None,
        lang: FromQuery[str | None] = None,  # of the page that a browser is led to
    ) -> Response[bytes]:
        """Several years side by side, the latest five by default, with each year's change and its share in time."""
        organ, media_type = params.suffixed(request, organ)
        if media_type != JSON:
            return moved(request, f"{deps.desk}/annual/{part(organ)}")
        organs = deps.organs
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
        "/{year:str}/same-day",
        responses={200: ResponseSpec(SameDay, generate_examples=False), 400: WRONG, 404: UNKNOWN, 503: AWAY},
    )
    async def beside_last(
        self,
        deps: Injected,
        organ: FromPath[str],
        year: FromPath[str],
        through: FromQuery[date | None] = None,
        form: FromQuery[str | None] = None,
        reach: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        """A year from 1 January through a day, beside the year before through the same day: received and ended, in time
        and late. ``through``: a day of the year; left out, today in the organ's zone, or the year's last day. Both
        count by the days of receipt and of the end, as they are known now (``basis``)."""
        wanted = params.year_of(year)
        day = through or min(deps.organs.today(organ), date(wanted, 12, 31))
        if day.year != wanted or wanted == FIRST_DAY.year:
            raise params.wrong("query.through", day.isoformat(), f"a day of {wanted}, with a year before it")
        asked = params.asked(deps.organs, organ, wanted, form, None, reach)

        async def ask(conn: Conn) -> SameDay:
            await known(conn, deps, organ)
            return await beside(conn, asked, day)

        return json_of(await read(deps, ask))

    @get(
        "/{year:str}/organs",
        responses={
            200: ResponseSpec(OrgansOfYear, generate_examples=False),
            307: MOVED,
            400: WRONG,
            404: UNKNOWN,
            503: AWAY,
        },
    )
    async def under(
        self,
        request: Request[Any, Any, Any],
        deps: Injected,
        organ: FromPath[str],
        year: FromPath[str],
        q: FromQuery[str] = "",
        page: FromQuery[int] = 1,
        form: FromQuery[str | None] = None,
        lang: FromQuery[str | None] = None,  # of the page that a browser is led to
    ) -> Response[bytes]:
        """The organs whose numbers make up the report, each with its own, in pages; ``q``: those with these words in
        their code or name. ``sum`` is of all. Requests count that are under the law of the ``form``."""
        wanted = params.year_of(year)
        if params.best(request) != JSON:
            return moved(request, f"{deps.desk}/annual/{part(organ)}/{wanted}/organs")
        organs = deps.organs
        codes = annual.organs_of(organs, organ, "tree")
        statutes = params.form(form, wanted, organs, organ).statutes

        async def ask(conn: Conn) -> dict[str, dict[str, int]]:
            await known(conn, deps, organ)
            return await reading.by_organ(conn, codes, wanted, statutes)

        numbers = await read(deps, ask)

        def made() -> Response[bytes]:
            fitting = [code for code in codes if not q or pages.matches(q, code, organs.name(code))]
            some, count = pages.paged(fitting, page, PAGE_ORGANS)
            rows = [OrganLine(code, organs.name(code), **numbers[code]) for code in some]
            total = pages.totals(numbers)
            size = (len(codes), len(fitting), min(max(page, 1), count), count)
            return json_of(OrgansOfYear(organ, organs.name(organ), wanted, total, rows, *size))

        async with deps.offload.turn():
            return await deps.offload.thread(made)
