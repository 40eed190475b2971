"""The rows of a file: CSV in the encodings that offices use, or a workbook, as cells with their row numbers."""

import csv
import io
import re
import zipfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

import openpyxl
from openpyxl.utils.datetime import CALENDAR_MAC_1904
from openpyxl.worksheet.worksheet import Worksheet

from services.registers.cells import Cell, text
from services.registers.uncomputed import BEGUN, marked

MAX_ROWS = 200_000
MAX_COLUMNS = 500
MAX_CELLS = 2_000_000
"""Cells of a workbook, the empty ones between them too: each takes half a kilobyte and microseconds."""
MAX_UNPACKED = 64 * 1024 * 1024
"""Bytes of a workbook once unpacked; more is no register."""
_CELL = re.compile(rb"<(?:\w+:)?c[\s/>]")
_ASIDE = ("customXml/", "xl/media/", "xl/calcChain.xml")
"""What other programs keep in a workbook in whatever form: queries, pictures; and the order in which formulas are
computed, which names each cell once more."""
_OTHER = re.compile(
    rb"\xff\xfe|\xfe\xff|<\0|\0\0?\0?<|\x4c\x6f\xa7|(?:\xef\xbb\xbf)?<\?xml[^>]*encoding\s*=\s*[\"'](?!utf-8[\"'])",
    re.I,
)
"""The beginning of XML that is not in UTF-8: UTF-16, UTF-32, EBCDIC, or as it says itself."""
_ZEROS = re.compile(r"0{2,50}")
"""A format that shows a number with so many digits at least."""
_PIECE, _LONGEST_TAG = 1 << 20, 200
_ENCODINGS = (("utf-8-sig", "UTF-8"), ("gb18030", "GB18030"))


class BadFile(ValueError):
    """A file that can't be read as a table at all; says why, and what was expected."""


@dataclass(frozen=True)
class Sheet:
    """A table of cells."""

    name: str
    """The workbook's sheet; empty for a CSV file."""
    rows: list[tuple[int, list[Cell]]]
    """Each row that is not empty, with its number as a spreadsheet shows it, from 1."""
    from_1904: bool = False
    """Whether numbers of days count from 1904."""
    encoding: str = ""
    joined: frozenset[int] = field(default_factory=frozenset)
    """The rows with cells that are merged with their neighbours."""


