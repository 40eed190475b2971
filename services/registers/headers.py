"""Where a register's headers are, and in which column stands what a map asks for."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from services.registers.cells import Cell, same, text
from services.registers.map_file import SHEET, RegisterMap
from services.registers.tables import BadFile, Sheet

LOOK = 15
"""Rows at the top among which the headers are looked for: above them stand titles, units and dates."""
DEPTH = 3
"""Rows that headers may take, one under another."""
REMARK = "问题 problems"
"""The column of a reject file that says what is wrong with the row; no map reads it."""
ROW = "原行 row"
"""The column of a reject file with the number that the row had; no map reads it."""


BEYOND = re.compile(r"#[0-9]+")
"""What a reject file calls a column that the register has no header for, by its number."""


@dataclass(frozen=True)
class Headers:
    """The headers of a sheet."""

    sheet: Sheet
    first: int
    """Where they stand in ``sheet.rows``, from 0."""
    depth: int
    names: list[str]
    """For each column, its header; ``above/below`` where headers stand above one another."""
    at: Mapping[str, int]
    """The place, from 0, of each column of the map that the sheet has, by its name in the map."""

    def beyond(self, at: int) -> bool:
        """Whether the column at ``at`` stands beyond the last header; a file of rejected rows says so in its name."""
        return at >= len(self.names) or BEYOND.fullmatch(self.names[at]) is not None

    @property
    def body(self) -> list[tuple[int, list[Cell]]]:
        """The rows below the headers, without those that repeat them or a title, as each printed page does."""
        return list(self._below())

    def _below(self) -> Iterator[tuple[int, list[Cell]]]:
        end = self.first + self.depth
        own = [[same(text(cell)) for cell in cells] for _, cells in self.sheet.rows[:end]]
        return ((n, cells) for n, cells in self.sheet.rows[end:] if not any(_repeats(cells, row) for row in own))

    def part(self, of: RegisterMap) -> bool:
        """Whether the sheet has rows of the register: entries, and the column of their numbers with most of those that
        the map needs. One that lacks a column is not passed over for that."""
        needed = [column in self.at for column in of.needed]
        if of.number not in self.at or 2 * sum(needed) <= len(needed):
            return False
        skip = set(map(same, of.skip))
        return any(same(next(filter(None, map(text, cells)), "")) not in skip for _, cells in self._below())

    def named(self, column: str, of: RegisterMap) -> str:
        """The header of a column as the register writes it, or the first that it could have."""
        return self.names[self.at[column]] if column in self.at else of.headers(column)[0]


def _repeats(cells: list[Cell], header: list[str]) -> bool:
    """Whether a row is a header again; what is merged in one of the two may be empty in the other."""
    written = [(at, same(text(cell))) for at, cell in enumerate(cells) if text(cell)]
    return all(at < len(header) and word == header[at] for at, word in written)


def find(name: str, sheets: list[Sheet], of: RegisterMap, *, whole: bool = True) -> Headers:
    """The headers of the sheet that the map is for; not ``whole``: columns that it needs may be missing.

    Raises :class:`BadFile` that names what is missing.
    """
    if of.sheet is not None:
        named = [s for s in sheets if s.name in (of.sheet, "")]
        if not named:
            raise BadFile(f"{name}: has no sheet {of.sheet!r}; has {_listed(sheets)}")
        sheets = named
    found = [best(sheet, of) for sheet in sheets]
    if whole and len(parts := [each.sheet for each in found if each.part(of)]) > 1:
        raise BadFile(
            f"{name}: the sheets {_listed(parts)} all have rows under columns of this map; "
            f"expected the name of one: --set {SHEET}=NAME, or `{SHEET}` in the map"
        )
    fullest = max(found, key=lambda h: (h.part(of), len(h.at)), default=None)
    if fullest is None or not fullest.at:
        wanted = ", ".join(of.headers(c)[0] for c in of.needed)
        raise BadFile(f"{name}: no row is a header of this map; expected columns {wanted}")
    missing = ["/".join(of.headers(c)[:3]) for c in of.needed if c not in fullest.at]
    if missing and whole:
        has = ", ".join(filter(None, fullest.names))
        raise BadFile(f"{name}: row {fullest.sheet.rows[fullest.first][0]}: no column {', '.join(missing)}; has {has}")
    return fullest


def _listed(sheets: Iterable[Sheet]) -> str:
    return ", ".join(repr(sheet.name) for sheet in sheets)


def best(sheet: Sheet, of: RegisterMap) -> Headers:
    """The rows of a sheet that are most like the map's headers."""
    candidates = [
        headers(sheet, first, depth, of)
        for first in range(min(LOOK, len(sheet.rows)))
        for depth in range(1, min(DEPTH, len(sheet.rows) - first) + 1)
    ]
    return max(candidates, key=lambda h: (len(h.at), -h.depth, -h.first), default=Headers(sheet, 0, 0, [], {}))


def headers(sheet: Sheet, first: int, depth: int, of: RegisterMap | None = None) -> Headers:
    """What rows ``first`` to ``first + depth - 1`` say as headers."""
    rows = [cells for _, cells in sheet.rows[first : first + depth]]
    width = max((len(row) for row in rows), default=0)
    names: list[list[str]] = [[] for _ in range(width)]
    for level, row in enumerate(rows):
        left = ""
        for at in range(width):
            written = text(row[at]) if at < len(row) else ""
            # A header over several columns: a text file has it in the first of them alone.
            left = written or (left if level < depth - 1 and _fills(rows, level, at) else "")
            if left and (not names[at] or names[at][-1] != left):
                names[at].append(left)
    joined = ["/".join(parts) for parts in names]
    while joined and not joined[-1]:  # a workbook's rows are as long as its longest
        joined.pop()
    return Headers(sheet, first, depth, joined, _places(joined, of) if of else {})


def _fills(rows: list[list[Cell]], level: int, at: int) -> bool:
    """Whether something stands under an empty header: then the one to its left goes over both."""
    return any(at < len(row) and text(row[at]) for row in rows[level + 1 :])


def _places(names: list[str], of: RegisterMap) -> dict[str, int]:
    whole: dict[str, int] = {}
    last: dict[str, list[int]] = {}
    for at, name in enumerate(names):
        if name and name not in (REMARK, ROW):
            whole.setdefault(same(name), at)
            last.setdefault(same(name.rpartition("/")[2]), []).append(at)
    places: dict[str, int] = {}
    for column in of.columns:
        for wanted in map(same, of.headers(column)):
            alone = last.get(wanted, [])
            if wanted in whole or len(alone) == 1:
                places[column] = whole[wanted] if wanted in whole else alone[0]
                break
    return places
