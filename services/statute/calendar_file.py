"""The file format of calendars.

A calendar is a weekend and the union of its bases, minus and plus what the file itself lists.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from importlib import metadata
from typing import Annotated, Any, Literal

import holidays
from dateutil.easter import easter
from holidays import HolidayBase
from msgspec import Meta, Struct

from services.statute.calendar import FIRST, LAST, WEEK, Calendar, Notice
from services.statute.data_file import Confirmed, Text, Title, convert
from services.statute.errors import BadData

LIMIT = 2100
"""The last year that the holidays package knows rules for."""
Year = Annotated[int, Meta(ge=FIRST.year, le=LIMIT, description="a year")]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_WEEK = [name.lower() for name in WEEK]


class _Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """A table of the file: its keys, and no other."""


class Variant(Title, frozen=True, forbid_unknown_fields=True):
    """The same calendar for a part of the country: the file's content under an id of its own."""

    subdivision: str = ""
    """The part, as the holidays package calls it; left out: it differs by what is published for it."""


class Base(_Table, frozen=True, kw_only=True):
    """Days of the ``holidays`` package, as far as it goes or from and through a year."""

    country: Text
    subdivisions: tuple[Text, ...] = ()
    categories: tuple[Text, ...] | None = None
    observed: bool = True
    language: Text = "en_US"
    from_: Year = FIRST.year
    through: Year = LIMIT


class Yearly(_Table, frozen=True, kw_only=True):
    """A day of every year: by its month and day, or by its distance in days from Easter Sunday."""

    name: Text
    month: Annotated[int, Meta(ge=1, le=12)] | None = None
    day: Annotated[int, Meta(ge=1, le=31)] | None = None
    easter: Annotated[int, Meta(ge=-100, le=300)] | None = None
    from_: Year = FIRST.year
    through: Year = LIMIT


class PublishedYear(_Table, frozen=True, kw_only=True):
    """A published year, laid over its year whole."""

    year: Year
    notice: Text
    published_on: date
    days_off: tuple[date, ...] = ()
    working_days: tuple[date, ...] = ()


class ReplacedYear(PublishedYear, frozen=True, kw_only=True):
    """One that a later notice of the same year replaced."""

    replaced_on: date
    replaced_by: Text


class Superseded(_Table, frozen=True, kw_only=True):
    """The file ``ID-superseded.toml``: what was published before and does not hold any more."""

    notices: tuple[ReplacedYear, ...]


class CalendarFile(_Table, frozen=True, kw_only=True):
    """A calendar's file ``ID.toml``. Days are written ``"YYYY-MM-DD"`` where they are keys."""

    id: Text
    title: Title
    source: Text
    weekend: tuple[Weekday, ...]
    published_from: Year
    published_through: Year
    """The span of years whose days off are known; a date that reaches further is provisional."""
    next_from: Annotated[str, Meta(pattern=r"^\d\d-\d\d\Z", description="a day MM-DD")] | None = None
    """The day of the year from which the notice for the next year can still move days: a date from there on is
    provisional until that year is published."""
    confirmed: Confirmed = True
    base: tuple[Base, ...] = ()
    yearly: tuple[Yearly, ...] = ()
    notices: tuple[PublishedYear, ...] = ()
    days_off: dict[str, Text] = {}
    """Single days off, each with its reason."""
    working_days: dict[str, Text] = {}
    """Single working days, each with its reason."""
    shifted: dict[str, Year] = {}
    """Days that the notice for another year set, each with that year."""
    published: dict[str, date] = {}
    """When the notice for each year was dated; to say what was known on a day that has passed."""
    variants: dict[str, Variant] = {}


class Inline(_Table, frozen=True, kw_only=True):
    """A calendar given whole with a case."""

    weekend: tuple[Weekday, ...] = ("saturday", "sunday")
    days_off: tuple[date, ...] = ()
    working_days: tuple[date, ...] = ()


def read(file: str, data: object) -> CalendarFile:
    """A calendar's file. Raises :class:`BadData` that names file, key and reason."""
    content = convert(file, data, CalendarFile)
    if content.published_from > content.published_through + 1:
        raise BadData(file, "published_through", f"is before published_from ({content.published_from})")
    for place, rule in enumerate(content.yearly):
        if (rule.easter is None) == (rule.month is None) or (rule.month is None) != (rule.day is None):
            raise BadData(file, f"yearly[{place}]", "expected month and day, or easter")
    for year in content.published:
        if not year.isdecimal():
            raise BadData(file, f"published.{year}", "expected a year")
    return content


