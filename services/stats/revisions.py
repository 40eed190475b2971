"""What changed since a report was published: each number that is another now, and the facts behind the change. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from services.stats.cells import Law, Number
from services.stats.fitting import contributes
from services.stats.forms.form import Form
from services.stats.publications import Content
from services.stats.reading import Changed
from services.stats.report import AS_PUBLISHED, PUBLISHED, Report
from services.stats.rules import Check


class Because(Struct, frozen=True):
    """One event that moved a number, and the fact that led to it."""

    subject: str
    sequence: int
    recorded_at: datetime
    source: str | None
    """The intake system that sent the fact; none where the clock alone led to the event."""
    id: str | None


class Revision(Struct, frozen=True):
    """A published number and the present one."""

    table: str
    row: str
    column: str
    published: Number
    present: Number
    because: list[Because]


def revisions(
    content: Content, present: Report, form: Form, changes: Sequence[Changed], law: Law | None = None
) -> list[Revision]:
    """Every number of the publication that is not the present one, in the form's order."""
    now = present.numbers()
    revised: list[Revision] = []
    for table in form.tables:
        for row in table.rows:
            published: Mapping[str, Number] = content.numbers().get((table.id, row.id), {})
            for column in table.columns_of(row):
                was, is_now = published.get(column.id, 0), now[table.id, row.id][column.id]
                counts = row.counting(column)
                if was == is_now or counts is None:
                    continue
                felt = [c for c in changes if contributes(counts, column.where, c.cell, content.year, law)]
                revised.append(Revision(table.id, row.id, column.id, was, is_now, _because(felt)))
    return revised


def _because(changes: Sequence[Changed]) -> list[Because]:
    """The events behind the changes, each once."""
    by_event = {
        (c.subject, c.sequence): Because(
            c.subject, c.sequence, c.recorded_at, c.cause.source if c.cause else None, c.cause.id if c.cause else None
        )
        for c in changes
    }
    return list(by_event.values())


def as_checks(content: Content, revised: Sequence[Revision]) -> tuple[Check, ...]:
    """The comparison with the publication as checks beside the form's own."""
    if not revised:
        return (Check(PUBLISHED, True, f"as published on {content.published_on}"),)
    both = (AS_PUBLISHED.en, AS_PUBLISHED.zh)
    return tuple(
        Check(
            PUBLISHED,
            False,
            *(
                f"{r.table}/{r.column}: {r.row} {r.present}{words}{content.published_on} {r.published}"
                for words in both
            ),
        )
        for r in revised
    )
