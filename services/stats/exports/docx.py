"""The statistical parts of a report as a DOCX document: each table under its heading, merged as the official form."""

import io

from docx import Document
from docx.enum.section import WD_ORIENT
from docx.enum.table import WD_CELL_VERTICAL_ALIGNMENT, WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt
from docx.table import Table, _Cell

from services.events.vocabulary import Label
from services.stats.exports.grid import Grid, Spot, grid, printed
from services.stats.failing import broken
from services.stats.forms.form import Form, FormTable
from services.stats.report import Lang, Report, in_language
from services.stats.words import WORDS

_PAGE, _MARGIN = 210, 18
"""A4's width and the margins, in mm."""
_GROUP, _UNIT = 19, 16
"""Widths of columns in mm; the label and the numbers share the rest."""
_NARROW = 6
"""More columns of numbers than that leave no room for English headings on an upright page."""
_LONG = 20
"""A table of more rows begins a page."""
_FONT = {"zh": "宋体", "en": "Times New Roman"}
_MARK = {"zh": "（未经核对）", "en": " (unconfirmed)"}


def to_docx(report: Report, form: Form, name: Label, *, lang: Lang = "zh") -> bytes:
    """The document as a file's content."""
    document = Document()
    section = document.sections[0]
    shown = [(table, grid(table, numbers)) for table, numbers in printed(report, form)]
    lying = lang == "en" and any(laid.columns - laid.labels > _NARROW for _, laid in shown)
    page = (297, _PAGE) if lying else (_PAGE, 297)
    section.orientation = WD_ORIENT.LANDSCAPE if lying else WD_ORIENT.PORTRAIT
    section.page_width, section.page_height = Mm(page[0]), Mm(page[1])
    section.left_margin = section.right_margin = Mm(_MARGIN)
    section.top_margin = section.bottom_margin = Mm(20)
    style = document.styles["Normal"]
    style.font.name, style.font.size = _FONT[lang], Pt(9)
    style.element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), _FONT["zh"])
    # Without it a program may take the signs of another script: the comma in the middle of its square.
    language = OxmlElement("w:lang")
    for kind, code in (("w:val", "en-US"), ("w:eastAsia", "zh-CN")):
        language.set(qn(kind), code)
    style.element.get_or_add_rPr().append(language)
    document.core_properties.title = f"{in_language(name, lang)} {report.year} {in_language(form.title, lang)}"
    document.core_properties.author = "Shixian"
    _line(document, f"{in_language(name, lang)}", 16, bold=True)
    year = f"{report.year}年度" if lang == "zh" else str(report.year)
    _line(document, f"{year} {in_language(form.title, lang)}", 12, bold=False)
    for n, (table, laid) in enumerate(shown):
        # A long table that begins below another would be torn.
        _line(document, in_language(table.title, lang), 11, bold=True, center=False, anew=n > 0 and laid.rows > _LONG)
        _table(document, table, laid, lang, page[0] - 2.0 * _MARGIN)
    _rules(document, report, form, lang)
    _line(document, f"{'数据截至' if lang == 'zh' else 'As of'} {report.as_of}", 9, bold=False, center=False)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def _rules(document: "Document", report: Report, form: Form, lang: Lang) -> None:  # type: ignore[valid-type]  # as below
    """What does not add up, if anything: a line for each rule, and one for each place where it fails."""
    failing = broken(report, form, lang)
    if failing:
        _line(document, in_language(WORDS["checks"], lang), 11, bold=True, center=False)
    for rule in failing:
        how = in_language(WORDS[rule.how], lang)
        _line(document, f"{how}  {rule.rule}  {in_language(rule.label, lang)}", 9, bold=False, center=False)
        for detail in rule.details:
            document.add_paragraph().add_run(detail).font.size = Pt(9)  # type: ignore[attr-defined]  # the same


