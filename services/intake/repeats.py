"""Events that come again: within a call, and, as far as this process remembers, since others were accepted.

The tracker is the authority for what an id stands for, since it alone has all facts of a request; here a sender learns
of a mistake at once where that costs nothing. What is remembered is bounded and gone after a restart.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from hashlib import blake2b

import msgspec

from services.access.principal import Principal
from services.events.codec import encode, type_name
from services.events.facts import Fact
from services.events.refusals import FieldError, Refused
from services.intake.reading import Named, Reading, Taken

REMEMBERED = 50_000
"""Events that a process remembers, about 10 MB."""
_TURN = 200
"""Events looked up before others get their turn on the event loop."""


@dataclass
class Sifted:
    """What came again in a call."""

    duplicates: set[int | None] = field(default_factory=set)
    """Where in the batch events stand that were accepted before, or stand before in the same batch."""
    twice: list[Taken] = field(default_factory=list)
    """Events whose twin stands before them in the same batch: written once."""
    conflicts: set[int | None] = field(default_factory=set)
    """Where events stand whose id names another event."""


class Repeats:
    """The last events that were accepted."""

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most = most
        self._known: OrderedDict[bytes, bytes] = OrderedDict()

    async def sift(self, reading: Reading, by: Principal) -> Sifted:
        """Move events in conflict with earlier ones to what is refused, and the second of twins out of what is written.

        An event that was accepted before is written again: the log may have lost what this process remembers, and
        readers drop what they have. ``by``: who posts them; a name that others took is not taken, since only the
        tracker knows whose the request is.
        """
        sifted, own = Sifted(), dict[bytes, bytes]()
        taken, reading.taken = reading.taken, []
        for number, each in enumerate(taken, 1):
            if number % _TURN == 0:
                await asyncio.sleep(0)
            key, content = _key(each.fact, by), _content(each.fact)
            before = own.get(key) or self._known.get(key)
            if before is not None and before != content:
                sifted.conflicts.add(each.index)
                fact = each.fact
                reading.refuse(_conflict(fact), Named(each.index, type_name(fact), fact.source, fact.id))
                continue
            if before is not None:
                sifted.duplicates.add(each.index)
            (sifted.twice if key in own else reading.taken).append(each)
            own[key] = content
        return sifted

    def remember(self, taken: list[Taken], by: Principal) -> None:
        """These are in the log."""
        for each in taken:
            key = _key(each.fact, by)
            self._known[key] = _content(each.fact)
            self._known.move_to_end(key)
        while len(self._known) > self._most:
            self._known.popitem(last=False)


def _key(fact: Fact, by: Principal) -> bytes:
    organs = "*" if by.organs is None else " ".join(sorted(by.organs))
    return blake2b(f"{fact.source}\x00{fact.id}\x00{organs}".encode(), digest_size=16).digest()


def _content(fact: Fact) -> bytes:
    """What two sendings of one event have in common: not the trace, nor what brokers on the way add."""
    plain = msgspec.structs.replace(fact, traceparent=None, tracestate=None, recordedtime=None)
    return blake2b(encode(plain), digest_size=16).digest()


def _conflict(fact: Fact) -> Refused:
    expected = "the event that this source and id stood for before, or another id"
    return Refused(
        FieldError("$.id", f"{fact.id!r} of {fact.source!r} names another event already", expected, "id-taken")
    )
