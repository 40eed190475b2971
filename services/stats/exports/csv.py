"""A report as one flat list of its numbers: CSV for spreadsheets and programs."""

import csv
import io

from services.stats.exports.grid import printed
from services.stats.forms.form import Form
from services.stats.report import Lang, Report, in_language

BOM = "\ufeff"
"""Without it a spreadsheet takes the file for one in the machine's old code page."""
COLUMNS = ("form", "organ", "year", "as_of", "table", "row", "row_label", "column", "column_label", "value")


def to_csv(report: Report, form: Form, *, lang: Lang = "zh") -> str:
    """One line for each number, CRLF at the ends (RFC 4180), UTF-8's byte order mark in front."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for table, numbers in printed(report, form):
        for row in table.rows:
            for column in table.columns_of(row):
                number = numbers[row.id][column.id]
                value = str(number) if isinstance(number, int) else f"{number:f}"
                row_label, column_label = (_text(in_language(label, lang)) for label in (row.label, column.label))
                labels = (row.id, row_label, column.id, column_label)
                writer.writerow((form.id, _text(report.organ), report.year, report.as_of, table.id, *labels, value))
    return BOM + out.getvalue()


def _text(value: str) -> str:
    """Text that no spreadsheet takes for a formula; an organ's code may begin with anything."""
    return f"'{value}" if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
