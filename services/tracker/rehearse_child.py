"""Decides open cases by another set of data files, in a process of its own: the files in force are one set a process.

``python -m services.tracker.rehearse_child`` is started by :mod:`services.tracker.rehearsing` and speaks JSON, a value
a line: first :class:`Start` and the reference facts, answered by :class:`Begun`; then cases as they are stored, in lots
that an empty line ends, each case answered by its standing. It ends when its input does.
"""

import os
import sys
from datetime import datetime
from typing import BinaryIO

import msgspec
from msgspec import Struct

from services.events.codec import decode_fact
from services.events.facts import ReferenceFact
from services.statute import data, rules
from services.statute.errors import StatuteError
from services.tracker.core.reference_data import ReferenceData
from services.tracker.core.rehearsal import standing
from services.tracker.store import decode_case

NICER = 5


class Start(Struct, frozen=True):
    """What to decide by: the folder of an office's files, the instant, how many reference facts follow."""

    folder: str
    now: datetime
    facts: int


class Known(Struct, frozen=True):
    """A reference fact and its place in the log."""

    offset: int
    fact: msgspec.Raw


class Begun(Struct, frozen=True):
    """The digest of the files, or what is wrong with them."""

    digest: str = ""
    error: str = ""


def main(lines: BinaryIO, out: BinaryIO) -> None:
    """Answer until the input ends."""
    start = msgspec.json.decode(lines.readline(), type=Start)
    known = [msgspec.json.decode(lines.readline(), type=Known) for _ in range(start.facts)]
    try:
        data.use(start.folder)
    except StatuteError as error:
        _answer(out, Begun(error=str(error)))
        return
    reference_data = ReferenceData()
    for each in known:
        fact = decode_fact(bytes(each.fact))
        assert isinstance(fact, ReferenceFact)
        reference_data.learn(fact, each.offset)
    _answer(out, Begun(digest=rules.current().digest))
    for line in lines:
        if line.isspace():
            out.flush()
        else:
            stands = standing(decode_case(line), reference_data, start.now)
            out.write(msgspec.json.encode(stands) + b"\n")


def _answer(out: BinaryIO, begun: Begun) -> None:
    out.write(msgspec.json.encode(begun) + b"\n")
    out.flush()


if __name__ == "__main__":
    os.nice(NICER)
    main(sys.stdin.buffer, sys.stdout.buffer)