def from_data(file: str, data: object) -> Calendar:
    """A calendar from its file's content. Raises :class:`BadData` that names file, key and reason."""
    return made(file, read(file, data))


def made(file: str, read: CalendarFile) -> Calendar:
    """The calendar that a file describes. Raises :class:`BadData` that names file, key and reason."""
    off: dict[date, str] = {}
    on: dict[date, str] = {}
    for base in _bases(file, read):
        for day, name in base.items():
            if FIRST <= day <= LAST:
                names = [*off[day].split("; "), *name.split("; ")] if day in off else name.split("; ")
                off[day] = "; ".join(dict.fromkeys(names))
        on |= {d: "make-up working day" for d in getattr(base, "weekend_workdays", ()) if FIRST <= d <= LAST}
    for day, name in _yearly(file, read):
        off.setdefault(day, name)
    version = f"holidays {metadata.version('holidays')}"
    calendar = Calendar(
        id=read.id,
        version=version,
        weekend=_weekend(read.weekend),
        off=off | _by_day(file, "days_off", read.days_off),
        on=on | _by_day(file, "working_days", read.working_days),
        published_from=date(read.published_from, 1, 1),
        published_through=date(read.published_through, 12, 31),
        belongs=_by_day(file, "shifted", read.shifted),
        reach=_reach(file, read.next_from),
    )
    published = notices(file, read.notices)
    return calendar.with_notices(published, version) if published else calendar


def _reach(file: str, day: str | None) -> tuple[int, int] | None:
    if day is None:
        return None
    try:
        on = date.fromisoformat(f"2000-{day}")
    except ValueError:
        raise BadData(file, "next_from", f"expected a day MM-DD that exists, got {day!r}") from None
    return on.month, on.day


def inline(data: object) -> Calendar:
    """A calendar given whole with a case, in the form of :class:`Inline`. Raises :class:`BadData`."""
    given = data if isinstance(data, Inline) else convert("calendar", data, Inline)
    if len(set(given.weekend)) == len(WEEK):
        raise BadData("calendar", "weekend", "leaves no working day")
    lists = {
        key: dict.fromkeys(_within("calendar", key, days), why)
        for key, days, why in (
            ("days_off", given.days_off, "day off"),
            ("working_days", given.working_days, "working day"),
        )
    }
    weekend = _weekend(given.weekend)
    return Calendar("inline", "inline", weekend, lists["days_off"], lists["working_days"], published_through=LAST)


def notices(file: str, given: Iterable[PublishedYear]) -> list[Notice]:
    """Published years as the calendar takes them. Raises :class:`BadData`."""
    return [
        Notice(
            one.year,
            frozenset(_within(file, f"notices[{place}].days_off", one.days_off)),
            frozenset(_within(file, f"notices[{place}].working_days", one.working_days)),
            one.notice,
            one.published_on,
        )
        for place, one in enumerate(given)
    ]


def _weekend(names: Iterable[str]) -> frozenset[int]:
    return frozenset(_WEEK.index(name) for name in names)


def _bases(file: str, read: CalendarFile) -> Iterator[HolidayBase]:
    for place, base in enumerate(read.base):
        for subdivision in base.subdivisions or (None,):
            try:
                listed = holidays.country_holidays(
                    base.country,
                    subdiv=subdivision,
                    years=range(base.from_, base.through + 1),
                    observed=base.observed,
                    categories=base.categories,
                    language=base.language,
                )
            except (NotImplementedError, ValueError) as error:
                # How the package says that it knows no such country, part of it, or category.
                raise BadData(file, f"base[{place}]", str(error)) from None
            yield listed


def _yearly(file: str, read: CalendarFile) -> Iterator[tuple[date, str]]:
    for place, rule in enumerate(read.yearly):
        for year in range(rule.from_, rule.through + 1):
            if rule.easter is not None:
                yield easter(year) + timedelta(days=rule.easter), rule.name
                continue
            assert rule.month is not None and rule.day is not None
            try:
                yield date(year, rule.month, rule.day), rule.name
            except ValueError as error:
                raise BadData(file, f"yearly[{place}]", f"no day of {year}: {error}") from None


def _by_day(file: str, key: str, given: Mapping[str, Any]) -> dict[date, Any]:
    by_day = {}
    for text, value in given.items():
        day = convert(file, text, date, f"{key}.{text}")
        _within(file, f"{key}.{text}", (day,))
        by_day[day] = value
    return by_day


def _within(file: str, key: str, days: tuple[date, ...]) -> tuple[date, ...]:
    for day in days:
        if not FIRST <= day <= LAST:
            raise BadData(file, key, f"{day} is outside {FIRST} to {LAST}")
    return days
