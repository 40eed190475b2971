"""The first page: organs by code, each with its years, found by name or code. Pure."""

from collections import defaultdict
from typing import Any

from services.stats import pages
from services.stats.organs import Organs
from services.stats.snapshot import Snapshot

SIZE = 100
"""Organs on a page."""
YEARS = 6
"""Years of an organ on the page, the latest first; the others are behind its side by side."""


def listed(organs: Organs, latest: Snapshot | None, wanted: str, page: int) -> dict[str, Any]:
    """The values of the page."""
    years: defaultdict[str, defaultdict[int, int]] = defaultdict(lambda: defaultdict(int))
    for organ, year in latest.years if latest else ():
        years[organ][year] = 0
    for organ, year, _, count in latest.received if latest else ():
        years[organ][year] += count
    known = sorted({*organs.codes(), *years})
    fitting = [code for code in known if not wanted or pages.matches(wanted, code, organs.name(code))]
    some, count = pages.paged(fitting, page, SIZE)
    return {
        "organs": [
            {
                "code": code,
                "name": organs.name(code),
                "path": pages.base(code),
                "years": sorted(years[code].items(), reverse=True)[:YEARS] if code in years else [],
                "this_year": organs.today(code).year,
            }
            for code in some
        ],
        "all": len(known),
        "found": len(fitting),
        "wanted": wanted,
        "page": min(max(page, 1), count),
        "pages": count,
    }
