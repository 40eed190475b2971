"""What is missing before a year's report can be published, or has still to come, for the organs of a page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from msgspec import UNSET
from msgspec.structs import replace

from services.runtime.database import Conn
from services.stats import annual, params, publications
from services.stats.annual import Asked
from services.stats.failing import BESIDE
from services.stats.listing import AnnualPage, Failing, Missing, OrganYears
from services.stats.organs import Organs
from services.stats.report import failures
from services.stats.store import SCHEMA

YEARS = 2
"""Years of an organ that are looked at, the latest that are not published; of an older one its report says it."""
MOST_ORGANS = 2000
"""Organs whose numbers are read for a page, each as often as a report is made of it; what is beyond is left out."""
READ_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Looked:
    """An organ's year that is looked at."""

    organ: str
    year: int
    asked: Asked


def wanted(page: AnnualPage, organs: Organs) -> list[Looked]:
    """The years to be looked at, in the order of the page, as many as :data:`MOST_ORGANS` allows."""
    found: list[Looked] = []
    room = MOST_ORGANS
    for organ in page.organs:
        unpublished = [one.year for one in organ.years if not one.published and one.year <= organ.this_year]
        for year in sorted(unpublished, reverse=True)[:YEARS]:
            asked = params.asked(organs, organ.code, year, None, None, None)
            room -= len(asked.organs)
            if room >= 0:
                found.append(Looked(organ.code, year, asked))
    return found


OPEN = (
    f"SELECT organ, extract(year FROM received_on)::int AS year, count(*) FROM {SCHEMA}.request "
    "WHERE organ = ANY($1::text[]) AND state IN ('open', 'stopped') AND received_on IS NOT NULL GROUP BY 1, 2"
)

UNCONFIRMED = (
    f"SELECT organ, extract(year FROM submitted_on)::int AS year, count(*) FROM {SCHEMA}.request "
    "WHERE organ = ANY($1::text[]) AND state = 'unconfirmed' GROUP BY 1, 2"
)
"""Requests that no row of a report has, since on which day they were received is not known."""


async def missing(conn: Conn, looked: Sequence[Looked]) -> dict[tuple[str, int], Missing]:
    """What is missing for each of these reports."""
    codes = sorted({code for one in looked for code in one.asked.organs})
    open_, unconfirmed = await _by_year(conn, OPEN, codes), await _by_year(conn, UNCONFIRMED, codes)
    found = {}
    for one in looked:
        report = (await annual.answer(conn, one.asked)).report
        labels = {rule.rule: rule.label for rule in one.asked.form.checks} | BESIDE
        failing = [
            Failing(rule, labels[rule], severity)
            for severity in ("error", "warning")
            for rule in dict.fromkeys(check.rule for check in failures(one.asked.form, report, severity))
        ]
        proposed = await publications.proposed(conn, one.organ, one.year)
        found[one.organ, one.year] = Missing(
            _until(one, open_), failing, proposed.account if proposed else "", _until(one, unconfirmed)
        )
    return found


async def _by_year(conn: Conn, query: str, codes: Sequence[str]) -> dict[str, list[tuple[int, int]]]:
    """By organ, the years and how many requests each has."""
    found: dict[str, list[tuple[int, int]]] = {}
    for organ, year, count in await conn.fetch(query, codes, timeout=READ_SECONDS) if codes else ():
        found.setdefault(organ, []).append((year, count))
    return found


def _until(one: Looked, numbers: Mapping[str, list[tuple[int, int]]]) -> int:
    return sum(n for code in one.asked.organs for year, n in numbers.get(code, ()) if year <= one.year)


def with_missing(page: AnnualPage, found: Mapping[tuple[str, int], Missing]) -> AnnualPage:
    """The page with what is missing for its years."""

    def completed(organ: OrganYears) -> OrganYears:
        years = [replace(one, missing=found.get((organ.code, one.year), UNSET)) for one in organ.years]
        return replace(organ, years=years)

    return replace(page, organs=[completed(one) for one in page.organs])
