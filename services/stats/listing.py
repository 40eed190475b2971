"""The organs by code, each with its latest years, found by name or code. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from services.events.vocabulary import Label
from services.stats import pages
from services.stats.organs import Organs
from services.stats.snapshot import Snapshot

SIZE = 100
"""Organs on a page."""
YEARS = 6
"""Years listed of an organ, the latest first; the others are behind its side by side."""


class YearReceived(Struct, frozen=True):
    """How many requests an organ received in a year."""

    year: int
    received: int
    published: int = 0
    """How often it was published."""


class OrganYears(Struct, frozen=True):
    """An organ and its latest years that have numbers."""

    code: str
    name: Label
    years: list[YearReceived]
    this_year: int
    """The year that it is there now."""
    parent: str | None = None


class AnnualPage(Struct, frozen=True):
    """A page of organs with their years."""

    organs: list[OrganYears]
    all: int
    """How many organs are known."""
    found: int
    """How many of them were looked for."""
    page: int
    pages: int


def listed(
    organs: Organs,
    latest: Snapshot | None,
    wanted: str,
    page: int,
    codes: Sequence[str],
    readable: frozenset[str] | None = None,
) -> AnnualPage:
    """The organs of a page; ``codes`` are those registered, ``readable`` those that the caller may read, where
    these are not all."""
    years: defaultdict[str, defaultdict[int, int]] = defaultdict(lambda: defaultdict(int))
    for organ, year in latest.years if latest else ():
        years[organ][year] = 0
    for organ, year, _, count in latest.received if latest else ():
        years[organ][year] += count
    known = sorted(code for code in {*codes, *years} if readable is None or code in readable)
    fitting = [code for code in known if not wanted or pages.matches(wanted, code, organs.name(code))]
    some, count = pages.paged(fitting, page, SIZE)
    shown = [
        OrganYears(
            code,
            organs.name(code),
            [YearReceived(year, received) for year, received in sorted(years[code].items(), reverse=True)[:YEARS]]
            if code in years
            else [],
            organs.today(code).year,
            organs.parents().get(code),
        )
        for code in some
    ]
    return AnnualPage(shown, len(known), len(fitting), min(max(page, 1), count), count)


def with_published(page: AnnualPage, numbers: Mapping[tuple[str, int], int]) -> AnnualPage:
    """The page with how often each year was published, by organ and year."""
    shown = [
        replace(one, years=[replace(each, published=numbers.get((one.code, each.year), 0)) for each in one.years])
        for one in page.organs
    ]
    return replace(page, organs=shown)
