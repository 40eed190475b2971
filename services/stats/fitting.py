"""Which cells a number of a form counts. Pure."""

from services.stats.cells import Cell, Law, values
from services.stats.forms.form import Counts, Filter
from services.stats.kinds import KINDS


def fits(counts: Counts, where: Filter, cell: Cell) -> bool:
    """Whether a cell has the values that ``counts`` and a column's ``where`` want in the dimensions that it has."""
    return takes(counts, cell) and within(where, cell)


def contributes(counts: Counts, where: Filter, cell: Cell, year: int, law: Law | None = None) -> bool:
    """Whether a change of the raw ``cell`` is felt by the number that ``counts`` (in a column's ``where``) asks for."""
    counted = KINDS[counts.kind].feels(cell.kind, cell.year, year) and (law is None or law.counts(cell))
    return counted and fits(counts, where, cell)


def takes(counts: Counts, cell: Cell) -> bool:
    """Whether a cell has the values that ``counts`` wants in the dimensions that it has."""
    return within(counts, cell) and not _names(counts.except_, cell)


def within(wanted: Filter, cell: Cell) -> bool:
    """Whether a cell has one of the ``wanted`` values in each dimension for which there are any."""
    for name, own in values(cell):
        given = getattr(wanted, name, None)
        if given is not None and own not in given:
            return False
    return True


def _names(left_out: Filter, cell: Cell) -> bool:
    for name, own in values(cell):
        given = getattr(left_out, name, None)
        if given is not None and own in given:
            return True
    return False