def sheets(name: str, content: bytes) -> list[Sheet]:
    """The tables of a file; ``name`` is only shown. Raises :class:`BadFile`."""
    if content[:4] == b"PK\x03\x04":
        return _workbook(name, content)
    if content[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise BadFile(f"{name}: is a workbook of the old kind (.xls) or locked by a password; expected .xlsx or .csv")
    return [_csv(name, content)]


def _csv(name: str, content: bytes) -> Sheet:
    written, encoding = decoded(name, content)
    delimiter = _delimiter(written)
    rows: list[tuple[int, list[Cell]]] = []
    reader = csv.reader(io.StringIO(written, newline=""), delimiter=delimiter, strict=True)
    try:
        for number, row in enumerate(reader, 1):
            _room(name, number, len(row))
            if any(text(cell) for cell in row):
                rows.append((number, list(row)))
    except csv.Error as error:
        raise BadFile(f"{name}: line {reader.line_num}: {error}; expected comma-separated values") from None
    return Sheet("", rows, encoding=encoding)


def decoded(name: str, content: bytes) -> tuple[str, str]:
    """The text of a file and its encoding. Raises :class:`BadFile`."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            return content.decode("utf-16"), "UTF-16"
        except UnicodeDecodeError as error:
            raise BadFile(f"{name}: begins like UTF-16 and is not at byte {error.start}") from None
    if b"\x00" in content:
        raise BadFile(
            f"{name}: holds a NUL byte at {content.index(0)}; expected a text file (.csv) or a workbook (.xlsx)"
        )
    for codec, encoding in _ENCODINGS:
        try:
            return content.decode(codec), encoding
        except UnicodeDecodeError as error:
            place = error.start
    raise BadFile(f"{name}: is neither UTF-8 nor GB18030 (byte {place}); expected one of the two")


def _delimiter(written: str) -> str:
    """What parts the cells: the sign that the first lines have most of."""
    head = "\n".join(written.splitlines()[:20])
    return max((",", "\t", ";"), key=head.count)


def _room(name: str, rows: int, columns: int) -> None:
    if rows > MAX_ROWS or columns > MAX_COLUMNS:
        raise BadFile(f"{name}: expected at most {MAX_ROWS} rows of {MAX_COLUMNS} columns")


def _workbook(name: str, content: bytes) -> list[Sheet]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            if sum(info.file_size for info in packed.infolist()) > MAX_UNPACKED:
                raise BadFile(f"{name}: is larger than {MAX_UNPACKED} bytes once unpacked")
            read = [info for info in packed.infolist() if not info.filename.startswith(_ASIDE)]
            counts = {info.filename: _cells(name, packed, info) for info in read if info.file_size}
            _few(name, sum(cells for cells, _ in counts.values()))
            computed = {part for part, (_, formulas) in counts.items() if formulas}
            plain = _rewritten(packed, computed) if computed or len(read) < len(packed.infolist()) else content
        book = openpyxl.load_workbook(io.BytesIO(plain), data_only=True)
    except BadFile:
        raise
    except Exception as error:  # noqa: BLE001 - the library raises whatever a broken file leads it to
        raise BadFile(f"{name}: can't be read as a workbook (.xlsx): {str(error)[:200]}") from None
    epoch = book.epoch == CALENDAR_MAC_1904
    visible = [each for each in book.worksheets if each.sheet_state == "visible"]
    for each in visible:
        _room(name, each.max_row, each.max_column)
    _few(name, sum(each.max_row * each.max_column for each in visible))
    return [_sheet(name, each, epoch) for each in visible]


def _cells(name: str, packed: zipfile.ZipFile, info: zipfile.ZipInfo) -> tuple[int, bool]:
    """How many cells a part of a workbook has, found without building any, and whether there are formulas. Raises
    :class:`BadFile` for a part in which they could not be counted like that."""
    found, rest, begun, formulas = 0, b"", False, False
    with packed.open(info) as part:
        while piece := part.read(_PIECE):
            text = rest + piece
            # XML of another kind: the signs of UTF-16 are others, and an entity can stand for any number of cells.
            if b"<!DOCTYPE" in text or (not begun and _OTHER.match(text)):
                raise BadFile(f"{name}: {info.filename[:80]} is no part of a workbook; expected plain XML in UTF-8")
            begun = True
            found += len(_CELL.findall(text))
            formulas = formulas or BEGUN.search(text) is not None
            last = text[text.rfind(b"<") :] if b"<" in text else b""
            rest = b"" if _CELL.match(last) else last[:_LONGEST_TAG]  # a tag that the next piece goes on with
    return found, formulas


def _rewritten(packed: zipfile.ZipFile, computed: Collection[str]) -> bytes:
    """The workbook with the parts emptied that hold no cells (what says that one of them is a sheet finds nothing), and
    with the formulas marked that have no value in the parts where any are."""
    copied = io.BytesIO()
    with zipfile.ZipFile(copied, "w") as made:
        for info in packed.infolist():
            part = b"" if info.filename.startswith(_ASIDE) else packed.read(info)
            if info.filename in computed:
                made.writestr(info.filename, marked(part))
            else:
                made.writestr(info, part)
    return copied.getvalue()


def _few(name: str, cells: int) -> None:
    if cells > MAX_CELLS:
        raise BadFile(f"{name}: has {cells} cells; expected at most {MAX_CELLS}, or the register as CSV")


def _sheet(name: str, sheet: Worksheet, from_1904: bool) -> Sheet:
    merged: dict[tuple[int, int], Cell] = {}
    joined: set[int] = set()
    for area in sheet.merged_cells.ranges:
        value = _padded(sheet.cell(area.min_row, area.min_col))
        if (area.max_row - area.min_row + 1) * (area.max_col - area.min_col + 1) > MAX_ROWS:
            raise BadFile(f"{name}: {sheet.title}: a merged area of {area.coord} is no cell of a register")
        for row in range(area.min_row, area.max_row + 1):
            joined.add(row)
            for column in range(area.min_col, area.max_col + 1):
                merged[row, column] = value
    rows: list[tuple[int, list[Cell]]] = []
    for number, values in enumerate(_values(sheet), 1):
        whole = [merged.get((number, at), cell) for at, cell in enumerate(values, 1)]
        if any(text(cell) for cell in whole):
            rows.append((number, whole))
    return Sheet(sheet.title, rows, from_1904, "XLSX", frozenset(joined))


def _values(sheet: Worksheet) -> Iterator[list[Cell]]:
    for row in sheet.iter_rows():
        yield [_padded(cell) for cell in row]


def _padded(cell: Any) -> Cell:
    """What is in a cell; a number with the zeros before it that the cell's format shows."""
    value = _value(cell.value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not cell.has_style:
        return value
    if value >= 0 and float(value).is_integer() and _ZEROS.fullmatch(shown := cell.number_format):
        written = str(int(value))
        return written.zfill(len(shown)) if len(written) < len(shown) else value
    return value


def _value(cell: object) -> Cell:
    if cell is None or isinstance(cell, bool | int | float | str):
        return cell
    known: Cell = cell if hasattr(cell, "isoformat") else str(cell)  # type: ignore[assignment]
    return known
