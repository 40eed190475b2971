"""A fact that the log has and the tracker has not read yet: found behind the positions, or said not to be there."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from aiokafka import TopicPartition

from services.tracker import unread
from services.tracker.unread import Ahead, Waiting
from tests.support import raw

FIRST, SECOND = TopicPartition("facts", 0), TopicPartition("facts", 1)


class Log:
    """Partitions in memory, read as the log is."""

    def __init__(self, **values: Any) -> None:
        self.values = {FIRST: values.get("first", []), SECOND: values.get("second", [])}
        self.looked = 0

    async def read(self, tp: TopicPartition, start: int, end: int) -> AsyncIterator[Sequence[Any]]:
        for value in self.values[tp][start:end]:
            self.looked += 1
            yield [SimpleNamespace(value=value)]

    def look(self, read: dict[TopicPartition, int], id_: str) -> Ahead:
        ends = {tp: len(values) for tp, values in self.values.items()}
        return asyncio.run(unread.find(self, unread.lots(ends, read), "urn:shixian:test", id_))


def paid(id_: str) -> bytes:
    return msgspec.json.encode(raw("fee-paid", "r", {"paid_on": "2025-03-03"}, id=id_))


def test_what_is_behind_the_positions_is_found_and_what_was_read_is_not_looked_at() -> None:
    log = Log(first=[paid("a"), paid("b")], second=[b"no JSON", paid("c")])
    assert log.look({FIRST: 1}, "c") == Ahead(Waiting("r", "org.shixian.fee-paid.v1"))
    assert log.looked == 3
    assert log.look({FIRST: 1}, "a") == Ahead(all_looked_at=True)
    assert Log(first=[paid("a")]).look({FIRST: 1}, "a") == Ahead(all_looked_at=True)


def test_no_more_than_a_bound_is_looked_at_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unread, "MOST", 3)
    log = Log(first=[paid("a")] * 2, second=[paid("b")] * 5)
    assert log.look({}, "c") == Ahead(all_looked_at=False)
    assert log.looked == 3
