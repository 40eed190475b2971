"""The language of what people read, chosen in one place: Chinese or English, by ``lang`` or by ``Accept-Language``."""

import re
from typing import Any, Literal

from litestar import Request

from services.runtime.problems import FieldProblem, ProblemError

Lang = Literal["zh", "en"]
LANGUAGES: tuple[Lang, ...] = ("zh", "en")
"""The first one is for whoever likes neither, or says nothing."""
_QUALITY = re.compile(r"(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\Z")


def negotiated(request: Request[Any, Any, Any]) -> Lang:
    """The language asked for with ``?lang=``, else the one that the browser likes best. Raises :class:`ProblemError`
    (400) for another one asked for."""
    given = request.query_params.get("lang")
    if given is None:
        return preferred(request.headers.get("accept-language", ""))
    for lang in LANGUAGES:
        if given == lang:
            return lang
    wrong = FieldProblem(field="query.lang", problem=f"is {given[:60]!r}", expected="zh or en")
    raise ProblemError(400, f"query.lang: is {given[:60]!r}; expected zh or en", errors=[wrong])


def preferred(header: str) -> Lang:
    """The best of ours by an ``Accept-Language`` (RFC 9110, 12.5.4): by weight, then by which stands first."""
    ranges: dict[str, tuple[float, int]] = {}
    for place, text in enumerate(header.lower().split(",")):
        tag, *parameters = (piece.strip() for piece in text.split(";"))
        weight = _weight(parameters)
        name = tag.partition("-")[0]
        if weight is not None and weight > ranges.get(name, (-1.0, 0))[0]:
            ranges[name] = (weight, -place)
    others = ranges.get("*", (0.0, 0))
    return max(LANGUAGES, key=lambda lang: ranges.get(lang, others))


def _weight(parameters: list[str]) -> float | None:
    """The ``q`` of a range, 1 where none is given; None where it is no weight: the range says nothing then."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            return float(value.strip()) if _QUALITY.match(value.strip()) else None
    return 1.0
