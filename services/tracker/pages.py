"""The board in a browser: what is due, and one request with its clocks and the account of every date."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Request, Response, get
from litestar.params import FromQuery
from litestar.types import ControllerRouterHandler

from services.events.names import NAMES
from services.events.vocabulary import Label
from services.runtime import paths, styles
from services.runtime.problems import ProblemError
from services.tracker import board
from services.tracker.api import Deps, bad_cursor
from services.tracker.board import STATUSES, Page, Query, Wanted
from services.tracker.words import EVENT_WORDS, LIMIT_WORDS, STATUS_WORDS, WORDS
from services.tracker.world import World
from services.words.catalogue import Said, name

Lang = Literal["zh", "en"]
PER_PAGE = 100
EVENTS_SHOWN = 200
"""The latest events on a request's page; the API has them all."""
OFFERED = 500
FILTERS: tuple[str, ...] = ("unfinished", *STATUSES)
_WORDS_BY_CODE = {
    "status_words": STATUS_WORDS,
    "limit_words": LIMIT_WORDS,
    "event_words": EVENT_WORDS,
    "names": NAMES,
}


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("services.tracker", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["part"] = paths.part
    return made


def render(template: str, lang: Lang, **values: Any) -> str:
    """A page in one language."""

    def say(what: str | Label) -> str:
        label = WORDS[what] if isinstance(what, str) else what
        return label.zh if lang == "zh" else label.en

    def words(told: Said | Mapping[str, Any] | None) -> str:
        if told is None:
            return ""
        return str(told[lang]) if isinstance(told, Mapping) else told.zh if lang == "zh" else told.en

    shared = {
        "lang": lang,
        "html_lang": "zh-CN" if lang == "zh" else "en",
        "say": say,
        "words": words,
        "name": lambda group, code: name(group, code, lang),
    }
    return _environment().get_template(template).render(**shared, **_WORDS_BY_CODE, **values)


def local(instant: datetime, zone: tzinfo) -> str:
    """An instant as a reader in that zone has it on the clock, with the offset."""
    return instant.astimezone(zone).isoformat(sep=" ", timespec="seconds")


def _zone(world: World, organ: str) -> tzinfo:
    """The zone of an organ; of none in particular the one that all have, else UTC."""
    zones = {world.zone(code) for code in ([organ] if organ in world.organs else world.organs)}
    return zones.pop() if len(zones) == 1 else UTC


def language(request: Request[Any, Any, Any], given: str | None) -> Lang:
    """The language asked for, or the browser's. Raises :class:`ProblemError`."""
    match given:
        case "zh" | "en":
            return given
        case str():
            raise ProblemError(400, f"lang: expected zh or en, got {given[:60]!r}")
    accepted = request.headers.get("accept-language", "")
    return "en" if accepted.lower().startswith("en") else "zh"


def _status(given: str | None) -> Wanted | None:
    """A filter out of a form, where all is empty. Raises :class:`ProblemError`."""
    if not given:
        return None
    if given not in FILTERS:
        raise ProblemError(400, f"status: expected one of {', '.join(FILTERS)}, got {given[:60]!r}")
    known: Wanted = given  # type: ignore[assignment]  # one of them, as was just looked up
    return known


def _html(text: str) -> Response[bytes]:
    return Response(text.encode(), media_type="text/html", headers={"vary": "accept-language"})


def _asset(content: bytes, media_type: str) -> Response[bytes]:
    return Response(content, media_type=media_type, headers={"cache-control": "public, max-age=3600"})


def _request_page(lang: Lang, bodies: Sequence[bytes], values: dict[str, Any]) -> str:
    events = board.plain(bodies)
    earlier = events[0]["sequence"] - 1 if events else 0
    return render("request.html", lang, events=events, earlier=earlier, **values)


def handlers(deps: Deps) -> list[ControllerRouterHandler]:
    """The pages' routes."""

    async def listed(status: str | None, organ: str | None, cursor: str | None) -> tuple[Page, Wanted | None]:
        """The requests of a filter. Nobody asked for one: what is unfinished, or all where nothing is."""
        now = deps.clock.now()
        query = Query("unfinished" if status is None else _status(status), organ, limit=PER_PAGE, cursor=cursor)
        found = await board.requests(deps.pool, deps.offload, query, deps.world, now)
        if status is None and not found.requests:
            query = replace(query, status=None)
            found = await board.requests(deps.pool, deps.offload, query, deps.world, now)
        wanted: Wanted | None = query.status
        return found, wanted

    @get("/requests", include_in_schema=False)
    async def page_of_requests(
        request: Request[Any, Any, Any],
        status: FromQuery[str | None] = None,
        organ: FromQuery[str | None] = None,
        cursor: FromQuery[str | None] = None,
        lang: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        """What is due, the soonest first."""
        said = language(request, lang)
        try:
            found, shown = await listed(status, organ or None, cursor or None)
        except board.BadCursor:
            raise bad_cursor(cursor or "") from None
        known = deps.world.organs
        named = {item.organ: known[item.organ].name for item in found.requests if item.organ in known}
        # A list to choose from serves up to some hundred organs; among thousands one types the code, or part of it.
        offered = {code: known[code].name for code in sorted(known)} if len(known) <= OFFERED else {}
        return _html(
            await deps.offload.thread(
                render,
                "board.html",
                said,
                page=found,
                status=shown or "",
                organ=organ or "",
                names_of=named,
                organs=offered,
                filters=FILTERS,
                as_of=local(found.as_of, _zone(deps.world, organ or "")),
            )
        )

    @get("/requests/{subject:path}", include_in_schema=False)
    async def page_of_request(
        request: Request[Any, Any, Any],
        subject: str,
        each_day: FromQuery[bool] = False,
        lang: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        """One request, with why each of its dates is what it is."""
        said = language(request, lang)
        subject = subject.removeprefix("/")
        found = await board.request(deps.pool, deps.offload, subject, deps.world, deps.clock.now(), each_day)
        if found is None:
            raise ProblemError(404, f"no fact about {subject!r} has come")
        known = deps.world.organs.get(found.organ)
        latest = await board.history(deps.pool, deps.offload, subject, limit=EVENTS_SHOWN, latest=True)
        as_of = local(found.as_of, _zone(deps.world, found.organ))
        values = {"r": found, "organ": known.name if known else None, "each_day": each_day, "as_of": as_of}
        return _html(await deps.offload.thread(_request_page, said, latest.events, values))

    @get("/static/tracker.css", include_in_schema=False, sync_to_thread=False)
    def stylesheet() -> Response[bytes]:
        return _asset(styles.stylesheet("services.tracker", "tracker.css").encode(), "text/css")

    @get("/static/icon.svg", include_in_schema=False, sync_to_thread=False)
    def icon() -> Response[bytes]:
        return _asset((files("services.tracker") / "static" / "icon.svg").read_bytes(), "image/svg+xml")

    return [page_of_requests, page_of_request, stylesheet, icon]
