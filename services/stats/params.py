"""What a request for a report says: year and format, language, form, date, organs; each refusal names the field."""

from typing import Any

from litestar import Request

from services.events.vocabulary import FIRST_DAY, LAST_DAY
from services.runtime.problems import FieldProblem, ProblemError
from services.stats.annual import Asked, Scope, moment, organs_of
from services.stats.forms.form import Form, UnknownForm, form_for, form_ids, law_of, load
from services.stats.forms.items import with_items
from services.stats.forms.shape import DEFAULT_STATUTE
from services.stats.organs import Organs

HTML, JSON, CSV = "text/html", "application/json", "text/csv"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
SUFFIXES = {".html": HTML, ".json": JSON, ".csv": CSV, ".xlsx": XLSX, ".docx": DOCX}
PAGES = {".html": HTML, ".json": JSON}
_YEAR = f"a year from {FIRST_DAY.year} to {LAST_DAY.year}, with {', '.join(SUFFIXES)} behind it where you like"


def wrong(field: str, value: str, expected: str) -> ProblemError:
    """A refusal with status 400."""
    problem = FieldProblem(field=field, problem=f"is {value[:60]!r}", expected=expected)
    return ProblemError(400, f"{field}: is {value[:60]!r}; expected {expected}", errors=[problem])


def year_of(text: str) -> int:
    """A year as it stands in a path. Raises :class:`ProblemError`."""
    year = int(text) if len(text) == 4 and text.isascii() and text.isdigit() else 0
    if not FIRST_DAY.year <= year <= LAST_DAY.year:
        raise wrong("path.year", text, _YEAR)
    return year


def year_and_type(request: Request[Any, Any, Any], text: str) -> tuple[int, str]:
    """The year, and the media type that its suffix or ``Accept`` asks for. Raises :class:`ProblemError`."""
    name, dot, suffix = text.partition(".")
    media_type = SUFFIXES.get(dot + suffix) if dot else best(request, tuple(SUFFIXES.values()))
    if media_type is None:
        raise wrong("path.year", text, _YEAR)
    try:
        return year_of(name), media_type
    except ProblemError:
        raise wrong("path.year", text, _YEAR) from None


def number_and_type(request: Request[Any, Any, Any], text: str) -> tuple[int, str]:
    """The number of a publication, and the media type, the same way. Raises :class:`ProblemError`."""
    name, dot, suffix = text.partition(".")
    media_type = SUFFIXES.get(dot + suffix) if dot else best(request, tuple(SUFFIXES.values()))
    if media_type is None or not (name.isascii() and name.isdigit() and 1 <= len(name) <= 6):
        raise wrong("path.number", text, f"a publication's number, with {', '.join(SUFFIXES)} behind it where you like")
    return int(name), media_type


def best(request: Request[Any, Any, Any], offered: tuple[str, ...] = (JSON, HTML)) -> str:
    """What ``Accept`` likes best; JSON for whoever takes anything."""
    preferred = request.accept.best_match([JSON, *(o for o in offered if o != JSON)], default=JSON)
    return preferred or JSON


def suffixed(request: Request[Any, Any, Any], text: str) -> tuple[str, str]:
    """The last part of a path without its ``.html`` or ``.json``, and the media type."""
    for suffix, media_type in PAGES.items():
        if text.endswith(suffix):
            return text.removesuffix(suffix), media_type
    return text, best(request)


def form(name: str | None, year: int, organs: Organs, organ: str, field: str = "query.form") -> Form:
    """The form asked for in ``field``; else the one made for the year under the organ's statute."""
    if name is None:
        data = organs.data(organ)
        return form_for(year, data.statute if data else DEFAULT_STATUTE)
    try:
        return load(name)
    except UnknownForm:
        raise wrong(field, name, f"one of {', '.join(form_ids())}") from None


def scope(given: str | None) -> Scope:
    """``tree`` (an organ with those under it) or ``own``."""
    match given:
        case None | "tree":
            return "tree"
        case "own":
            return "own"
        case _:
            raise wrong("query.reach", given, "tree or own")


def asked(
    organs: Organs,
    organ: str,
    year: int,
    name: str | None,
    as_of: str | None,
    given: str | None,
    form_field: str = "query.form",
) -> Asked:
    """The report that is asked for; ``form_field``: where the form's ``name`` stands. Raises :class:`ProblemError`."""
    try:
        day, before = moment(organs, organ, as_of or "")
    except ValueError:
        raise wrong("query.as_of", as_of or "", "a date, or an RFC 3339 instant with its zone") from None
    reach = scope(given)
    codes = organs_of(organs, organ, reach)
    chosen = with_items(form(name, year, organs, organ, form_field), organs.items(codes))
    return Asked(organ, year, chosen, day, before, codes, reach, law_of(chosen, organs.statutes()).foreign)
