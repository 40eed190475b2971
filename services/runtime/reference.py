"""The reference topic, followed in memory: which organs there are, and which calendars were published.

The topic has one partition and is small, so every service reads it from its beginning at start and follows it from then
on, without a consumer group. A broker that is away is waited for; a record that can't be read, or names a law or
calendar that this release doesn't know, is logged, counted and passed over; a topic that no longer holds what was read
ends the process, since nothing known is certain then.
"""

import asyncio
import sys
from collections.abc import Callable
from typing import Any, NamedTuple, get_args

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from prometheus_client import CollectorRegistry, Counter, Gauge

from services.events import brokers
from services.events.codec import decode_fact
from services.events.facts import CalendarData, OrganData, OrganRegistered, ReferenceFact
from services.events.office_facts import ItemData, ItemRegistered, UnitData, UnitRegistered
from services.events.refusals import Refused
from services.events.registrations import Check, as_recorded, says_the_same, tree
from services.events.vocabulary import Ref
from services.runtime.damage import LogDamaged, is_damage, up_to_damage
from services.runtime.failed import reason_of
from services.runtime.health import Part

POLL_SECONDS = 0.5
POLL_WAIT_MILLISECONDS = 2000
"""How long the broker may keep a fetch that has nothing to bring; what comes ends it."""
LOOK_SECONDS = 5.0
"""How often the broker is asked for the topic's end when nothing comes, to know whether it is there."""
REQUEST_SECONDS = 5.0
ANSWER_SECONDS = 12.0
"""The client's own limit, and ours for what it does not limit."""
CLOSE_SECONDS = 2.0
SILENT_SECONDS = 30.0
FIRST_PAUSE, LAST_PAUSE = 0.25, 5.0

Learn = Callable[[ReferenceFact, int], None]

log = structlog.get_logger(__name__)


class ReferenceRewritten(RuntimeError):
    """The reference topic does not hold what was read from it before, or has lost its beginning."""


class KnownOrgan(NamedTuple):
    """An organ as last registered, and the offset of that record."""

    data: OrganData
    offset: int


class KnownCalendar(NamedTuple):
    """A year of a calendar as last published, and the offset of that record."""

    data: CalendarData
    offset: int


