"""The laws, calendars and parents that a call's facts name: refused where they do not exist."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from services.events.codec import type_name
from services.events.facts import Fact, OrganRegistered
from services.events.office_facts import ItemData, ItemRegistered, UnitData, UnitRegistered
from services.events.refusals import FieldError, Refused
from services.events.registrations import Check, Parents, wrong_parent
from services.intake.reading import Reading
from services.runtime.retry import LogUnavailable


@dataclass(frozen=True, slots=True)
class References:
    """What intake asks about references."""

    check: Check
    parents: Callable[[], Parents]
    """Each organ that the reference topic has registered, with its parent."""
    units: Callable[[], Mapping[str, UnitData]]
    """The units that it has registered."""
    items: Callable[[], Mapping[str, ItemData]]
    """The service items that it has registered."""
    catch_up: Callable[[], Coroutine[Any, Any, None]]
    """Returns when all is known that the topic holds by now."""
    give_up_seconds: float

    async def refuse_unknown(self, reading: Reading) -> None:
        """Move facts that name what does not exist from ``reading.facts`` to what is refused.

        A parent is looked for in the topic as it ends now, since another process may have registered it a moment ago;
        of two calls at the same instant that make a circle, the readers of the topic pass over the later parent. It is
        not looked for beside events that are refused anyway: what is wrong with those is told even without the log.
        Raises :class:`LogUnavailable` when the topic's end can't be reached in time.
        """
        _sift(reading, self.check)
        asking = any(
            (isinstance(f, OrganRegistered) and f.data.parent) or isinstance(f, UnitRegistered | ItemRegistered)
            for f in reading.facts
        )
        if reading.errors or not asking:
            return
        try:
            async with asyncio.timeout(self.give_up_seconds):
                await self.catch_up()
        except TimeoutError:
            raise LogUnavailable(f"the organs can't be read in {self.give_up_seconds:g} s") from None
        parents, units, items = dict(self.parents()), dict(self.units()), dict(self.items())
        _sift(
            reading,
            lambda fact: _parent(fact, parents) or wrong_unit(fact, parents, units) or wrong_item(fact, parents, items),
        )


def _sift(reading: Reading, check: Callable[[Fact], FieldError | None]) -> None:
    facts, places, reading.facts, reading.places = reading.facts, reading.places, [], []
    for fact, place in zip(facts, places, strict=True):
        wrong = check(fact)
        if wrong is None:
            reading.facts.append(fact)
            reading.places.append(place)
        else:
            reading.refuse(Refused(wrong), place, type_name(fact))


def _parent(fact: Fact, parents: dict[str, str | None]) -> FieldError | None:
    """What is wrong with an organ's parent, if the fact registers one; the organ counts for those after it."""
    if not isinstance(fact, OrganRegistered):
        return None
    wrong = wrong_parent(fact.data.code, fact.data.parent, parents)
    parents[fact.data.code] = fact.data.parent if wrong is None else None
    return wrong


def wrong_unit(fact: Fact, parents: Mapping[str, str | None], units: dict[str, UnitData]) -> FieldError | None:
    """What is wrong with a unit's organ and parent, if the fact registers one; the unit counts for those after it."""
    if not isinstance(fact, UnitRegistered):
        return None
    unit, known = fact.data, units.get(fact.data.code)
    if (wrong := _owner(unit.organ, known.organ if known else None, "unit", parents)) is not None:
        return wrong
    if unit.parent is not None and (above := units.get(unit.parent)) is None:
        return FieldError("$.data.parent", f"is {unit.parent!r}, which is not registered", "a registered unit")
    if unit.parent is not None and above is not None and above.organ != unit.organ:
        return FieldError("$.data.parent", f"is {unit.parent!r}, a unit of {above.organ!r}", "a unit of the same organ")
    units[unit.code] = unit
    return None


def wrong_item(fact: Fact, parents: Mapping[str, str | None], items: dict[str, ItemData]) -> FieldError | None:
    """The same of a service item."""
    if not isinstance(fact, ItemRegistered):
        return None
    known = items.get(fact.data.code)
    wrong = _owner(fact.data.organ, known.organ if known else None, "item", parents)
    if wrong is None:
        items[fact.data.code] = fact.data
    return wrong


def _owner(organ: str, before: str | None, what: str, parents: Mapping[str, str | None]) -> FieldError | None:
    """What is wrong with the organ that registers a code: it must be one, and the first that registered it."""
    if organ not in parents:
        return FieldError("$.data.organ", f"is {organ!r}, which is not registered", "a registered organ")
    if before not in (None, organ):
        return FieldError("$.data.organ", f"is {organ!r}, but the {what} is {before!r}'s", repr(before))
    return None
