"""Calendars as data: one TOML file each, with the ``holidays`` package as their base and a stated coverage."""

import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib import metadata, resources
from typing import Any

import holidays

from services.statute.calendar import FIRST, LAST, Calendar
from services.statute.errors import BadData, UnknownCalendar

_WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_KEYS = {"id", "title", "country", "subdivision", "weekend", "published_from", "published_through", "source"}


def calendar_ids() -> tuple[str, ...]:
    """The calendars that ship."""
    folder = resources.files("services.statute") / "calendars"
    return tuple(sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml")))


def weekend_of(names: object, file: str) -> frozenset[int]:
    """Days of the week from their English names. Raises :class:`BadData`."""
    if not isinstance(names, list) or not set(names) <= set(_WEEK):
        raise BadData(file, "weekend", f"expected names of weekdays ({', '.join(_WEEK)}), got {names!r}")
    return frozenset(_WEEK.index(n) for n in names)


@cache
def shipped(calendar_id: str) -> Calendar:
    """The calendar ``calendar_id`` without any published override.

    Raises :class:`UnknownCalendar`, or :class:`BadData` that names file, key and reason.
    """
    if calendar_id not in calendar_ids():
        raise UnknownCalendar(f"calendar {calendar_id!r} is unknown; known are {', '.join(calendar_ids())}")
    file = f"{calendar_id}.toml"
    data = tomllib.loads((resources.files("services.statute") / "calendars" / file).read_text("utf-8"))
    return from_data(file, data)


def from_data(file: str, data: Mapping[str, Any]) -> Calendar:
    """A calendar from its data file's content. Raises :class:`BadData`."""
    for key in data:
        if key not in _KEYS:
            raise BadData(file, key, f"unknown key; known are {', '.join(sorted(_KEYS))}")
    for key in ("id", "country", "weekend", "published_from", "published_through", "source"):
        if key not in data:
            raise BadData(file, key, "is missing")
    try:
        found = holidays.country_holidays(
            data["country"], subdiv=data.get("subdivision"), years=range(FIRST.year, LAST.year + 1)
        )
    except NotImplementedError as error:
        raise BadData(file, "country", str(error)) from None
    worked: set[date] = getattr(found, "weekend_workdays", set())
    return Calendar(
        id=data["id"],
        version=f"holidays {metadata.version('holidays')}",
        weekend=weekend_of(data["weekend"], file),
        off={d: name for d, name in found.items() if FIRST <= d <= LAST},
        on=dict.fromkeys(worked, "make-up working day"),
        published_from=date(data["published_from"], 1, 1),
        published_through=date(data["published_through"], 12, 31),
    )


def inline(data: Mapping[str, Any]) -> Calendar:
    """A calendar given whole with a case: ``weekend``, ``days_off``, ``working_days``. Raises :class:`BadData`."""
    for key in data:
        if key not in {"weekend", "days_off", "working_days"}:
            raise BadData("calendar", key, "unknown key; known are weekend, days_off, working_days")
    lists: dict[str, dict[date, str]] = {}
    for key, why in (("days_off", "day off"), ("working_days", "working day")):
        try:
            lists[key] = {date.fromisoformat(d): why for d in data.get(key, ())}
        except (TypeError, ValueError):
            raise BadData("calendar", key, f"expected dates YYYY-MM-DD, got {data.get(key)!r}") from None
    return Calendar(
        id="inline",
        version="inline",
        weekend=weekend_of(data.get("weekend", ["saturday", "sunday"]), "calendar"),
        off=lists["days_off"],
        on=lists["working_days"],
        published_through=LAST,
    )
