"""Intake's composition root: the only place where its parts are wired."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.access.audit import Entry
from services.access.routes import needs_of
from services.events.registrations import checking
from services.events.topics import topics
from services.intake import api, audit, imports, lockouts
from services.intake.days import Days
from services.intake.notices import KnownNotices
from services.intake.office import Office
from services.intake.references import References
from services.intake.repeats import Repeats
from services.intake.unpacking import Room
from services.intake.writing import Writer
from services.runtime.clock import SystemClock
from services.runtime.door import Door
from services.runtime.guard import Guard
from services.runtime.health import Health
from services.runtime.main import Parts
from services.runtime.metrics import register_rules
from services.runtime.offload import Offload
from services.runtime.producer import LogProducer
from services.runtime.reference import Reference
from services.runtime.settings import Settings
from services.runtime.topics import ensure
from services.runtime.trail import trail_of
from services.runtime.web import create_app, new_registry
from services.statute import data, rules
from services.statute.calendars import calendar_ids
from services.statute.versions import statute_ids

MAX_BODY = 16 * 1024 * 1024
"""Bytes of one call: 10,000 events of ordinary size are a quarter of it."""
GIVE_UP_SECONDS = 8.0
"""How long a call waits for the log before it is answered with 503."""


@asynccontextmanager
async def build(settings: Settings, health: Health) -> AsyncIterator[Parts]:
    """The service's parts, and their end."""
    bootstrap = settings.bootstrap
    data.use(settings.rules)
    registry = new_registry()
    health.rules = register_rules(registry, rules.current().digest)
    topics_part = health.part("topics")
    producer = LogProducer(
        bootstrap,
        health.part("log"),
        client_id="shixian-intake",
        give_up_seconds=GIVE_UP_SECONDS,
        compression=settings.codec,
    )
    disk = health.parts.get("disk")
    clock = SystemClock(settings.now)
    writer = Writer(producer, clock, settings.facts_topic, settings.reference_topic, disk)
    check = checking(frozenset(statute_ids()), frozenset(calendar_ids()))
    reference = Reference(bootstrap, settings.reference_topic, health.part("reference"), registry, check)
    notices = KnownNotices(check)
    reference.subscribe(notices.learn)
    days = Days(clock, lambda: {code: known.data for code, known in reference.organs.items()})
    office = Office(lambda: reference.units, lambda: reference.items)
    references = References(check, reference.parents, reference.catch_up, GIVE_UP_SECONDS, notices, days, office)
    taking = api.Door(writer, references, api.Counts(registry), Repeats(), Room(), MAX_BODY)
    trail = trail_of("intake", producer, settings, health)
    door = Door(settings, health)
    # All services read the file; one of them records its changes.
    door.on_change(lambda action, about: trail.add(Entry(account="file", action=action, about=about)))
    # Nobody may log in while it is not known who is locked out; all else goes on.
    locked = lockouts.Lockouts(settings, health.part("lock-outs", is_needed=False), is_kept=trail.is_kept)
    app = create_app(
        "intake",
        [
            *api.handlers(taking),
            *imports.handlers(taking, Offload()),
            *audit.handlers(settings, trail),
            *lockouts.handlers(locked, door),
        ],
        health,
        registry,
        description="Takes facts as CloudEvents and writes them to the log.",
        schemas={**api.fact_schemas(), **imports.schemas()},
        max_body=MAX_BODY,
        refuse_early=taking.turns.refuse_early,
        guard=Guard(door, needs_of("intake"), reference.parents, trail),
    )

    async def prepare() -> None:
        await ensure(bootstrap, topics(settings.topic_prefix, settings.partitions, settings.replication), topics_part)

    try:
        yield Parts(
            asgi=app,
            port=settings.intake_port,
            tasks={
                "connection": producer.keep,
                "reference": reference.run,
                "audit trail": trail.run,
                "lock-outs": locked.run,
                "access file": door.watch,
            },
            prepare=prepare,
        )
    finally:
        await trail.flush()
        await producer.close()
