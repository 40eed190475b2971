"""The file format of calendars: TOML, read whole and checked key by key.

A calendar is a weekend and the union of its bases, minus and plus what the file itself lists:

- ``[[base]]``: the ``holidays`` package's days of a ``country`` (``subdivisions``, ``categories``, ``observed``), as
  far as the package goes or ``from`` / ``through`` a year;
- ``[[yearly]]``: a day of every year, by ``month`` and ``day`` or by its distance from ``easter`` Sunday;
- ``[[notices]]``: published years, each laid over its year whole;
- ``[days_off]`` and ``[working_days]``: single days with their reasons;
- ``[shifted]``: days that the notice for another year set, with that year.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from importlib import metadata
from typing import Any

import holidays
from holidays import HolidayBase

from services.statute.calendar import FIRST, LAST, WEEK, Calendar, Notice
from services.statute.errors import BadData

LIMIT = 2100
"""The last year that the package knows rules for."""
_KEYS = {
    "": {"id", "title", "source", "confirmed", "weekend", "published_from", "published_through", "variants"}
    | {"base", "yearly", "notices", "days_off", "working_days", "shifted", "published"},
    "base": {"country", "subdivisions", "categories", "observed", "language", "from", "through"},
    "yearly": {"name", "month", "day", "easter", "from", "through"},
    "notices": {"year", "notice", "published_on", "days_off", "working_days"},
}
_NEEDED = ("id", "title", "source", "weekend", "published_from", "published_through")
_LANGUAGE = "en_US"


def _check(file: str, data: Mapping[str, Any], part: str = "", place: str = "") -> None:
    for key in data:
        if key not in _KEYS[part]:
            raise BadData(file, place + key, f"unknown key; known are {', '.join(sorted(_KEYS[part]))}")


def _get(file: str, data: Mapping[str, Any], key: str, kind: type | tuple[type, ...], default: Any = None) -> Any:
    """A key's value. Raises :class:`BadData` if it is missing (and has no default) or of another kind."""
    value = data.get(key, default)
    if value is None:
        raise BadData(file, key, "is missing")
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise BadData(file, key, f"got {value!r}, which is of another kind than expected")
    return value


def weekend_of(names: object, file: str) -> frozenset[int]:
    """Days of the week from their English names. Raises :class:`BadData`."""
    week = [name.lower() for name in WEEK]
    if not isinstance(names, list | tuple) or any(name not in week for name in names):
        raise BadData(file, "weekend", f"expected names of weekdays ({', '.join(week)}), got {names!r}")
    return frozenset(week.index(n) for n in names)


def easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (the anonymous algorithm, Nature 1876)."""
    a, (b, c) = year % 19, divmod(year, 100)
    h = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    step = (32 + 2 * (b % 4) + 2 * (c // 4) - h - c % 4) % 7
    m = (a + 11 * h + 22 * step) // 451
    month, day = divmod(h + step - 7 * m + 114, 31)
    return date(year, month, day + 1)


def _bases(file: str, data: Mapping[str, Any]) -> Iterator[tuple[HolidayBase, Mapping[str, Any]]]:
    for place, base in enumerate(data.get("base", ())):
        _check(file, base, "base", f"base[{place}].")
        years = range(_get(file, base, "from", int, FIRST.year), _get(file, base, "through", int, LIMIT) + 1)
        for subdivision in _get(file, base, "subdivisions", list, [None]) or [None]:
            country = _get(file, base, "country", str)
            observed = _get(file, base, "observed", bool, True)
            language = _get(file, base, "language", str, _LANGUAGE)
            categories = tuple(base["categories"]) if "categories" in base else None
            try:
                found = holidays.country_holidays(
                    country,
                    subdiv=subdivision,
                    years=years,
                    observed=observed,
                    categories=categories,
                    language=language,
                )
            except (NotImplementedError, ValueError) as error:
                # How the package says that it knows no such country, part of it, or category.
                raise BadData(file, f"base[{place}]", str(error)) from None
            yield found, base


def _yearly(file: str, data: Mapping[str, Any]) -> Iterator[tuple[date, str]]:
    for place, rule in enumerate(data.get("yearly", ())):
        _check(file, rule, "yearly", f"yearly[{place}].")
        if ("easter" in rule) == ("month" in rule or "day" in rule):
            raise BadData(file, f"yearly[{place}]", "expected month and day, or easter")
        for year in range(rule.get("from", FIRST.year), rule.get("through", LIMIT) + 1):
            try:
                if "easter" in rule:
                    yield easter(year) + timedelta(days=rule["easter"]), _get(file, rule, "name", str)
                else:
                    yield date(year, rule["month"], rule["day"]), _get(file, rule, "name", str)
            except (TypeError, ValueError, KeyError) as error:
                raise BadData(file, f"yearly[{place}]", f"no day of {year}: {error}") from None


def _listed(file: str, data: Mapping[str, Any], key: str, kind: type) -> dict[date, Any]:
    found = {}
    for day, value in _get(file, data, key, dict, {}).items():
        if not isinstance(value, kind):
            raise BadData(file, f"{key}.{day}", f"expected a {kind.__name__}, got {value!r}")
        found[_day(file, f"{key}.{day}", day)] = value
    return found


def _day(file: str, key: str, day: object) -> date:
    found = day
    if isinstance(day, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", day):
        try:
            found = date.fromisoformat(day)
        except ValueError:
            raise BadData(file, key, f"there is no day {day}") from None
    if type(found) is not date:
        raise BadData(file, key, f"expected dates YYYY-MM-DD, got {day!r}")
    if not FIRST <= found <= LAST:
        raise BadData(file, key, f"{found} is outside {FIRST} to {LAST}")
    return found


def notices(file: str, data: Mapping[str, Any]) -> list[Notice]:
    """The published years that a file lists. Raises :class:`BadData`."""
    found = []
    for place, one in enumerate(data.get("notices", ())):
        _check(file, one, "notices", f"notices[{place}].")
        days = {
            key: frozenset(_day(file, f"notices[{place}].{key}", d) for d in _get(file, one, key, list, []))
            for key in ("days_off", "working_days")
        }
        year, published_on = _get(file, one, "year", int), _get(file, one, "published_on", date)
        found.append(Notice(year, days["days_off"], days["working_days"], one["notice"], published_on))
    return found


def from_data(file: str, data: Mapping[str, Any]) -> Calendar:
    """A calendar from its file's content. Raises :class:`BadData` that names file, key and reason."""
    _check(file, data)
    for key in _NEEDED:
        if key not in data:
            raise BadData(file, key, "is missing")
    off: dict[date, str] = {}
    on: dict[date, str] = {}
    for found, _ in _bases(file, data):
        for day, name in found.items():
            if FIRST <= day <= LAST:
                names = [*off[day].split("; "), *name.split("; ")] if day in off else name.split("; ")
                off[day] = "; ".join(dict.fromkeys(names))
        on |= {d: "make-up working day" for d in getattr(found, "weekend_workdays", ()) if FIRST <= d <= LAST}
    for day, name in _yearly(file, data):
        off.setdefault(day, name)
    first, last = _get(file, data, "published_from", int), _get(file, data, "published_through", int)
    if not FIRST.year <= first <= last + 1 <= LIMIT + 1:
        raise BadData(file, "published_through", f"expected years from {FIRST.year} to {LIMIT}, got {first} to {last}")
    version = f"holidays {metadata.version('holidays')}"
    calendar = Calendar(
        id=_get(file, data, "id", str),
        version=version,
        weekend=weekend_of(data["weekend"], file),
        off=off | _listed(file, data, "days_off", str),
        on=on | _listed(file, data, "working_days", str),
        published_from=date(first, 1, 1),
        published_through=date(last, 12, 31),
        belongs=_listed(file, data, "shifted", int),
    )
    published = notices(file, data)
    return calendar.with_notices(published, version) if published else calendar


def inline(data: Mapping[str, Any]) -> Calendar:
    """A calendar given whole with a case: ``weekend``, ``days_off``, ``working_days``. Raises :class:`BadData`."""
    if not isinstance(data, Mapping):
        raise BadData("calendar", "$", f"expected an object, got {data!r}")
    for key in data:
        if key not in {"weekend", "days_off", "working_days"}:
            raise BadData("calendar", key, "unknown key; known are weekend, days_off, working_days")
    lists: dict[str, dict[date, str]] = {}
    for key, why in (("days_off", "day off"), ("working_days", "working day")):
        given = data.get(key, [])
        if not isinstance(given, list | tuple):
            raise BadData("calendar", key, f"expected a list of dates YYYY-MM-DD, got {given!r}")
        lists[key] = {_day("calendar", key, d): why for d in given}
    weekend = weekend_of(data.get("weekend", ["saturday", "sunday"]), "calendar")
    if len(weekend) == len(WEEK):
        raise BadData("calendar", "weekend", "leaves no working day")
    return Calendar("inline", "inline", weekend, lists["days_off"], lists["working_days"], published_through=LAST)
