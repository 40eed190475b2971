"""A report as a page shows it, in JSON: every cell in its place with its words, and what stands beside the numbers.

Whoever lays a report out needs no form and no rule of it: spans, labels, checks and publications are all in here.
"""

from collections.abc import Sequence
from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from services.events.vocabulary import Label
from services.stats import pages
from services.stats.annual import Answer, Asked
from services.stats.cells import Number
from services.stats.contested import ONE_LEVEL
from services.stats.exports.grid import Spot, grid, printed
from services.stats.failing import BESIDE
from services.stats.forms.form import Form, form_ids, load
from services.stats.indicators import Indicators, indicators
from services.stats.publications import Publication
from services.stats.render import Standing
from services.stats.report import CONTRADICTIONS
from services.stats.response_times import DaysTaken
from services.stats.revisions import Because, Revision
from services.stats.rules import Check


class FormTitle(Struct, frozen=True):
    """A form by name."""

    id: str
    title: Label
    source: str


class SheetCell(Struct, frozen=True):
    """One printed cell, at ``row`` and ``column`` of the table (from 0), over as many rows and columns as it says."""

    row: int
    column: int
    role: str
    """``head``, ``group``, ``label``, ``unit``, ``number`` or ``empty``."""
    rows: int = 1
    columns: int = 1
    text: Label | None = None
    number: Number | None = None
    names: tuple[str, str] | None = None
    """Of a number: the form's row and column, by which it is opened."""
    published: Number | None = None
    """What was published for it, where that is another number."""
    level: int = 0
    unconfirmed: bool = False


class SheetTable(Struct, frozen=True):
    """A table; the first ``head`` rows are its heading, the first ``labels`` columns hold labels and units."""

    id: str
    title: Label
    layout: str
    is_of_form: bool
    """False for what stands beside the form and is no part of a publication."""
    rows: int
    columns: int
    head: int
    labels: int
    cells: list[SheetCell]
    """From top to bottom, and from left to right."""


class SheetRule(Struct, frozen=True):
    """A rule of the form with what came of it; ``warning``: where it fails, it is to be looked at."""

    rule: str
    label: Label
    severity: str
    checks: list[Check]


class SheetIndicators(Struct, frozen=True):
    """What people ask about a year beside its form."""

    channels: dict[str, int]
    outcomes: dict[str, int]
    received_by_month: list[int]
    ended_by_month: list[int]
    in_time: int
    late: int
    overdue: int
    """Past their limit and not ended when the year ended, or now."""
    base: int
    """What the share is a share of: in time, late and overdue together."""
    share_in_time: float | None
    """Of what is measured against a limit, how much was answered in time; none where nothing is."""
    days_taken: DaysTaken | UnsetType = UNSET


class SheetPublication(Struct, frozen=True):
    """A publication by number; its figures are under ``/publications``."""

    number: int
    published_on: str
    form: str
    reach: str
    digest: str
    intact: bool
    note: str


class SheetRevision(Struct, frozen=True):
    """A published number that is another now, with its printed names; ``because``: the latest events that moved it."""

    labels: tuple[Label, ...]
    published: Number
    present: Number
    because: list[Because]
    causes: int
    """How many events there are in all."""


class Sheet(Struct, frozen=True):
    """A report with everything that is shown of it."""

    organ: str
    name: Label
    year: int
    form: FormTitle
    forms: list[FormTitle]
    """All that it could be shown in."""
    as_of: str
    reach: str
    organs: int
    """How many organs it can be made of: the organ, and those under it."""
    tables: list[SheetTable]
    rules: list[SheetRule]
    indicators: SheetIndicators
    publications: list[SheetPublication]
    revisions: list[SheetRevision] | None
    """Since the latest publication in this form; none where there is no such publication."""
    standing: Standing


CAUSES = 5
"""Events shown of each revised number, the latest first."""


def titled(form: Form) -> FormTitle:
    """The form by name."""
    return FormTitle(form.id, form.title, form.source)


def sheet(asked: Asked, answer: Answer, name: Label, organs: int, standing: Standing) -> Sheet:
    """The report with all that a page shows of it."""
    report, form = answer.report, asked.form
    alike = any((p.content.form, p.content.reach) == (form.id, asked.reach) for p in answer.published)
    return Sheet(
        report.organ,
        name,
        report.year,
        titled(form),
        [titled(load(one)) for one in form_ids()],
        report.as_of,
        asked.reach,
        organs,
        _tables(asked, answer),
        [
            SheetRule(rule.rule, rule.label, rule.severity, [c for c in report.checks if c.rule == rule.rule])
            for rule in form.checks
        ]
        + _beside(report.checks),
        as_indicators(indicators(answer.cells, asked.organs, asked.year, asked.law)),
        [_publication(p) for p in answer.published],
        [_revision(form, r) for r in answer.revised] if alike else None,
        standing,
    )


def _beside(checks: Sequence[Check]) -> list[SheetRule]:
    """The checks that every form has; each is listed where it does not hold."""
    every: tuple[tuple[str, Literal["error", "warning"]], ...] = ((CONTRADICTIONS, "error"), (ONE_LEVEL, "warning"))
    failed = {rule: [check for check in checks if check.rule == rule] for rule, _ in every}
    return [SheetRule(rule, BESIDE[rule], severity, failed[rule]) for rule, severity in every if failed[rule]]


def as_indicators(year: Indicators) -> SheetIndicators:
    """A year's indicators for outsiders."""
    return SheetIndicators(
        dict(year.channels),
        dict(year.outcomes),
        list(year.received_by_month),
        list(year.ended_by_month),
        year.in_time,
        year.late,
        year.overdue,
        year.base,
        year.share_in_time,
        year.taken,
    )


def _tables(asked: Asked, answer: Answer) -> list[SheetTable]:
    before = pages.revised(answer)
    tables = []
    for table, numbers in printed(answer.report, asked.form):
        laid = grid(table, numbers)
        cells = [_cell(spot, table.id, before) for line in laid.lines() for spot in line]
        of_form = table in asked.form.tables
        about = (table.id, table.title, table.layout, of_form)
        tables.append(SheetTable(*about, laid.rows, laid.columns, laid.head, laid.labels, cells))
    return tables


def _cell(spot: Spot, table: str, before: dict[tuple[str, str, str], Number]) -> SheetCell:
    was = before.get((table, *spot.names)) if spot.names else None
    place = (spot.row, spot.column, spot.role, spot.rows, spot.columns)
    return SheetCell(*place, spot.text, spot.number, spot.names, was, spot.level, spot.unconfirmed)


def _publication(publication: Publication) -> SheetPublication:
    c = publication.content
    day = c.published_on.isoformat()
    return SheetPublication(c.number, day, c.form, c.reach, publication.digest, publication.is_intact, c.note)


def _revision(form: Form, revision: Revision) -> SheetRevision:
    labels = pages.cell_label(form, revision.table, revision.row, revision.column)
    latest = revision.because[-CAUSES:][::-1]
    return SheetRevision(labels, revision.published, revision.present, latest, len(revision.because))
