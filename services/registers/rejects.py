"""The rows that could not be taken, as a file to mend and to import again with the same map."""

import csv
import io

from services.registers.cells import shown
from services.registers.headers import REMARK, ROW
from services.registers.reading import RegisterContent

_BOM = "\ufeff"
"""Without it the spreadsheet that offices use takes UTF-8 for GBK."""
_FORMULA = ("=", "+", "@")


def written(register: RegisterContent) -> bytes:
    """A CSV file: the register's headers in one row, the bad rows as they were, and what is wrong with each.

    The two last columns are not read when the file is imported again. A cell that a spreadsheet would run as a formula
    begins with an apostrophe there.
    """
    width = max((len(cells) for _, cells in register.bad), default=0)
    names = [*register.headers.names, *(f"#{at + 1}" for at in range(len(register.headers.names), width))]
    problems: dict[int, list[str]] = {}
    for p in register.problems:
        remark = f"{p.column}“{p.value}”{p.problem.zh}，应为{p.expected.zh} ({p.problem.en}; expected {p.expected.en})"
        problems.setdefault(p.row, []).append(remark)
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([*names, REMARK, ROW])
    for number, cells in register.bad:
        kept = [_plain(shown(cell)) for cell in cells[: len(names)]]
        kept += [""] * (len(names) - len(kept))
        writer.writerow([*kept, _plain("; ".join(problems[number])), number])
    return (_BOM + out.getvalue()).encode()


def _plain(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
