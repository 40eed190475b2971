"""The annual reports as the service answers them: which organs, as of when, in which form, and what was published."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Literal

from msgspec.structs import replace

from services.events.vocabulary import FIRST_DAY, LAST_DAY
from services.runtime.clock import day_of
from services.runtime.database import Conn
from services.stats import publications, reading, tree
from services.stats.cells import Cell, Law, Number
from services.stats.forms.form import Form
from services.stats.organs import Organs
from services.stats.publications import Publication
from services.stats.report import Report, ReportRow, ReportTable, make_report
from services.stats.revisions import Revision, as_checks, revisions

Scope = Literal["tree", "own"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A report asked for."""

    organ: str
    year: int
    form: Form
    as_of: str
    before: datetime | None
    """What was written at this instant or later is left out."""
    organs: tuple[str, ...]
    """Whose numbers it is made of."""
    reach: Scope = "tree"
    foreign: frozenset[str] = frozenset()
    """The organs whose own law is not the form's."""

    @property
    def law(self) -> Law:
        """What the form counts."""
        return Law(self.form.statutes, self.foreign)


@dataclass(frozen=True, slots=True)
class Answer:
    """A report with what stands beside it."""

    report: Report
    cells: Mapping[Cell, Number]
    published: tuple[Publication, ...] = ()
    revised: tuple[Revision, ...] = ()
    """Since the latest publication in the same form."""


def organs_of(organs: Organs, organ: str, scope: Scope) -> tuple[str, ...]:
    """Whose numbers a report is made of: an organ's own, or those of all that are under it as well."""
    return tuple(tree.below(organ, organs.parents())) if scope == "tree" else (organ,)


def moment(organs: Organs, organ: str, as_of: str) -> tuple[str, datetime | None]:
    """What ``as_of`` says, and the instant from which on nothing is known, in the organ's zone. Raises ``ValueError``.

    A date means the end of that day in the organ's zone, an RFC 3339 instant itself. What lies ahead is
    called today: more may be known by then.
    """
    today = organs.today(organ)
    if not as_of:
        return today.isoformat(), None
    if len(as_of) == 10:
        day = day_of(as_of)
        _check(day)
        return min(day, today).isoformat(), datetime.combine(day + timedelta(days=1), time.min, organs.zone(organ))
    day_of(as_of[:10])  # RFC 3339 has no other way to write an instant's day
    instant = datetime.fromisoformat(as_of)
    if instant.tzinfo is None:
        raise ValueError("an instant needs its zone")
    _check(instant.date())
    known = instant.astimezone(organs.zone(organ))  # its day there is that of a publication which was known by then
    return as_of if instant <= organs.now(organ) else today.isoformat(), known + timedelta(microseconds=1)


def _check(day: date) -> None:
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ValueError(f"expected a day from {FIRST_DAY} to {LAST_DAY}")


async def answer(conn: Conn, asked: Asked) -> Answer:
    """The report; call it in a transaction that sees one state."""
    cells = await reading.year_cells(conn, asked.organs, asked.year, asked.before)
    previous = await _previous(conn, asked)
    report = await _made(asked, asked.year, cells, previous)
    published = await publications.of_year(conn, asked.organ, asked.year)
    latest = next((p for p in reversed(published) if _is_alike(p, asked) and _was_known(p, asked)), None)
    if latest is None:
        return Answer(report, cells, tuple(published))
    revised = await since(conn, latest, report, asked)
    checks = (*report.checks, *as_checks(latest.content, revised))
    report = replace(report, checks=checks)
    return Answer(report, cells, tuple(published), tuple(revised))


def _is_alike(publication: Publication, asked: Asked) -> bool:
    """Whether it is in the same form, and of the organ alone or of all that are under it, as asked."""
    return (publication.content.form, publication.content.reach) == (asked.form.id, asked.reach)


def _was_known(publication: Publication, asked: Asked) -> bool:
    """Whether it had been published by the day that is asked for."""
    return asked.before is None or publication.content.published_on <= (asked.before - timedelta(microseconds=1)).date()


async def since(conn: Conn, publication: Publication, present: Report, asked: Asked) -> list[Revision]:
    """What changed since a publication."""
    content = publication.content
    changed = revisions(content, present, asked.form, (), asked.law)
    if not changed:
        return []
    reached = {place.partition: place.next_offset for place in content.offsets}
    changes = await reading.changes_beyond(conn, sorted({*content.organs, *asked.organs}), asked.year, reached)
    return revisions(content, present, asked.form, changes, asked.law)


async def _previous(conn: Conn, asked: Asked) -> Report | None:
    """The year before: as it was published where it was, else by the counters; none where nothing is known of it."""
    if not any(rule.looks_back for rule in asked.form.checks):
        return None
    year = asked.year - 1
    published = await publications.of_year(conn, asked.organ, year)
    published = [p for p in published if _is_alike(p, asked) and _was_known(p, asked)]
    if published:
        return thawed(published[-1], asked.form)
    if not await reading.has_earlier(conn, asked.organs, asked.year, sorted(asked.form.statutes)):
        return None
    cells = await reading.year_cells(conn, asked.organs, year, asked.before)
    return await _made(asked, year, cells)


async def _made(asked: Asked, year: int, cells: Mapping[Cell, Number], previous: Report | None = None) -> Report:
    """A year's report; beside the loop, since that of a province is made of the counters of thousands of organs."""
    make = partial(make_report, organs=asked.organs, previous=previous, law=asked.law)
    return await asyncio.to_thread(make, asked.form, asked.organ, year, asked.as_of, cells)


def thawed(publication: Publication, form: Form) -> Report:
    """A publication's figures as a report in its form; what the form has gained since is 0."""
    content, numbers = publication.content, publication.content.numbers()
    tables = tuple(
        ReportTable(
            table.id,
            tuple(
                ReportRow(
                    row.id,
                    row.label,
                    {c.id: numbers.get((table.id, row.id), {}).get(c.id, 0) for c in table.columns_of(row)},
                )
                for row in table.rows
            ),
        )
        for table in form.tables
    )
    return Report(content.form, content.organ, content.year, content.as_of, tables, content.checks)
