"""A report as an XLSX workbook: a sheet for each table, merged and ruled as the official form, ready to print on A4."""

import io

from openpyxl import Workbook
from openpyxl.styles import Alignment, Border, Font, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from services.events.vocabulary import Label
from services.registers.formulas import guarded
from services.stats.exports.grid import Grid, Spot, grid, printed
from services.stats.failing import Broken, broken
from services.stats.forms.form import Form, FormTable
from services.stats.report import Lang, Report, in_language
from services.stats.words import WORDS

_LINE = Side(style="thin", color="000000")
_BORDER = Border(left=_LINE, right=_LINE, top=_LINE, bottom=_LINE)
_TITLE = 2
"""Lines above a table: its title, and whose it is."""
_GROUP, _LABEL, _UNIT, _NUMBER = 8.0, 36.0, 8.0, 10.0
"""Widths of columns, in the spreadsheet's unit (characters)."""
_MANY = 6
"""From so many columns of numbers on they are narrow."""


def to_xlsx(report: Report, form: Form, name: Label, *, lang: Lang = "zh") -> bytes:
    """The workbook as a file's content; the same report gives the same cells."""
    book = Workbook()
    book.remove(book.worksheets[0])
    book.properties.title = f"{in_language(name, lang)} {report.year} {in_language(form.title, lang)}"
    book.properties.creator = "Shixian"
    for n, (table, numbers) in enumerate(printed(report, form), 1):
        sheet = book.create_sheet(f"{n} {table.id}"[:31])
        _sheet(sheet, table, grid(table, numbers), report, name, lang)
    failing = broken(report, form, lang)
    if failing:
        _rules(book.create_sheet(f"{len(book.worksheets) + 1} checks"), failing, report, name, lang)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _rules(sheet: Worksheet, failing: list[Broken], report: Report, name: Label, lang: Lang) -> None:
    """What does not add up: a line for each place where a rule fails."""
    font = _head(sheet, WORDS["checks"], "D", report, name, lang)
    heads = (WORDS["holding"], WORDS["rule"], WORDS["checks"], WORDS["detail"])
    lines = [tuple(in_language(head, lang) for head in heads)]
    for rule in failing:
        about = in_language(WORDS[rule.how], lang), rule.rule, in_language(rule.label, lang)
        lines += [(*about, detail) for detail in rule.details]
    for n, line in enumerate(lines, _TITLE + 1):
        for column, text in enumerate(line, 1):
            cell = sheet.cell(n, column, guarded(text))
            cell.border = _BORDER
            cell.font = Font(name=font, size=10, bold=n == _TITLE + 1)
            cell.alignment = Alignment(horizontal="left", vertical="center", wrap_text=True)
    for letter, width in zip("ABCD", (14.0, 24.0, 36.0, 60.0), strict=True):
        sheet.column_dimensions[letter].width = width
    _paper(sheet, f"A1:D{_TITLE + len(lines)}", landscape=True)


def _sheet(sheet: Worksheet, table: FormTable, laid: Grid, report: Report, name: Label, lang: Lang) -> None:
    last = get_column_letter(laid.columns)
    font = _head(sheet, table.title, last, report, name, lang)
    for spot in laid.spots:
        _put(sheet, spot, lang, font)
    _widths(sheet, table, laid, lang)
    _paper(sheet, f"A1:{last}{_TITLE + laid.rows}", landscape=laid.columns > (11 if lang == "zh" else 8))
    if laid.head:
        sheet.print_title_rows = f"1:{_TITLE + laid.head}"
        sheet.freeze_panes = f"{get_column_letter(laid.labels + 1)}{_TITLE + laid.head + 1}"


def _head(sheet: Worksheet, title: Label, last: str, report: Report, name: Label, lang: Lang) -> str:
    """The lines above a sheet's table, as far as its column ``last``; the font of all of it."""
    font = "宋体" if lang == "zh" else "Times New Roman"
    for line, text, size in (
        (1, in_language(title, lang), 14),
        (2, f"{in_language(name, lang)}    {report.year}    {report.as_of}", 10),
    ):
        sheet.merge_cells(f"A{line}:{last}{line}")
        above = sheet.cell(line, 1, guarded(text))
        above.font = Font(name=font, size=size, bold=line == 1)
        above.alignment = Alignment(horizontal="center", vertical="center", wrap_text=True)
    sheet.row_dimensions[1].height = 30
    return font


def _paper(sheet: Worksheet, area: str, *, landscape: bool) -> None:
    sheet.print_area = area
    sheet.page_setup.paperSize = 9  # A4
    sheet.page_setup.orientation = "landscape" if landscape else "portrait"
    sheet.page_setup.fitToWidth = 1
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.print_options.horizontalCentered = True


def _put(sheet: Worksheet, spot: Spot, lang: Lang, font: str) -> None:
    top, left = _TITLE + spot.row + 1, spot.column + 1
    bottom, right = top + spot.rows - 1, left + spot.columns - 1
    for line in range(top, bottom + 1):
        for column in range(left, right + 1):
            sheet.cell(line, column).border = _BORDER
    corner = sheet.cell(top, left)
    if spot.number is not None:
        corner.value = spot.number
        corner.number_format = "#,##0" if isinstance(spot.number, int) else "#,##0.######"
    elif spot.text is not None:
        corner.value = guarded(in_language(spot.text, lang) + (_MARK[lang] if spot.unconfirmed else ""))
    corner.font = Font(name=font, size=10, bold=spot.role == "head")
    corner.alignment = Alignment(
        horizontal={"number": "right", "label": "left"}.get(spot.role, "center"),
        vertical="center",
        wrap_text=True,
        indent=spot.level,
    )
    if (bottom, right) != (top, left):
        sheet.merge_cells(start_row=top, start_column=left, end_row=bottom, end_column=right)


_MARK = {"zh": "（未经核对）", "en": " (unconfirmed)"}


def _widths(sheet: Worksheet, table: FormTable, laid: Grid, lang: Lang) -> None:
    units = any(row.unit for row in table.rows)
    for n in range(laid.columns):
        width = _NUMBER * (1.4 if laid.columns - laid.labels < _MANY or lang == "en" else 1.0)
        if n < laid.labels:
            width = _UNIT if units and n == laid.labels - 1 else _GROUP * (1.0 if lang == "zh" else 1.5)
            if n == laid.labels - 1 - units:
                width = _LABEL
        sheet.column_dimensions[get_column_letter(n + 1)].width = width
    for n, line in enumerate(laid.lines()):
        deep = max((_lines(sheet, s, lang) for s in line if s.rows == 1), default=1)
        sheet.row_dimensions[_TITLE + n + 1].height = 6.0 + 13.0 * deep


def _lines(sheet: Worksheet, spot: Spot, lang: Lang) -> int:
    """How many lines the text needs in the columns that it has; a Chinese character is twice as wide."""
    if spot.text is None or spot.role == "group":
        return 1
    text = in_language(spot.text, lang) + (_MARK[lang] if spot.unconfirmed else "")
    columns = range(spot.column + 1, spot.column + spot.columns + 1)
    room = sum(sheet.column_dimensions[get_column_letter(n)].width for n in columns) - 1 - spot.level
    # Bold letters are wider, and lines break between words in English.
    wide = sum(2.0 if ord(c) > 0x2E80 else 1.0 for c in text) * (1.1 if spot.role == "head" else 1.0)
    return max(1, -(-int(wide * (1.0 if lang == "zh" else 1.15)) // int(room)))