class Reference:
    """Follows the topic while :meth:`run` runs; all of it belongs to one event loop.

    ``check`` says what is wrong with a fact that can be read; one with a fault changes no organ and no calendar here,
    and is passed to the subscribers all the same, since they count the records. So is one whose source and id were
    taken before: they name it for ever, and a sender that repeats itself undoes nothing that came since.
    """

    def __init__(self, bootstrap: str, topic: str, part: Part, registry: CollectorRegistry, check: Check) -> None:
        self.part = part
        self.organs: dict[str, KnownOrgan] = {}
        """In the order of their latest registrations."""
        self.calendars: dict[tuple[str, int], KnownCalendar] = {}
        self.units: dict[str, UnitData] = {}
        """Units of organs, each as last registered by its organ."""
        self.items: dict[str, ItemData] = {}
        """Service items, likewise."""
        self._taken: dict[Ref, ReferenceFact] = {}
        """The facts that had an effect, by their names."""
        self.next_offset = 0
        """The offset after the last record read."""
        self._check = check
        self._parents: tuple[int, dict[str, str | None]] | None = None
        """With the offset before which it was worked out."""
        self._facts: list[tuple[ReferenceFact, int]] = []
        self._learners: list[Learn] = []
        self._bootstrap = bootstrap
        self._tp = TopicPartition(topic, 0)
        self._asker: AIOKafkaConsumer | None = None
        """Whom to ask for the end: a question to the consumer would wait behind its long poll, and a batch may wait for
        the answer."""
        self._moved = asyncio.Condition()
        self._caught_up = False
        self._stood_at = 0, 0.0
        """Where it stands, and since when, by the loop's clock; behind the end only while nothing comes."""
        self._unreadable = Counter(
            "shixian_reference_unreadable", "Records of the reference topic that could not be read.", registry=registry
        )
        self._rejected = Counter(
            "shixian_reference_rejected",
            "Records of the reference topic that name a law or a calendar that is unknown, and so have no effect.",
            registry=registry,
        )
        known = Gauge("shixian_reference_next_offset", "The offset up to which it was read.", registry=registry)
        known.set_function(lambda: self.next_offset)

    def subscribe(self, learn: Learn) -> None:
        """Call ``learn`` with each reference fact and its offset: at once with those known, later with each new one."""
        self._learners.append(learn)
        for fact, offset in self._facts:
            learn(fact, offset)

    def facts(self) -> list[tuple[ReferenceFact, int]]:
        """All reference facts read so far, each with its offset."""
        return list(self._facts)

    def parents(self) -> dict[str, str | None]:
        """Each registered organ's parent that counts; see :func:`services.events.registrations.tree`."""
        kept, offset = self._parents, self.next_offset
        if kept is None or kept[0] != offset:
            # Listed first: a thread may ask while another organ comes. Then what it found is of the offset before, and
            # kept for nobody.
            found = tree([(code, known.data.parent) for code, known in list(self.organs.items())])
            self._parents = kept = offset, found
        return kept[1]

    async def catch_up(self) -> None:
        """Return when all that the topic held at the time of the call has been read; waits for a broker that is away.

        :meth:`run` must be running.
        """
        end = await self._end()
        async with self._moved:
            await self._moved.wait_for(lambda: self.next_offset >= end)

    async def _end(self) -> int:
        while True:
            if self._asker is not None:
                try:
                    return await self._ask_end(self._asker)
                except (KafkaError, OSError) as error:
                    self._away(error)
            await asyncio.sleep(FIRST_PAUSE)

    async def _ask_end(self, asker: AIOKafkaConsumer) -> int:
        """In a task of its own: one that is closed meanwhile may cancel it, which is not our cancellation."""
        asking = asyncio.create_task(asker.end_offsets([self._tp]))
        try:
            await asyncio.wait([asking], timeout=ANSWER_SECONDS)
            if not asking.done():
                raise TimeoutError(f"no answer in {ANSWER_SECONDS} s")
            if asking.cancelled():
                raise KafkaError("the connection was closed")
            return int(asking.result()[self._tp])
        finally:
            asking.cancel()

    async def run(self) -> None:
        """Follow the topic until cancelled. Raises :class:`ReferenceRewritten`."""
        pause = FIRST_PAUSE
        while True:
            before = self.next_offset
            try:
                await self._follow()
            except OffsetOutOfRangeError as error:
                raise ReferenceRewritten(f"{self._tp.topic} has no record {self.next_offset} any more") from error
            except (KafkaError, OSError, LogDamaged) as error:  # a TimeoutError is an OSError
                self._away(error)
            pause = FIRST_PAUSE if self.next_offset > before else min(LAST_PAUSE, pause * 2)
            await asyncio.sleep(pause)

    def _client(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            **brokers.client(self._bootstrap),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            request_timeout_ms=int(REQUEST_SECONDS * 1000),
            fetch_max_wait_ms=POLL_WAIT_MILLISECONDS,
        )

    async def _follow(self) -> None:
        consumer, asker = self._client(), self._client()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await consumer.start()
                await asker.start()
            consumer.assign([self._tp])
            consumer.seek(self._tp, self.next_offset)
            self._asker = asker
            loop = asyncio.get_running_loop()
            looked = float("-inf")
            while True:
                await self._poll(consumer)
                if not self._caught_up or self.part.state != "ok" or loop.time() - looked >= LOOK_SECONDS:
                    end = await self._ask_end(asker)
                    looked = loop.time()
                    self._look(end)
        finally:
            self._asker = None
            await asyncio.gather(_close(consumer), _close(asker))

    async def _poll(self, consumer: AIOKafkaConsumer) -> None:
        """Take what came. Raises :class:`LogDamaged`; what stands before the damage is taken all the same."""
        try:
            fetched = await consumer.getmany(self._tp, timeout_ms=int(POLL_SECONDS * 1000))
        except Exception as error:
            if not is_damage(error):
                raise
            consumer.seek(self._tp, self.next_offset)

            async def one() -> Any:
                single = await consumer.getmany(self._tp, timeout_ms=int(POLL_SECONDS * 1000), max_records=1)
                return next(iter(single.get(self._tp, ())), None)

            records, _ = await up_to_damage(one, sys.maxsize)
            await self._take(records)
            raise LogDamaged(self._tp, self.next_offset, error) from error
        await self._take(fetched.get(self._tp, ()))

    def _look(self, end: int) -> None:
        if end < self.next_offset:
            raise ReferenceRewritten(f"{self._tp.topic} ends at {end}, but was read up to {self.next_offset}")
        if self.next_offset < end and not self._caught_up:
            self.part.waiting(f"read {self.next_offset} of {end} records")
            return
        if not self._caught_up:
            log.info("reference_read", organs=len(self.organs), calendars=len(self.calendars), records=end)
        self._caught_up = True
        now = asyncio.get_running_loop().time()
        if self.next_offset >= end or self.next_offset != self._stood_at[0]:
            self._stood_at = self.next_offset, now
        if now - self._stood_at[1] > SILENT_SECONDS:
            # A broker that can't read its own segment may answer with nothing at all.
            raise LogDamaged(self._tp, self.next_offset, f"nothing came for {SILENT_SECONDS:.0f} s")
        self.part.ok()

    async def _take(self, records: Any) -> None:
        for record in records:
            self._learn(record)
            self.next_offset = record.offset + 1
        if records:
            async with self._moved:
                self._moved.notify_all()

    def _learn(self, record: Any) -> None:
        try:
            fact = as_recorded(decode_fact(record.value or b""), record.timestamp)
        except Refused as refused:
            self._pass_over(record, str(refused))
            return
        if not isinstance(fact, ReferenceFact):
            names = " or ".join(cls.__name__ for cls in get_args(ReferenceFact))
            self._pass_over(record, f"is a {type(fact).__name__}; expected {names}")
            return
        wrong = self._check(fact)
        if wrong is not None:
            self._reject(record, fact, str(Refused(wrong)))
        elif (known := self._taken.get(fact.ref)) is None:
            if self._takes(fact, record.offset):
                self._taken[fact.ref] = fact
        elif not says_the_same(fact, known):
            self._reject(record, fact, "$.id: names another event already")
        self._facts.append((fact, record.offset))
        for learn in self._learners:
            learn(fact, record.offset)

    def _takes(self, fact: ReferenceFact, offset: int) -> bool:
        """Whether a fact without a fault, that comes for the first time, has an effect: a code is its first organ's."""
        if isinstance(fact, OrganRegistered):
            self.organs.pop(fact.data.code, None)
            self.organs[fact.data.code] = KnownOrgan(fact.data, offset)
        elif isinstance(fact, ItemRegistered):
            if (offered := self.items.get(fact.data.code)) is not None and offered.organ != fact.data.organ:
                return False
            self.items[fact.data.code] = fact.data
        elif isinstance(fact, UnitRegistered):
            if (known := self.units.get(fact.data.code)) is not None and known.organ != fact.data.organ:
                return False
            self.units[fact.data.code] = fact.data
        else:
            self.calendars[fact.data.calendar, fact.data.year] = KnownCalendar(fact.data, offset)
        return True

    def _reject(self, record: Any, fact: ReferenceFact, reason: str) -> None:
        self._rejected.inc()
        log.warning(
            "reference_record_rejected",
            topic=self._tp.topic,
            offset=record.offset,
            subject=fact.subject,
            reason=reason,
        )

    def _pass_over(self, record: Any, reason: str) -> None:
        self._unreadable.inc()
        log.warning("reference_record_unreadable", topic=self._tp.topic, offset=record.offset, reason=reason)

    def _away(self, error: BaseException) -> None:
        reason = str(error) if isinstance(error, LogDamaged) else reason_of(error)
        if self.part.state != "away":
            log.warning("reference_away", bootstrap=brokers.hosts(self._bootstrap), reason=reason)
        self.part.away(reason)


async def _close(consumer: AIOKafkaConsumer) -> None:
    """Close a consumer from a task of its own.

    While the broker is away, ``stop()`` lets the cancellation of its own fetch task out, which would look like ours,
    and leaves its connections open.
    """
    stopping = asyncio.create_task(consumer.stop())
    await asyncio.wait([stopping], timeout=CLOSE_SECONDS)
    if stopping.done() and not stopping.cancelled() and (error := stopping.exception()) is not None:
        log.warning("reference_consumer_not_closed", reason=reason_of(error))
    await consumer._client.close()
