"""The stats over HTTP: annual reports in every format, what is behind their numbers, and their publications."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, TypeVar

import asyncpg
from litestar import Request, Response, get, post
from litestar.openapi import ResponseSpec
from litestar.types import ControllerRouterHandler

from services.runtime.database import Conn, Pool
from services.runtime.health import Part
from services.runtime.problems import ProblemError, described
from services.runtime.retry import is_transient
from services.runtime.web import RETRY_AFTER
from services.stats import annual, asking, behind, downloads, home, pages, publishing, reading, render, snapshot, store
from services.stats.annual import Answer, Asked
from services.stats.asking import CSV, DOCX, HTML, JSON, XLSX
from services.stats.behind import Behind
from services.stats.charts import charts
from services.stats.indicators import indicators
from services.stats.organs import Organs
from services.stats.pages import SideBySide
from services.stats.publishing import NewPublication, Published, PublishedYear
from services.stats.render import Place, Standing
from services.stats.report import Report
from services.stats.snapshot import Position, Snapshots

T = TypeVar("T")

HEADERS = {"cache-control": "no-cache", "vary": "accept, accept-language"}
PAGE_ORGANS = 100
MOST_YEARS = 20

_WRONG = described("A part of the path or of the query is not what it should be.")
_UNKNOWN = described("No such organ, table, row or column is known.")
_AWAY = described("The database is away.")


@dataclass(frozen=True, slots=True)
class Deps:
    """What the handlers read from."""

    pool: Pool
    database: Part
    organs: Organs
    snapshots: Snapshots
    tracker: str = ""
    """The tracker's public address."""


