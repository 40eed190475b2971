"""The tracker put together; the only place where its parts are wired."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from importlib.resources import files

from aiokafka import TopicPartition

from services.access.routes import needs_of
from services.events.topics import topics
from services.runtime import database, progress
from services.runtime.clock import SystemClock
from services.runtime.dead_letters import Relay
from services.runtime.door import Door
from services.runtime.guard import Guard
from services.runtime.health import Health
from services.runtime.main import Parts
from services.runtime.metrics import register_rules, watch
from services.runtime.metrics_tables import DeadLetterCollector
from services.runtime.offload import Offload
from services.runtime.producer import LogProducer
from services.runtime.reference import Reference
from services.runtime.settings import Settings
from services.runtime.topics import ensure
from services.runtime.trail import trail_of
from services.runtime.web import create_app, new_registry
from services.runtime.worker import batch_app
from services.statute import data, rules
from services.tracker import api, api_rehearsal, attention_store, document, splitting, startup_check
from services.tracker.core.reference_data import ReferenceData, check
from services.tracker.metrics import CaseCollector, metrics
from services.tracker.rehearsing import Rehearsing
from services.tracker.snapshot import Snapshots
from services.tracker.store import SCHEMA
from services.tracker.sweeping import Sweeping
from services.tracker.unread import Unread
from services.tracker.worker import Tracker


@asynccontextmanager
async def build(settings: Settings, health: Health) -> AsyncIterator[Parts]:
    """The parts of a tracker process, closed in the end."""
    data.use(settings.rules)
    registry = new_registry()
    health.rules = register_rules(registry, rules.current().digest)
    clock = SystemClock(settings.now)
    reference_data = ReferenceData()
    reference = Reference(settings.bootstrap, settings.reference_topic, health.part("reference"), registry, check)
    reference.subscribe(reference_data.learn)
    pool = database.pool(settings.require_postgres())
    postgres = database.DatabaseProbe(settings.require_postgres(), health.part("postgres"))
    asking = await database.asking(settings.require_postgres(), postgres.part)
    producer = LogProducer(
        settings.bootstrap,
        health.part("producer"),
        client_id="shixian-tracker",
        linger_ms=0,
        compression=settings.codec,
    )
    own = metrics(registry)
    letters = Relay(
        pool, SCHEMA, settings.dead_letters_topic, producer, health.part("dead-letters"), lambda: worker.owned
    )
    tracker = Tracker(pool, producer, reference_data, reference.catch_up, clock, settings, own, letters.wake)

    async def positions(partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        # Organs and calendars first: facts are judged with all that was known when they are read.
        await reference.catch_up()
        return await progress.positions(pool, SCHEMA, partitions)

    worker = batch_app(
        f"{settings.topic_prefix}tracker", settings, settings.facts_topic, positions, tracker.handle, health=health
    )
    watch(registry, worker, pool)
    history = health.part("history")
    snapshots = Snapshots(pool, health.part("snapshot"))
    registry.register(CaseCollector(lambda: snapshots.latest, reference_data, clock, settings.organs_by_unit))
    registry.register(DeadLetterCollector(settings.facts_topic, snapshots.dead_letters))

    async def prepare() -> None:
        await database.ready(pool, SCHEMA, files("services.tracker") / "migrations", health.part("database"))
        await splitting.finish(pool, health.part("database"))
        await attention_store.finish(pool, health.part("database"), clock.now())
        await ensure(
            settings.bootstrap,
            topics(settings.topic_prefix, settings.partitions, settings.replication),
            health.part("topics"),
        )
        await startup_check.check(settings.bootstrap, settings.cases_topic, pool, history)
        health.part("producer").ok()

    async def list_strands() -> None:
        await reference.catch_up()
        await attention_store.finish_strands(pool, health.part("database"), reference_data)

    sweeping = Sweeping(
        tracker.sweep,
        lambda: worker.owned,
        health,
        own,
        settings.sweep_seconds,
        unfinished=lambda: tracker.unfinished & {tp.partition for tp in worker.owned},
    )
    deps = api.Deps(
        asking,
        reference_data,
        clock,
        Offload(pressure=worker.pressure),
        desk=settings.desk_address,
        facts_topic=settings.facts_topic,
        unread=Unread(settings.bootstrap, settings.facts_topic, asking),
        snapshot=lambda: snapshots.latest,
    )
    rehearsing = Rehearsing(asking, deps.offload, clock, reference_data, reference.facts)
    trail = trail_of("tracker", producer, settings, health)
    guard = Guard(Door(settings, health), needs_of("tracker"), reference.parents, trail)
    served = [*api.handlers(deps), api_rehearsal.router(rehearsing)]
    app = create_app("tracker", served, health, registry, guard=guard, complete=document.whole)
    try:
        yield Parts(
            app,
            settings.tracker_port,
            worker,
            {
                "postgres": postgres.run,
                "reference": reference.run,
                "sweep": sweeping.run,
                "published": tracker.publisher.run,
                "sweep watch": sweeping.watch,
                "dead letters": letters.run,
                "snapshot": snapshots.run,
                "listing": list_strands,
                "audit trail": trail.run,
            },
            prepare,
        )
    finally:
        await tracker.attempts.forget()
        await trail.flush()
        await producer.close()
        await tracker.publisher.close()
        await database.close(asking)
        await database.close(pool)
