"""The calendars in force, one TOML file each (a file can hold regional variants), and what stood in them on a day."""

from collections.abc import Mapping
from datetime import date
from functools import cache

from msgspec.structs import replace

from services.statute import calendar_file, rules
from services.statute.calendar import Calendar, Notice
from services.statute.calendar_file import CalendarFile, Superseded, Variant, from_data, inline
from services.statute.data_file import Title, convert, parse, text_of
from services.statute.errors import BadData, UnknownCalendar

__all__ = ["calendar_as_of", "calendar_ids", "describe", "from_data", "inline", "shipped", "superseded"]

SUPERSEDED = "-superseded"
"""A file ``ID-superseded.toml`` holds the notices that later ones replaced."""


@cache
def _files() -> Mapping[str, tuple[str, CalendarFile]]:
    """File name and content by calendar id.

    A variant is its file's content under an id of its own, with the subdivision that it names in place of the file's;
    one that names none differs by what is published for it. Raises :class:`BadData`.
    """
    files: dict[str, tuple[str, CalendarFile]] = {}
    for file, path in rules.current().files("calendars").items():
        if file.endswith(f"{SUPERSEDED}.toml"):
            continue
        read = calendar_file.read(file, parse(file, text_of(file, path)))
        if f"{read.id}.toml" != file:
            raise BadData(file, "id", f"expected the file's name, got {read.id!r}")
        files[read.id] = file, read
        for name, variant in read.variants.items():
            files[f"{read.id}-{name}"] = file, _variant(read, name, variant)
    return files


def _variant(read: CalendarFile, name: str, variant: Variant) -> CalendarFile:
    title = Title(zh=f"{read.title.zh} · {variant.zh}", en=f"{read.title.en} · {variant.en}")
    base = read.base
    if variant.subdivision:
        base = tuple(replace(each, subdivisions=(variant.subdivision,)) for each in base)
    return replace(read, id=f"{read.id}-{name}", title=title, base=base, variants={})


def calendar_ids() -> tuple[str, ...]:
    """The calendars in force."""
    return tuple(sorted(_files()))


def _file(calendar_id: str) -> tuple[str, CalendarFile]:
    try:
        return _files()[calendar_id]
    except KeyError:
        raise UnknownCalendar(calendar_id, calendar_ids()) from None


def file_of(calendar_id: str) -> str:
    """The name of the file that holds a calendar. Raises :class:`UnknownCalendar`."""
    return _file(calendar_id)[0]


def describe(calendar_id: str) -> CalendarFile:
    """What a calendar's file says of it. Raises :class:`UnknownCalendar`."""
    return _file(calendar_id)[1]


@cache
def shipped(calendar_id: str) -> Calendar:
    """The calendar ``calendar_id`` without any published override, as it is known today.

    Raises :class:`UnknownCalendar`, or :class:`BadData` that names file, key and reason.
    """
    return calendar_file.made(*_file(calendar_id))


@cache
def superseded(calendar_id: str) -> tuple[tuple[Notice, date, str], ...]:
    """The notices that later ones replaced: each with the day of the later one and its name.

    Raises :class:`UnknownCalendar`, or :class:`BadData`.
    """
    file = _file(calendar_id)[0].replace(".toml", f"{SUPERSEDED}.toml")
    path = rules.current().files("calendars").get(file)
    if path is None:
        return ()
    read = convert(file, parse(file, text_of(file, path)), Superseded).notices
    published = calendar_file.notices(file, read)
    return tuple((notice, one.replaced_on, one.replaced_by) for notice, one in zip(published, read, strict=True))


@cache
def calendar_as_of(calendar_id: str, day: date) -> Calendar:
    """The calendar as it was published by the end of ``day``.

    Notices that were replaced later hold again. Where the file knows when each year was published, the years not yet
    published on ``day`` have the weekend and the fixed holidays only, without any shifted day, and are provisional.
    Raises :class:`UnknownCalendar`.
    """
    now = shipped(calendar_id)
    file, read = _file(calendar_id)
    on_day = f"{now.version} as of {day}"
    held = [n for n, replaced_on, _ in superseded(calendar_id) if n.published_on <= day < replaced_on]
    later = {int(year) for year, published_on in read.published.items() if published_on > day}
    if not held and not later:
        return now
    if later:
        now = _without(now, min(later), file)
    return now.with_notices(held, on_day)


BY_NOTICE = ("Day off (substituted", "Chinese New Year Extended Holiday", "70th Anniversary")
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
        off={d: why for d, why in calendar.off.items() if of(d) < year or not why.startswith(BY_NOTICE)},
        on={d: why for d, why in calendar.on.items() if of(d) < year},
        published_through=date(year - 1, 12, 31),
        published_from=calendar.published_from,
        belongs=calendar.belongs,
        reach=calendar.reach,
    )


for _cached in (_files, shipped, superseded, calendar_as_of):
    rules.remembered(_cached.cache_clear)
