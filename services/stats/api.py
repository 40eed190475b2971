"""The stats over HTTP: an organ's annual report as JSON or as a page, and the list of what there is."""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, TypeVar
from urllib.parse import quote

from litestar import Request, Response, get
from litestar.openapi import ResponseSpec
from litestar.types import ControllerRouterHandler

from services.events.vocabulary import FIRST_DAY, LAST_DAY
from services.runtime.database import Conn, Pool
from services.runtime.health import Part
from services.runtime.problems import FieldProblem, ProblemError, described
from services.runtime.retry import is_transient
from services.runtime.web import RETRY_AFTER
from services.stats import render, snapshot, store
from services.stats.cells import Cell, Number
from services.stats.form import Form, UnknownForm, form_for, form_ids, load
from services.stats.organs import Organs
from services.stats.render import Place, Standing
from services.stats.report import Lang, Report, make_report
from services.stats.snapshot import Position, Snapshots

T = TypeVar("T")

HTML, JSON = "text/html", "application/json"
SUFFIXES = {".html": HTML, ".json": JSON}
_HTML_HEADERS = {"cache-control": "no-cache", "vary": "accept, accept-language"}
_YEAR = f"a year from {FIRST_DAY.year} to {LAST_DAY.year}, with .json or .html behind it where you like"


@dataclass(frozen=True, slots=True)
class Deps:
    """What the handlers read from."""

    pool: Pool
    database: Part
    organs: Organs
    snapshots: Snapshots


def handlers(deps: Deps) -> list[ControllerRouterHandler]:
    """The routes."""

    @get("/", include_in_schema=False)
    async def home(request: Request[Any, Any, Any], lang: str | None = None) -> Response[bytes]:
        """The organs and the years that have numbers."""
        language = _language(request, lang)
        return _page(render.page("home.html", language, organs=_listed(deps)))

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

    @get(
        "/v1/annual/{organ:str}/{year:str}",
        responses={
            200: ResponseSpec(Report, generate_examples=False, description="The report; or, as HTML, its page."),
            400: described("The year, the form or the language is not what it should be."),
            404: described("No such organ is known."),
            503: described("The database is away."),
        },
    )
    async def annual(
        request: Request[Any, Any, Any],
        organ: str,
        year: str,
        form: str | None = None,
        lang: str | None = None,
    ) -> Response[bytes]:
        """An organ's annual report: ``{year}`` may end in ``.json`` or ``.html``; else ``Accept`` decides."""
        wanted, media_type = _year_and_type(request, year)
        language = _language(request, lang)
        shape = _form(form, wanted)

        async def ask(conn: Conn) -> tuple[dict[Cell, Number], tuple[Position, ...], bool]:
            known = deps.organs.data(organ) is not None or await store.has_numbers(conn, organ)
            return await store.cells(conn, organ, wanted), await snapshot.positions(conn), known

        cells, positions, known = await _read(deps, ask)
        if not known:
            raise ProblemError(404, f"organ {organ!r} is unknown: no organ-registered fact has named it")
        report = make_report(shape, organ, wanted, deps.organs.today(organ).isoformat(), cells)
        if media_type == JSON:
            return Response(render.to_json(report), media_type=JSON, headers=_HTML_HEADERS)
        standing = _standing(deps.organs, organ, positions)
        return _page(render.to_html(report, shape, deps.organs.name(organ), standing, lang=language))

    return [home, stylesheet, icon, annual]


def _page(text: str) -> Response[bytes]:
    return Response(text.encode(), media_type=HTML, headers=_HTML_HEADERS)


def _year_and_type(request: Request[Any, Any, Any], text: str) -> tuple[int, str]:
    """The year, and the media type that its suffix or ``Accept`` asks for. Raises :class:`ProblemError`."""
    name, dot, suffix = text.partition(".")
    media_type = SUFFIXES.get(dot + suffix) if dot else request.accept.best_match([JSON, HTML], default=JSON)
    year = int(name) if len(name) == 4 and name.isascii() and name.isdigit() else 0
    if media_type is None or not FIRST_DAY.year <= year <= LAST_DAY.year:
        raise _wrong("path.year", text, _YEAR)
    return year, media_type


def _form(name: str | None, year: int) -> Form:
    if name is None:
        return form_for(year)
    try:
        return load(name)
    except UnknownForm:
        raise _wrong("query.form", name, f"one of {', '.join(form_ids())}") from None


def _language(request: Request[Any, Any, Any], given: str | None) -> Lang:
    """The language asked for; else the browser's first of Chinese and English; else Chinese."""
    if given is not None:
        match given:
            case "zh" | "en":
                return given
            case _:
                raise _wrong("query.lang", given, "zh or en")
    for part in request.headers.get("accept-language", "").lower().split(","):
        tag = part.partition(";")[0].strip()
        if tag.startswith("zh"):
            return "zh"
        if tag.startswith("en"):
            return "en"
    return "zh"


def _wrong(field: str, value: str, expected: str) -> ProblemError:
    problem = FieldProblem(field=field, problem=f"is {value[:60]!r}", expected=expected)
    return ProblemError(400, f"{field}: is {value[:60]!r}; expected {expected}", errors=[problem])


async def _read(deps: Deps, ask: Callable[[Conn], Awaitable[T]]) -> T:
    """One consistent reading of the database; 503 where it is away."""
    if not deps.database.is_ok:
        raise _away(deps.database.reason)
    try:
        async with deps.pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
            return await ask(conn)
    except Exception as error:  # only what says that the database is away; all else is raised again
        if not is_transient(error):
            raise
        raise _away(str(error)) from error


def _away(reason: str) -> ProblemError:
    detail = f"the database can't be read now: {reason}"
    return ProblemError(503, detail, kind="not-ready", headers={"Retry-After": RETRY_AFTER})


def _standing(organs: Organs, organ: str, positions: tuple[Position, ...]) -> Standing:
    last = max((p.last_event_at for p in positions), default=None)
    return Standing(
        tuple(Place(p.topic, p.partition, p.next_offset) for p in positions),
        last.astimezone(organs.zone(organ)).isoformat(" ", "seconds") if last else "",
    )


def _listed(deps: Deps) -> list[dict[str, Any]]:
    """Organs by code, each with its years, the latest first, and how many requests it received."""
    latest = deps.snapshots.latest
    years: defaultdict[str, defaultdict[int, int]] = defaultdict(lambda: defaultdict(int))
    for organ, year in latest.years if latest else ():
        years[organ][year] = 0
    for organ, year, _, count in latest.received if latest else ():
        years[organ][year] += count
    return [
        {
            "code": code,
            "name": deps.organs.name(code),
            "path": f"/v1/annual/{quote(code, safe='')}",
            "years": sorted(years[code].items(), reverse=True) if code in years else [],
            "this_year": deps.organs.today(code).year,
        }
        for code in sorted({*deps.organs.codes(), *years})
    ]