def handlers(deps: Deps) -> list[ControllerRouterHandler]:
    """The routes."""
    organs = deps.organs

    @get("/static/stats.css", include_in_schema=False, sync_to_thread=False)
    def stylesheet() -> Response[bytes]:
        return Response(
            render.stylesheet().encode(), media_type="text/css", headers={"cache-control": "public, max-age=3600"}
        )

    @get("/static/icon.svg", include_in_schema=False, sync_to_thread=False)
    def icon() -> Response[bytes]:
        return Response(
            (files("services.stats") / "static" / "icon.svg").read_bytes(),
            media_type="image/svg+xml",
            headers={"cache-control": "public, max-age=86400"},
        )

    @get("/", include_in_schema=False)
    async def root(
        request: Request[Any, Any, Any], lang: str | None = None, q: str = "", page: int = 1
    ) -> Response[bytes]:
        """The organs and the years that have numbers; found by name or code, in pages."""
        language = asking.language(request, lang)
        values = home.listed(organs, deps.snapshots.latest, q, page)
        return _page(render.page("home.html", language, **values))

    @get(
        "/v1/annual/{organ:str}/{year:str}",
        responses={
            200: ResponseSpec(Report, generate_examples=False, description="The report; or another format of it."),
            400: _WRONG,
            404: _UNKNOWN,
            503: _AWAY,
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
        answer, positions = await _read(deps, lambda conn: _answer(conn, deps, asked))
        name = organs.name(organ)
        if media_type == JSON:
            return Response(render.to_json(answer.report), media_type=JSON, headers=HEADERS)
        if media_type in (CSV, XLSX, DOCX):
            return downloads.download(answer.report, asked.form, name, media_type, language, HEADERS)
        return _page(
            render.to_html(
                answer.report,
                asked.form,
                name,
                standing(organs, organ, positions),
                lang=language,
                more=_more(deps, asked, answer, language, as_of or "", reach or ""),
            )
        )

    @get(
        "/v1/annual/{organ:str}",
        responses={200: ResponseSpec(SideBySide, generate_examples=False), 400: _WRONG, 404: _UNKNOWN, 503: _AWAY},
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
            await _known(conn, deps, organ)
            reports, shares = [], []
            for year in range(start, end + 1):
                answer = await annual.answer(
                    conn, Asked(organ, year, asked.form, asked.as_of, None, asked.organs, asked.reach)
                )
                reports.append(answer.report)
                shares.append(indicators(answer.cells, asked.organs, year).share_in_time)
            return pages.side_by_side(asked.form, reports, shares)

        found = await _read(deps, ask)
        if media_type == JSON:
            return Response(render.encode(found), media_type=JSON, headers=HEADERS)
        values = {"found": found, "form": asked.form, "name": organs.name(organ), "path": pages.base(organ)}
        return _page(render.page("years.html", language, **values, scope=reach or ""))

    @get("/v1/annual/{organ:str}/{year:str}/organs", responses={400: _WRONG, 404: _UNKNOWN, 503: _AWAY})
    async def under(
        request: Request[Any, Any, Any], organ: str, year: str, lang: str | None = None, page: int = 1
    ) -> Response[bytes]:
        """The organs whose numbers make up the report, each with its own, in pages."""
        wanted = asking.year_of(year)
        language = asking.language(request, lang)
        codes = annual.organs_of(organs, organ, "tree")

        async def ask(conn: Conn) -> dict[str, dict[str, int]]:
            await _known(conn, deps, organ)
            return await reading.by_organ(conn, codes, wanted)

        found = await _read(deps, ask)
        some, count = pages.paged(codes, page, PAGE_ORGANS)
        rows = [{"organ": code, "name": organs.name(code), **found[code]} for code in some]
        if asking.best(request) == JSON:
            body = {"organ": organ, "year": wanted, "sum": pages.totals(found), "organs": rows, "pages": count}
            return Response(render.encode(body), media_type=JSON, headers=HEADERS)
        values = {"rows": rows, "sum": pages.totals(found), "page": min(max(page, 1), count), "pages": count}
        paths = {code: pages.base(code) for code in some}
        more = {"organ": organ, "name": organs.name(organ), "year": wanted, "paths": paths, "path": pages.base(organ)}
        return _page(render.page("organs.html", language, **values, **more))

    @get(
        "/v1/annual/{organ:str}/{year:str}/cells/{table:str}/{row:str}/{column:str}",
        responses={200: ResponseSpec(Behind, generate_examples=False), 400: _WRONG, 404: _UNKNOWN, 503: _AWAY},
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
        """The requests (or reviews, or tallies) that a number of the report counts, in pages by id: ``after`` takes the
        ``next`` of the page before. With ``as_of`` what counted then."""
        column, media_type = asking.suffixed(request, column)
        language = asking.language(request, lang)
        if not 1 <= limit <= 1000:
            raise asking.wrong("query.limit", str(limit), "a number from 1 to 1000")
        asked = asking.asked(organs, organ, asking.year_of(year), form, as_of, reach)

        async def ask(conn: Conn) -> Behind:
            await _known(conn, deps, organ)
            return await behind.page(conn, asked, (table, row, column), after, limit, f"{deps.tracker}/v1/requests/")

        found = await _read(deps, ask)
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
        return _page(render.page("cell.html", language, **values))

    @post(
        "/v1/annual/{organ:str}/{year:str}/publications",
        responses={
            200: ResponseSpec(Published, generate_examples=False, description="The same had been published already."),
            201: ResponseSpec(Published, generate_examples=False, description="Published."),
            400: _WRONG,
            404: _UNKNOWN,
            409: described("A rule of the form fails, or somebody else is publishing this year."),
            503: _AWAY,
        },
    )
    async def publish(organ: str, year: str, data: NewPublication, reach: str | None = None) -> Response[bytes]:
        """Freeze the year's figures as published, with the positions of the log and a digest. Numbers that change later
        are shown beside them. A report that does not add up is refused, unless ``despite`` says why it is published."""
        asked = asking.asked(organs, organ, asking.year_of(year), data.form, None, reach)

        async def make(conn: Conn) -> tuple[Published, bool]:
            answer, positions = await _answer(conn, deps, asked)
            return await publishing.publish(conn, asked, answer, places(positions), data)

        try:
            found, new = await _read(deps, make, readonly=False)
        except (asyncpg.UniqueViolationError, asyncpg.SerializationError):
            detail = f"{year} of {organ} is just being published by somebody else; look at what they published"
            raise ProblemError(409, detail, kind="published-meanwhile") from None
        return Response(render.encode(found), media_type=JSON, status_code=201 if new else 200)

    @get(
        "/v1/annual/{organ:str}/{year:str}/publications",
        responses={200: ResponseSpec(PublishedYear, generate_examples=False), 400: _WRONG, 404: _UNKNOWN, 503: _AWAY},
    )
    async def published(organ: str, year: str) -> Response[bytes]:
        """The year's publications, the first one first, each with the numbers that have changed since and why."""
        wanted = asking.year_of(year)

        async def ask(conn: Conn) -> PublishedYear:
            await _known(conn, deps, organ)
            return await publishing.of_year(conn, organs, organ, wanted)

        return Response(render.encode(await _read(deps, ask)), media_type=JSON, headers=HEADERS)

    return [root, stylesheet, icon, report, years, under, cell, publish, published]


async def _known(conn: Conn, deps: Deps, organ: str) -> None:
    if deps.organs.data(organ) is None and not await store.has_numbers(conn, organ):
        raise ProblemError(404, f"organ {organ!r} is unknown: no organ-registered fact has named it")


async def _answer(conn: Conn, deps: Deps, asked: Asked) -> tuple[Answer, tuple[Position, ...]]:
    await _known(conn, deps, asked.organ)
    return await annual.answer(conn, asked), await snapshot.positions(conn)


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


def _page(text: str) -> Response[bytes]:
    return Response(text.encode(), media_type=HTML, headers=HEADERS)


async def _read(deps: Deps, ask: Callable[[Conn], Awaitable[T]], *, readonly: bool = True) -> T:
    """One consistent reading of the database; 503 where it is away."""
    if not deps.database.is_ok:
        raise _away(deps.database.reason)
    try:
        async with deps.pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=readonly):
            return await ask(conn)
    except (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError) as error:
        # What no stored name can hold: a NUL in the path or in a cursor.
        raise ProblemError(400, f"the path or the query holds a character that no name has: {error}") from None
    except Exception as error:  # only what says that the database is away; all else is raised again
        if not is_transient(error) or isinstance(error, asyncpg.SerializationError):
            raise
        raise _away(str(error)) from error


def _away(reason: str) -> ProblemError:
    detail = f"the database can't be read now: {reason}"
    return ProblemError(503, detail, kind="not-ready", headers={"Retry-After": RETRY_AFTER})


def places(positions: tuple[Position, ...]) -> tuple[Place, ...]:
    """How far each partition is folded."""
    return tuple(Place(p.topic, p.partition, p.next_offset) for p in positions)


def standing(organs: Organs, organ: str, positions: tuple[Position, ...]) -> Standing:
    """What numbers rest on, for the foot of a page."""
    last = max((p.last_event_at for p in positions), default=None)
    return Standing(places(positions), last.astimezone(organs.zone(organ)).isoformat(" ", "seconds") if last else "")
