"""The text of a cell as it is meant: widths, spaces and signs that people mix made one."""

import re
import unicodedata
from datetime import date, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from services.registers.formulas import unguarded

Cell = str | int | float | bool | date | datetime | time | None
"""A cell as a spreadsheet holds it; a CSV file has text alone."""

_YES_NO = dict.fromkeys(("是", "有", "√", "✓", "对", "y", "yes", "true", "1"), True) | dict.fromkeys(
    ("否", "没有", "×", "✗", "x", "n", "no", "false", "0"), False
)
_SPACE = re.compile(r"\s+")
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―−－﹣", "-"))
_EMPTY = frozenset({"", "-", "--", "/", "\\", "无", "n/a", "none", "null", "空"})
ERRORS = frozenset({"#ref!", "#n/a", "#value!", "#name?", "#div/0!", "#num!", "#null!"})
"""What a spreadsheet shows where a formula has no value."""
NO_VALUE = "#NO-VALUE!"
"""What a cell is read as whose formula has not been computed by what wrote the workbook."""


def text(cell: Cell) -> str:
    """A cell in one writing: full-width signs in half width, spaces one and at no end, dashes plain."""
    if isinstance(cell, str):
        return _plain(cell)
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(" ", "minutes")
    return _plain(str(cell))


@lru_cache(maxsize=8192)
def _plain(written: str) -> str:
    whole = unicodedata.normalize("NFKC", unguarded(written).translate(_INVISIBLE)).translate(_DASHES)
    return _SPACE.sub(" ", whole).strip()


def shown(cell: Cell) -> str:
    """A cell as it is shown to people and written to a file to be mended: as it was, without control characters."""
    if cell is None or isinstance(cell, bool | date | datetime | float):
        return text(cell)
    return "".join(" " if unicodedata.category(c) == "Cc" else c for c in str(cell)).strip()


def empty(cell: Cell) -> bool:
    """Whether nothing is said: no text, or one of the signs that people put into a cell that stays empty."""
    return text(cell).casefold() in _EMPTY


def error(cell: Cell) -> Literal["no-value", "error"] | None:
    """What is wrong with a formula, where that is what the cell says."""
    written = text(cell)
    if written == NO_VALUE:
        return "no-value"
    return "error" if written.casefold() in ERRORS else None


@lru_cache(maxsize=8192)
def same(written: str) -> str:
    """What two writings of one word or header have in common: no spaces, no asterisk, no case."""
    return text(written).replace(" ", "").replace("*", "").strip(":").casefold()


def number(cell: Cell) -> Decimal | None:
    """A number as people write it (``1,200``, ``１２``, ``3.50 元``); None where it is none."""
    if isinstance(cell, bool):
        return None
    match = re.fullmatch(
        r"([0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(\.[0-9]+)?(?: ?(?:元|件|条|次|天|日|个|个工作日|工作日))?", text(cell)
    )
    if match is None:
        return None
    return Decimal(match[1].replace(",", "") + (match[2] or ""))


def yes_no(cell: Cell) -> bool | None:
    """A yes or a no; None where it is neither."""
    return _YES_NO.get(text(cell).casefold())
