"""Formulas that a workbook holds without what they come to: its writer computed none, and a reader sees empty cells."""

import re

from services.registers.cells import NO_VALUE

BEGUN = re.compile(rb"<(?:\w+:)?f[\s/>]")
"""A formula; where a part has none, nothing is looked for."""
_CELL = re.compile(
    rb"<((?:\w+:)?)c((?:\s[^<>]*)?)>"  # of cells, so that no search goes on from one into the next: no other sign < but
    rb"(\s*<\1f(?:\s[^<>]*)?(?:/>|(?<!/)>[^<]*</\1f\s*>)\s*+)"  # the formula's
    rb"(?:<\1v\s*/>|<\1v\s*>\s*</\1v\s*>)?\s*</\1c\s*>"  # and a value's that is none
)
_TYPE = re.compile(rb"\st\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")


def marked(part: bytes) -> bytes:
    """A part of a workbook in which each cell of a formula without a value has ``NO_VALUE``, as a
    spreadsheet's own errors stand in theirs.

    An empty text is a value: a cell that says it is text came to that.
    """
    return _CELL.sub(_mark, part)


def _mark(cell: re.Match[bytes]) -> bytes:
    prefix, attributes, formula = cell[1], cell[2], cell[3]
    if (kind := _TYPE.search(attributes)) and (kind[1] or kind[2]) == b"str":
        return cell[0]
    plain = _TYPE.sub(b"", attributes)
    value = b"<%sv>%s</%sv>" % (prefix, NO_VALUE.encode(), prefix)
    return b'<%sc%s t="str">%s%s</%sc>' % (prefix, plain, formula, value, prefix)