def _line(document: "Document", text: str, size: int, *, bold: bool, center: bool = True, anew: bool = False) -> None:  # type: ignore[valid-type]  # python-docx names the factory like the class
    paragraph = document.add_paragraph()  # type: ignore[attr-defined]  # the same
    run = paragraph.add_run(text)
    run.bold, run.font.size = bold, Pt(size)
    paragraph.paragraph_format.space_before, paragraph.paragraph_format.space_after = Pt(8), Pt(4)
    paragraph.paragraph_format.keep_with_next = True
    paragraph.paragraph_format.page_break_before = anew
    if center:
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER


def _table(document: "Document", shape: FormTable, laid: Grid, lang: Lang, whole: float) -> None:  # type: ignore[valid-type]  # as above
    table: Table = document.add_table(laid.rows, laid.columns)  # type: ignore[attr-defined]  # as above
    table.style = "Table Grid"
    table.alignment = WD_TABLE_ALIGNMENT.CENTER
    table.autofit = False
    sides = OxmlElement("w:tblCellMar")
    for side in ("w:left", "w:right"):
        room = OxmlElement(side)
        room.set(qn("w:w"), "57")  # twentieths of a point: 1 mm
        room.set(qn("w:type"), "dxa")
        sides.append(room)
    table._tbl.tblPr.append(sides)
    widths = _widths(shape, laid, whole)
    for column, width in zip(table.columns, widths, strict=True):
        column.width = Mm(width)
    lines = [list(row.cells) for row in table.rows]
    for line in lines:
        for cell, width in zip(line, widths, strict=True):
            cell.width = Mm(width)
    for spot in laid.spots:
        cell = lines[spot.row][spot.column]
        if spot.rows > 1 or spot.columns > 1:
            cell = cell.merge(lines[spot.row + spot.rows - 1][spot.column + spot.columns - 1])
        _fill(cell, spot, lang, laid.columns)
    for row in table.rows:
        _mark(row._tr.get_or_add_trPr(), "w:cantSplit")
    for row in table.rows[: laid.head]:
        _mark(row._tr.get_or_add_trPr(), "w:tblHeader")


def _fill(cell: _Cell, spot: Spot, lang: Lang, columns: int) -> None:
    text = (
        f"{spot.number:,}" if spot.number is not None else in_language(spot.text, lang) if spot.text is not None else ""
    )
    paragraph = cell.paragraphs[0]
    run = paragraph.add_run(text + (_MARK[lang] if spot.unconfirmed else ""))
    small = columns > (_NARROW if lang == "en" and spot.role == "head" else 11)
    run.bold, run.font.size = spot.role == "head", Pt(7 if small else 8.5)
    paragraph.paragraph_format.left_indent = Mm(4 * spot.level)
    paragraph.paragraph_format.space_before = paragraph.paragraph_format.space_after = Pt(1)
    aligned = {"number": WD_ALIGN_PARAGRAPH.RIGHT, "label": WD_ALIGN_PARAGRAPH.LEFT}
    paragraph.alignment = aligned.get(spot.role, WD_ALIGN_PARAGRAPH.CENTER)
    cell.vertical_alignment = WD_CELL_VERTICAL_ALIGNMENT.CENTER


def _mark(properties: object, name: str) -> None:
    properties.append(OxmlElement(name))  # type: ignore[attr-defined]  # an lxml element


def _widths(shape: FormTable, laid: Grid, whole: float) -> list[float]:
    """The columns' widths in mm; together ``whole``, the text's width."""
    units = any(row.unit for row in shape.rows)
    groups = max(0, laid.labels - 1 - units)
    rest = whole - groups * _GROUP - units * _UNIT
    counted = laid.columns - laid.labels
    share = 0.28 if counted > _NARROW and whole > _PAGE else 0.42
    label = max(rest - counted * 24, rest * share) if laid.labels else 0.0
    number = (rest - label) / counted
    return [*[float(_GROUP)] * groups, *([label] if laid.labels else []), *[float(_UNIT)] * units, *[number] * counted]
