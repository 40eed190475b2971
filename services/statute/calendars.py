"""The calendars that ship, one TOML file each (a file can hold regional variants), and what stood in them on a day."""

import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

from services.statute.calendar import Calendar, Notice
from services.statute.calendar_file import from_data, inline, notices
from services.statute.errors import BadData, UnknownCalendar

__all__ = ["calendar_as_of", "calendar_ids", "describe", "from_data", "inline", "shipped", "superseded"]

SUPERSEDED = "-superseded"
"""A file ``ID-superseded.toml`` holds the notices that later ones replaced."""


@cache
def _files() -> Mapping[str, tuple[str, Mapping[str, Any]]]:
    """File name and content by calendar id.

    A variant is its file's content under an id of its own, with the subdivision that it names in place of the file's;
    one that names none differs by what is published for it.
    """
    folder = resources.files("services.statute") / "calendars"
    found: dict[str, tuple[str, Mapping[str, Any]]] = {}
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if not file.name.endswith(".toml") or file.name.endswith(f"{SUPERSEDED}.toml"):
            continue
        data = tomllib.loads(file.read_text("utf-8"))
        if f"{data.get('id')}.toml" != file.name:
            raise BadData(file.name, "id", f"expected the file's name, got {data.get('id')!r}")
        variants = data.pop("variants", {})
        found[data["id"]] = file.name, data
        for name, title in variants.items():
            titles = {language: f"{text} · {title[language]}" for language, text in data["title"].items()}
            bases = data.get("base", [])
            if "subdivision" in title:
                bases = [base | {"subdivisions": [title["subdivision"]]} for base in bases]
            variant = {**data, "id": f"{data['id']}-{name}", "title": titles, "base": bases}
            found[variant["id"]] = file.name, variant
    return found


def calendar_ids() -> tuple[str, ...]:
    """The calendars that ship."""
    return tuple(sorted(_files()))


def _data(calendar_id: str) -> tuple[str, Mapping[str, Any]]:
    try:
        return _files()[calendar_id]
    except KeyError:
        raise UnknownCalendar(f"calendar {calendar_id!r} is unknown; known are {', '.join(calendar_ids())}") from None


def describe(calendar_id: str) -> Mapping[str, Any]:
    """A calendar's ``title`` (``zh``, ``en``), ``source`` and whether it is ``confirmed``.

    Raises :class:`UnknownCalendar`.
    """
    _, data = _data(calendar_id)
    return {"title": data["title"], "source": data["source"], "confirmed": data.get("confirmed", True)}


@cache
def shipped(calendar_id: str) -> Calendar:
    """The calendar ``calendar_id`` without any published override, as it is known today.

    Raises :class:`UnknownCalendar`, or :class:`BadData` that names file, key and reason.
    """
    return from_data(*_data(calendar_id))


@cache
def superseded(calendar_id: str) -> tuple[tuple[Notice, date, str], ...]:
    """The notices that later ones replaced: each with the day of the later one and its name.

    Raises :class:`UnknownCalendar`.
    """
    file = _data(calendar_id)[0].replace(".toml", f"{SUPERSEDED}.toml")
    path = resources.files("services.statute") / "calendars" / file
    if not path.is_file():
        return ()
    data = tomllib.loads(path.read_text("utf-8"))
    bare = [{k: v for k, v in one.items() if not k.startswith("replaced")} for one in data["notices"]]
    return tuple(
        (notice, one["replaced_on"], one["replaced_by"])
        for notice, one in zip(notices(file, {"notices": bare}), data["notices"], strict=True)
    )


@cache
def calendar_as_of(calendar_id: str, day: date) -> Calendar:
    """The calendar as it was published by the end of ``day``.

    Notices that were replaced later hold again. Where the file knows when each year was published, the years not yet
    published on ``day`` have the weekend and the fixed holidays only, without any shifted day, and are provisional.
    Raises :class:`UnknownCalendar`.
    """
    now = shipped(calendar_id)
    file, data = _data(calendar_id)
    on_day = f"{now.version} as of {day}"
    held = [n for n, replaced_on, _ in superseded(calendar_id) if n.published_on <= day < replaced_on]
    later = {int(year) for year, published_on in data.get("published", {}).items() if published_on > day}
    if not held and not later:
        return now
    if later:
        now = _without(now, min(later), file)
    return now.with_notices(held, on_day)


_BY_NOTICE = ("Day off (substituted", "Chinese New Year Extended Holiday", "70th Anniversary")
"""How the package names days off that no statute but a notice sets."""


def _without(calendar: Calendar, year: int, file: str) -> Calendar:
    """The calendar before the notices for ``year`` and the years after it."""
    if calendar.published_from.year > year:
        raise BadData(file, f"published.{year}", "is before published_from")

    def of(day: date) -> int:
        return calendar.belongs.get(day, day.year)

    return Calendar(
        id=calendar.id,
        version=calendar.version,
        weekend=calendar.weekend,
        off={d: why for d, why in calendar.off.items() if of(d) < year or not why.startswith(_BY_NOTICE)},
        on={d: why for d, why in calendar.on.items() if of(d) < year},
        published_through=date(year - 1, 12, 31),
        published_from=calendar.published_from,
        belongs=calendar.belongs,
    )
