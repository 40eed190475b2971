"""Text in a table that no spreadsheet runs as a formula, and the same text again.

A spreadsheet runs what begins with one of a few signs, also out of a CSV file. An apostrophe before it makes it text.
Who reads such a file as a program finds the apostrophe there; a register's reader takes it off again.
"""

import re

_BEGINS = re.compile(r"[=+\-@\t\r\n]")
_HARMLESS = re.compile(r"-+|-[0-9]+(?:\.[0-9]+)?")
"""Cells that stay empty have dashes, and a number below nought is a number; a spreadsheet keeps both. One with a plus
is guarded: a telephone number would lose it."""
_GUARDED = re.compile(r"'(?=[=+\-@\t\r\n])")


def guarded(text: str) -> str:
    """The text, behind an apostrophe where a spreadsheet would run it."""
    return f"'{text}" if _BEGINS.match(text) and not _HARMLESS.fullmatch(text) else text


def unguarded(text: str) -> str:
    """The text without the apostrophe of :func:`guarded`."""
    return _GUARDED.sub("", text, count=1) if _GUARDED.match(text) else text
