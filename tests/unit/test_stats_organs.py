"""The organs of the stats service follow the reference topic record by record."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from services.events.codec import encode
from services.events.registrations import checking
from services.runtime.clock import ManualClock
from services.runtime.health import Part
from services.runtime.reference import Reference
from services.stats.organs import Organs
from services.stats.tree import below
from tests.support import ORGAN, fact


class Topic:
    def __init__(self) -> None:
        check = checking({"CN"}, {"CN"})
        self.reference = Reference("", "shixian.reference", Part("reference"), CollectorRegistry(), check)
        self.organs = Organs(self.reference, ManualClock(datetime(2013, 3, 22, 20, tzinfo=UTC)))

    async def add(self, code: str, id: str = "", **data: Any) -> None:
        value = encode(fact("organ-registered", code, ORGAN | {"code": code} | data, id=id))
        await self.reference._take([SimpleNamespace(value=value, offset=self.reference.next_offset, timestamp=0)])


async def test_name_day_and_tree_are_those_of_the_latest_registration_that_can_hold() -> None:
    topic = Topic()
    await topic.add("a")
    await topic.add("b", parent="a")
    assert below("a", topic.organs.parents()) == ["a", "b"]
    await topic.add("b", name={"zh": "新名", "en": "Renamed"}, timezone="UTC")
    assert below("a", topic.organs.parents()) == ["a"]
    assert (topic.organs.name("b").en, topic.organs.today("b").day, topic.organs.today("a").day) == ("Renamed", 22, 23)
    await topic.add("b", parent="a", statute="XX")
    assert (topic.organs.name("b").en, below("a", topic.organs.parents())) == ("Renamed", ["a"])
    await topic.add("a", parent="b")
    await topic.add("b", parent="a")
    assert (below("a", topic.organs.parents()), below("b", topic.organs.parents())) == (["a"], ["a", "b"])
    await topic.add("a")
    assert below("a", topic.organs.parents()) == ["a", "b"]


async def test_a_registration_that_comes_again_undoes_nothing_and_is_told_to_who_counts() -> None:
    topic, told = Topic(), list[int]()
    topic.reference.subscribe(lambda _fact, offset: told.append(offset))
    await topic.add("a", id="id1")
    await topic.add("b")
    await topic.add("a", id="id2", timezone="UTC")
    await topic.add("a", id="id1")
    assert topic.reference.organs["a"].data.timezone == "UTC"
    assert {code: known.offset for code, known in topic.reference.organs.items()} == {"b": 1, "a": 2}
    assert (told, topic.reference.next_offset) == ([0, 1, 2, 3], 4)
    await topic.add("c", id="id3", statute="XX")
    await topic.add("c", id="id3")
    assert topic.reference.organs["c"].offset == 5, "what had no effect was not taken"


class Meanwhile:
    """A known organ; while it is looked at, another one is registered."""

    def __init__(self, organs: dict[str, Any], known: Any) -> None:
        self._organs, self._known = organs, known

    @property
    def data(self) -> Any:
        self._organs[f"{self._known.data.code}-{len(self._organs)}"] = self._known
        return self._known.data


@pytest.mark.parametrize("asked", ["parents", "statutes"])
async def test_an_organ_may_come_while_a_thread_goes_through_them(asked: str) -> None:
    topic = Topic()
    await topic.add("a")
    await topic.add("b")
    organs: dict[str, Any] = topic.reference.organs
    for code, known in list(organs.items()):
        organs[code] = Meanwhile(organs, known)
    assert set(getattr(topic.organs, asked)()) == {"a", "b"}


async def test_what_a_thread_worked_out_while_an_organ_came_is_not_kept() -> None:
    topic = Topic()
    await topic.add("a")
    reference = topic.reference
    late = encode(fact("organ-registered", "b", ORGAN | {"code": "b", "parent": "a"}))

    class Asked:
        """The first organ; while a thread looks at it, the next record of the topic is taken."""

        def __init__(self, known: Any) -> None:
            self._known, self._left = known, 1

        @property
        def data(self) -> Any:
            if self._left:
                self._left = 0
                reference._learn(SimpleNamespace(value=late, offset=reference.next_offset, timestamp=0))
                reference.next_offset += 1
            return self._known.data

    organs: dict[str, Any] = reference.organs
    organs["a"] = Asked(organs["a"])
    reference.next_offset += 1  # or what was worked out before would be told
    assert set(topic.organs.parents()) == {"a"}
    assert topic.organs.parents() == {"a": None, "b": "a"}
