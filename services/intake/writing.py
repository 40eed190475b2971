"""Facts to the log: reference facts to their topic, all others to the fact topic, both keyed by subject."""

import asyncio
from collections.abc import Sequence

import msgspec

from services.access.principal import LOCAL, Principal
from services.events import posted_for
from services.events.codec import encode
from services.events.facts import ReferenceFact
from services.intake.reading import Taken
from services.runtime import tracing
from services.runtime.clock import Clock
from services.runtime.health import Part
from services.runtime.packing import Record
from services.runtime.producer import LogProducer
from services.runtime.retry import LogUnavailable

_HEADERS = (("content-type", b"application/cloudevents+json"),)
_TURN = 200
"""Events encoded before others get their turn on the event loop."""


class Writer:
    """Puts the time of recording on facts and writes them."""

    def __init__(
        self, producer: LogProducer, clock: Clock, facts_topic: str, reference_topic: str, disk: Part | None = None
    ) -> None:
        """``disk``: the part that says whether there is room for more, where that is watched."""
        self._producer = producer
        self._clock = clock
        self._facts_topic = facts_topic
        self._reference_topic = reference_topic
        self._disk = disk

    async def write(self, taken: Sequence[Taken], by: Principal | None = None) -> None:
        """Return when the log has all of ``taken``, those of one subject in their order; ``by``: who posts them.

        Reference facts are written first, so that the organ of a call's requests is there before them. Raises
        ``LogUnavailable``: at once, with nothing written, while the disk is short of room; else some of the facts may
        be in the log, which a repetition of the call does not double, since a fact's source and id name it for ever.
        """
        if self._disk is not None and not self._disk.is_ok:
            raise LogUnavailable(self._disk.reason)
        now, who = self._clock.now(), by if by is not None else LOCAL
        organs = None if who.organs is None else posted_for.written(who.organs)
        reference: list[Record] = []
        others: list[Record] = []
        for number, each in enumerate(taken, 1):
            fact = each.fact
            if number % _TURN == 0:
                await asyncio.sleep(0)
            traceparent = fact.traceparent or tracing.current()
            written = msgspec.structs.replace(
                fact, recordedtime=now, traceparent=traceparent, postedby=who.account, postedfor=organs
            )
            value = encode(written, each.extensions)
            record = (fact.subject.encode(), value, (*_HEADERS, *tracing.header(traceparent)))
            (reference if isinstance(fact, ReferenceFact) else others).append(record)
        for topic, records in ((self._reference_topic, reference), (self._facts_topic, others)):
            if records:
                await self._producer.send_all(topic, records)
