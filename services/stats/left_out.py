"""What a report's tables leave out though it happened in the year: results of earlier years' reviews, ends that no row
takes. Pure."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from services.stats.cells import Cell, Number, plain
from services.stats.fitting import fits, takes, within
from services.stats.forms.form import Form

Place = tuple[str, str]
"""A table and a row; or a rule and a column."""
ByKind = Mapping[str, Sequence[tuple[Cell, Number]]]


class LeftOut(Struct, frozen=True):
    """By what rules ask for."""

    unreported: Mapping[Place, Mapping[str, Number]] = {}
    """Like a report's numbers: of each that counts reviews by their filing alone, how many of an earlier filing were
    decided in the year."""
    unplaced: Mapping[Place, Number] = {}
    """By the rule and the column: how many none of the rule's rows takes."""


def of(form: Form, by_kind: ByKind) -> LeftOut:
    """What the tables of ``form`` leave out of the cells of a year."""
    return LeftOut(_unreported(form, by_kind), _unplaced(form, by_kind))


def _unreported(form: Form, by_kind: ByKind) -> dict[Place, dict[str, Number]]:
    later = by_kind.get("review-later", ())
    unreported: dict[Place, dict[str, Number]] = {}
    for table in form.tables:
        for row in table.rows:
            for column in table.columns_of(row):
                counts = row.counting(column)
                if counts is not None and counts.kind == "review":
                    felt = plain(sum(n for c, n in later if fits(counts, column.where, c)))
                    unreported.setdefault((table.id, row.id), {})[column.id] = felt
    return unreported


def _unplaced(form: Form, by_kind: ByKind) -> dict[Place, Number]:
    unplaced: dict[Place, Number] = {}
    for rule in form.checks:
        table = form.table(rule.table)
        if rule.relation != "placed" or table is None:
            continue
        rows = [row for row in table.rows if row.id in rule.left]
        # A province has a column for each of thousands of items; a rule is about the total, mostly.
        for column in (column for column in table.columns if not rule.only or column.id in rule.only):
            counting = [counts for row in rows if (counts := row.counting(column)) is not None]
            unplaced[rule.rule, column.id] = plain(
                sum(
                    n
                    for kind in {counts.kind for counts in counting}
                    for c, n in by_kind.get(kind, ())
                    if within(column.where, c) and not any(takes(counts, c) for counts in counting)
                )
            )
    return unplaced
