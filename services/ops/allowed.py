"""What a threshold may be: its type, and the values with which its alert can fire at all.

A value that no metric counts, or that no Prometheus can read, is refused where it is read: the rule that came of it
would look well and be silent for ever, or keep Prometheus from starting.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from math import inf
from typing import Annotated, Any, get_args, get_origin

from services.runtime import horizons, uris

_UNITS = {"y": 31_536_000.0, "w": 604_800.0, "d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_DURATION = re.compile("".join(f"(?:([0-9]+){unit})?" for unit in _UNITS))


class NotAllowed(ValueError):
    """A value is not what it should be; the text says what that is."""


@dataclass(frozen=True)
class Allowed:
    """A condition on a value, beside its type, and in words."""

    words: str
    holds: Callable[[Any], bool]


def seconds(duration: str) -> float:
    """How long a duration of Prometheus's is. Raises ValueError where it is none."""
    if duration == "0":  # the one that needs no unit
        return 0.0
    parts = _DURATION.fullmatch(duration)
    if parts is None or not duration:
        raise ValueError(duration)
    return sum(int(number) * unit for number, unit in zip(parts.groups(), _UNITS.values(), strict=True) if number)


def _lasts(duration: str, least: float) -> bool:
    try:
        return seconds(duration) >= least
    except ValueError:
        return False


def _one_of(days: Collection[int]) -> Allowed:
    *most, last = map(str, days)
    return Allowed(f"{', '.join(most)} or {last} (what the metrics count)", lambda value: value in days)


Duration = Annotated[str, Allowed("a duration of Prometheus's, like 90s, 5m or 1d", lambda text: _lasts(text, 0))]
Window = Annotated[
    str,
    Allowed("a duration of Prometheus's that is longer than 0, like 90s, 5m or 1d", lambda text: _lasts(text, 0.001)),
]
Url = Annotated[str, Allowed("a URL, http://... or https://...", lambda text: not uris.http(text))]
UrlOrNone = Annotated[
    str, Allowed("a URL, http://... or https://..., or nothing", lambda text: not text or not uris.http(text))
]
Count = Annotated[int, Allowed("a whole number from 0 on", lambda number: number >= 0)]
Positive = Annotated[int, Allowed("a whole number from 1 on", lambda number: number >= 1)]
Month = Annotated[int, Allowed("a month, 1 to 12", lambda number: 1 <= number <= 12)]
Rate = Annotated[float, Allowed("a number above 0", lambda number: 0 < number < inf)]
Share = Annotated[float, Allowed("a share above 0 and not above 1", lambda number: 0 < number <= 1)]
Objective = Annotated[float, Allowed("a share above 0 and below 1, like 0.999", lambda number: 0 < number < 1)]

Ahead = Annotated[int, _one_of(horizons.DAYS)]
WorkingDaysAhead = Annotated[int, _one_of(horizons.WORKING_DAYS)]
OfficeDaysAhead = Annotated[int, _one_of(horizons.OFFICE_DAYS)]
DaysWaited = Annotated[int, _one_of(horizons.WAITING_DAYS)]

RISING = Allowed("first the warning's value, then the critical one, which is no lower", lambda pair: pair[0] <= pair[1])
FALLING = Allowed(
    "first the warning's value, then the critical one, which is no higher", lambda pair: pair[0] >= pair[1]
)
LATER = Allowed(
    "first the warning's duration, then the critical one, which is no shorter",
    lambda pair: seconds(pair[0]) <= seconds(pair[1]),
)
_NAMES = {int: "a whole number", float: "a number", str: "a text"}


def read(hint: Any, value: object) -> Any:
    """``value`` as TOML has it, as the type ``hint``. Raises :class:`NotAllowed`, which says what is."""
    if get_origin(hint) is Annotated:
        base, *conditions = get_args(hint)
        found = read(base, value)
        for condition in conditions:
            if not condition.holds(found):
                raise NotAllowed(condition.words)
        return found
    if get_origin(hint) is tuple:
        return _tuple(get_args(hint), value)
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:  # a bool is an int to isinstance
        raise NotAllowed(_NAMES[hint])
    return value


def _tuple(kinds: tuple[Any, ...], value: object) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise NotAllowed("a list")
    if kinds[-1] is Ellipsis:
        if not value:
            raise NotAllowed("a list of one value at least")
        kinds = (kinds[0],) * len(value)
    if len(value) != len(kinds):
        raise NotAllowed(f"a list of {len(kinds)} values")
    return tuple(read(kind, one) for kind, one in zip(kinds, value, strict=True))
