"""The audit trail's records: who did what, when, from where, with what result; each carries the hash of the one before.

A writer (a process) numbers its records from 1 and chains them. Its first record carries the hash of the topic's last
record then, so that the chain of a writer can't be taken out unseen while one that began later is there. Pure.
"""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec
from msgspec import Struct


class Entry(Struct, frozen=True, kw_only=True):
    """What is recorded; no secret, no body, no query, and of people their account ids only."""

    account: str
    action: str
    method: str = ""
    path: str = ""
    address: str = ""
    """Where the call came from, as far as the service knows."""
    organs: list[str] | None = None
    """Those that the account is limited to; None: all."""
    about: str = ""
    """What was changed, where that is no path: a token's id, an account; of a caller who is unknown, why."""


class Record(Struct, frozen=True, kw_only=True):
    """An entry as it stands in the topic ``shixian.audit``."""

    at: datetime
    service: str
    writer: str
    number: int
    """Of the writer's records, from 1."""
    entry: Entry
    status: int
    """The answer's; 0 where nothing was asked over HTTP."""
    previous: str
    """The hash of the writer's record before; of the topic's last one where it is the writer's first."""
    hash: str = ""


def sealed(record: Record) -> Record:
    """The record with its hash: SHA-256 of all else, as JSON with its keys in order."""
    return msgspec.structs.replace(record, hash=digest(record))


def digest(record: Record) -> str:
    """What the record's hash has to be."""
    bare = msgspec.structs.replace(record, hash="")
    return hashlib.sha256(msgspec.json.encode(bare, order="deterministic")).hexdigest()


class Chain:
    """Looks at records in the topic's order and says what is wrong with them."""

    def __init__(self, *, is_whole: bool) -> None:
        """``is_whole``: the topic is read from its first record on, so that every writer has to begin at 1."""
        self._is_whole = is_whole
        self._last: dict[str, tuple[int, str]] = {}
        self._seen: set[str] = set()

    def look(self, record: Record) -> str:
        """What is wrong; empty for nothing. A record that the producer wrote twice is the same twice."""
        known = self._last.get(record.writer)
        if known == (record.number, record.hash):
            return ""
        wrong = self._wrong(record, known)
        self._last[record.writer] = record.number, record.hash
        self._seen.add(record.hash)
        return wrong

    def _wrong(self, record: Record, known: tuple[int, str] | None) -> str:
        place = f"record {record.number} of {record.writer}"
        if record.hash != digest(record):
            return f"{place} was changed: it does not fit its hash"
        if known is None:
            if not self._is_whole:
                return ""
            if record.number != 1:
                return f"{place}: those before it are missing"
            if record.previous and record.previous not in self._seen:
                return f"{place}: the record that was the last when it began is missing"
            return ""
        if record.number != known[0] + 1 or record.previous != known[1]:
            return f"{place} does not follow record {known[0]}"
        return ""


def checked(records: Iterable[Record], *, is_whole: bool) -> Iterator[tuple[Record, str]]:
    """Each record with what is wrong with it."""
    chain = Chain(is_whole=is_whole)
    for record in records:
        yield record, chain.look(record)
