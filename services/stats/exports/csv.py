"""A report as one flat list of its numbers: CSV for spreadsheets and programs."""

import csv
import io

from services.registers.formulas import guarded
from services.stats.exports.grid import printed
from services.stats.failing import broken
from services.stats.forms.form import Form
from services.stats.report import Lang, Report, in_language
from services.stats.words import WORDS

BOM = "\ufeff"
"""Without it a spreadsheet takes the file for one in the machine's old code page."""
COLUMNS = ("form", "organ", "year", "as_of", "table", "row", "row_label", "column", "column_label", "value")
CHECKS = "checks"
"""The ``table`` of the lines that each name a place where a rule (the ``row``) fails. The place stands in the
``column_label``, so that the column of numbers stays one."""


def to_csv(report: Report, form: Form, *, lang: Lang = "zh") -> str:
    """One line for each number, and for each place where a rule fails; CRLF at the ends (RFC 4180), UTF-8's byte order
    mark in front. Text that a spreadsheet would run as a formula stands behind an apostrophe, codes as well."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for table, numbers in printed(report, form):
        for row in table.rows:
            for column in table.columns_of(row):
                number = numbers[row.id][column.id]
                value = str(number) if isinstance(number, int) else f"{number:f}"
                row_label, column_label = (in_language(label, lang) for label in (row.label, column.label))
                # The codes as well: an item's are whatever its organ calls it.
                names = map(guarded, (table.id, row.id, row_label, column.id, column_label))
                writer.writerow((form.id, guarded(report.organ), report.year, report.as_of, *names, value))
    for rule in broken(report, form, lang):
        about = (rule.rule, guarded(in_language(rule.label, lang)), rule.how)
        how = in_language(WORDS[rule.how], lang)
        for detail in rule.details:
            line = (*about, guarded(f"{how}{'：' if lang == 'zh' else ': '}{detail}"), "1")
            writer.writerow((form.id, guarded(report.organ), report.year, report.as_of, CHECKS, *line))
    return BOM + out.getvalue()
