"""Standard output: that it can't be written is told in one line, and what its encoding has no sign for is escaped."""

import codecs
import io
import os
import sys
from pathlib import Path
from typing import Any

import typer

ESCAPED = "shixian-escaped"
"""The name of :func:`escaped` as Python's way to deal with what an encoding lacks."""


class OutputLost(OSError):
    """What was printed did not arrive: the disk is full, or whoever read it has gone."""


class _Output(io.FileIO):
    """Standard output, whose errors are told from those of other files. After the first one the rest goes nowhere:
    it could not be whole any more, and is not to fail once more while the process ends."""

    _lost = False

    def write(self, data: Any, /) -> int | None:  # type: ignore[override]  # a stub's name for what has none
        if self._lost:
            return memoryview(data).nbytes
        try:
            return super().write(data)
        except OSError as error:
            self._lost = True
            raise OutputLost(error.errno, error.strerror, "standard output 标准输出") from error


def escaped(error: UnicodeError) -> tuple[str, int]:
    r"""What can't be encoded as ``\uXXXX``, above U+FFFF as two of them: nothing is lost, and JSON stays JSON."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return _escapes(error.object[error.start : error.end]), error.end


def _escapes(text: str) -> str:
    units = text.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def prepare() -> None:
    """Put such a standard output in the place of Python's. One that was closed by the caller is one nobody wants."""
    codecs.register_error(ESCAPED, escaped)
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  # as long as the process
        return
    given = sys.stdout
    if given is not sys.__stdout__ or not isinstance(given, io.TextIOWrapper):
        return
    # An encoding that has no letter but the English ones is one that was never set: typer then writes UTF-8, too.
    plain = codecs.lookup(given.encoding).name == "ascii"
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(_Output(given.fileno(), "wb", closefd=False)),
        encoding="utf-8" if plain else given.encoding,
        errors=ESCAPED if given.errors in ("strict", "surrogateescape") else given.errors,
        line_buffering=given.line_buffering,
        write_through=given.write_through,
    )


def print_json(text: str) -> None:
    """JSON for programs, which take it for UTF-8: where the terminal has another encoding, in signs that both have."""
    if codecs.lookup(getattr(sys.stdout, "encoding", None) or "utf-8").name != "utf-8":
        text = "".join(sign if sign.isascii() else _escapes(sign) for sign in text)
    typer.echo(text)
