"""The laws, calendars and parents that a call's facts name: refused where they do not exist."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.events.codec import type_name
from services.events.facts import CalendarPublished, Fact, OrganRegistered, ReceivedData
from services.events.office_facts import ItemRegistered, UnitRegistered
from services.events.refusals import FieldError, Refused
from services.events.registrations import Check, Parents, wrong_parent
from services.intake.days import Days
from services.intake.notices import KnownNotices
from services.intake.office import Office
from services.intake.reading import Named, Reading
from services.runtime.retry import LogUnavailable
from services.words.catalogue import Said


@dataclass(frozen=True, slots=True)
class References:
    """What intake asks about references."""

    check: Check
    parents: Callable[[], Parents]
    """Each organ that the reference topic has registered, with its parent."""
    catch_up: Callable[[], Coroutine[Any, Any, None]]
    """Returns when all is known that the topic holds by now."""
    give_up_seconds: float
    notices: KnownNotices
    days: Days | None = None
    """What judges their dates."""
    office: Office = field(default_factory=lambda: Office(dict, dict))
    """The units and service items that the topic has registered."""

    def laws(self) -> Callable[[ReceivedData], str | None]:
        """Says the statute of a request by its receipt, by what is registered now: its own, else its item's, else its
        organ's; None while neither is known."""
        items, organs = dict(self.office.items()), self.days.laws() if self.days is not None else {}

        def law_of(data: ReceivedData) -> str | None:
            item = items.get(data.item) if data.item is not None else None
            of_item = item.statute if item is not None and item.organ == data.organ else None
            return data.statute or of_item or organs.get(data.organ)

        return law_of

    async def refuse_unknown(self, reading: Reading, *, partial: bool = False) -> Mapping[int, Sequence[Said]]:
        """Move facts that name what does not exist from ``reading.taken`` to what is refused.

        A parent is looked for in the topic as it ends now, since another process may have registered it a moment ago;
        of two calls at the same instant that make a circle, the readers of the topic pass over the later parent. It is
        not looked for beside events that are refused anyway, unless the good ones are taken (``partial``): what is
        wrong with those is reported even without the log. A calendar's notice is judged by those that the topic has by
        now. Returns what looks wrong about notices that may be posted all the same, by the ``id()`` of the fact.
        Raises :class:`LogUnavailable` when the topic's end can't be reached in time.
        """
        _sift(reading, self.check)
        if self.days is not None:
            _sift(reading, self.days.wrong(reading.facts))
        remarks: dict[int, Sequence[Said]] = {}
        if (reading.errors and not partial) or not any(_asks_the_log(fact) for fact in reading.facts):
            return remarks
        try:
            async with asyncio.timeout(self.give_up_seconds):
                await self.catch_up()
        except TimeoutError:
            raise LogUnavailable(f"the organs and calendars can't be read in {self.give_up_seconds:g} s") from None
        parents, office = dict(self.parents()), self.office.as_known()
        _sift(reading, lambda fact: _parent(fact, parents) or office.wrong(fact, parents))
        if any(isinstance(fact, CalendarPublished) for fact in reading.facts):
            await asyncio.to_thread(_sift, reading, self.notices.judging(remarks))
        return remarks


def _asks_the_log(fact: Fact) -> bool:
    """Whether a fact can only be judged with what the reference topic holds."""
    if isinstance(fact, OrganRegistered):
        return fact.data.parent is not None
    return isinstance(fact, CalendarPublished | UnitRegistered | ItemRegistered)


def _sift(reading: Reading, check: Callable[[Fact], FieldError | None]) -> None:
    taken, reading.taken = reading.taken, []
    for each in taken:
        wrong = check(each.fact)
        if wrong is None:
            reading.taken.append(each)
        else:
            fact = each.fact
            reading.refuse(Refused(wrong), Named(each.index, type_name(fact), fact.source, fact.id))


def _parent(fact: Fact, parents: dict[str, str | None]) -> FieldError | None:
    """What is wrong with an organ's parent, if the fact registers one; the organ counts for those after it."""
    if not isinstance(fact, OrganRegistered):
        return None
    wrong = wrong_parent(fact.data.code, fact.data.parent, parents)
    parents[fact.data.code] = fact.data.parent if wrong is None else None
    return wrong
