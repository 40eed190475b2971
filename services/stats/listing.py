"""The organs by code, each with its latest years, found by name or code. Pure."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from services.events.vocabulary import Label
from services.stats import pages
from services.stats.organs import Organs
from services.stats.snapshot import Snapshot
from services.stats.tree import below

SIZE = 100
"""Organs on a page."""
LOOKED_AT = 20
"""Organs on a page that says what is missing for their reports."""
YEARS = 6
"""Years listed of an organ, the latest first; the others are behind its side by side."""


class Failing(Struct, frozen=True):
    """A rule that does not hold."""

    rule: str
    label: Label
    severity: str
    """``error``: nothing is published in spite of it without a reason; ``warning``: to be looked at."""


class Missing(Struct, frozen=True):
    """What is missing for a year's report."""

    open: int
    """Requests received by the end of that year that have not ended by now."""
    failing: list[Failing]
    """Rules of its form that do not hold, as the numbers stand."""
    proposed_by: str = ""
    """The account that proposed to publish it, where a second one has still to confirm that."""
    unconfirmed: int = 0
    """Requests submitted by the end of that year whose receipt is not confirmed, answered or not: no row has them."""


class YearReceived(Struct, frozen=True):
    """How many requests an organ received in a year, with all organs under it, as its report has them."""

    year: int
    received: int
    published: int = 0
    """How often it was published."""
    missing: Missing | UnsetType = UNSET
    """Where it is asked for: what is missing for its report; not of a year that is published, or was not looked at."""


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
    size: int = SIZE,
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
    some, count = pages.paged(fitting, page, size)
    parents = organs.parents()
    above = set(parents.values())

    def numbers(code: str) -> list[YearReceived]:
        """As its report has them: with those of the organs under it."""
        received: Counter[int] = Counter()
        for one in below(code, parents) if code in above else (code,):
            received.update(years.get(one, {}))
        return [YearReceived(year, count) for year, count in sorted(received.items(), reverse=True)[:YEARS]]

    shown = [
        OrganYears(
            code,
            organs.name(code),
            numbers(code),
            organs.today(code).year,
            parents.get(code),
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
