"""The rows that could not be taken, as a file to mend and to import again with the same map."""

import csv
import io

from services.registers.cells import shown
from services.registers.formulas import guarded
from services.registers.headers import REMARK, ROW
from services.registers.reading import RegisterContent

_BOM = "\ufeff"
"""Without it the spreadsheet that offices use takes UTF-8 for GBK."""


def written(register: RegisterContent) -> bytes:
    """A CSV file: the register's headers in one row, the bad rows as they were, and what is wrong with each.

    The two last columns are not read when the file is imported again. A cell that a spreadsheet would run as a formula
    begins with an apostrophe there, which its reader takes off again; so does a header.
    """
    width = max((len(cells) for _, cells in register.bad), default=0)
    names = [*register.headers.names, *(f"#{at + 1}" for at in range(len(register.headers.names), width))]
    # Those of an earlier round say what was wrong then.
    kept = [at for at, name in enumerate(names) if name not in (REMARK, ROW)]
    problems: dict[int, list[str]] = {}
    for p in register.problems:
        remark = f"{p.column}“{p.value}”{p.problem.zh}，应为{p.expected.zh} ({p.problem.en}; expected {p.expected.en})"
        problems.setdefault(p.row, []).append(remark)
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([*(guarded(names[at]) for at in kept), REMARK, ROW])
    for number, cells in register.bad:
        row = [guarded(shown(cells[at])) if at < len(cells) else "" for at in kept]
        writer.writerow([*row, guarded("; ".join(problems[number])), number])
    return (_BOM + out.getvalue()).encode()
