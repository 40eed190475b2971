"""The lines of a JSON-lines file, without what an editor puts before the first of them."""

from collections.abc import Iterable, Iterator

BOM = b"\xef\xbb\xbf"
"""UTF-8's byte order mark. It is no part of a file's text, and JSON's parsers may pass it over (RFC 8259, 8.1)."""


def unmarked(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The lines; the first without a byte order mark."""
    for number, line in enumerate(lines):
        yield line if number else line.removeprefix(BOM)
