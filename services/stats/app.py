"""The stats service put together; the only place where its parts are wired."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from importlib.resources import files

from aiokafka import TopicPartition

from services.access.routes import needs_of
from services.events.registrations import checking
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
from services.stats import api, in_force, publications, score
from services.stats.metrics import AuditCollector, YearCollector
from services.stats.organs import Organs
from services.stats.snapshot import Snapshots
from services.stats.store import SCHEMA
from services.stats.worker import Folder, metrics
from services.statute import rules
from services.statute.calendars import calendar_ids
from services.statute.versions import statute_ids


@asynccontextmanager
async def build(settings: Settings, health: Health) -> AsyncIterator[Parts]:
    """The parts of a stats process, closed in the end."""
    in_force.use(settings.rules)
    registry = new_registry()
    health.rules = register_rules(registry, rules.current().digest)
    check = checking(frozenset(statute_ids()), frozenset(calendar_ids()))
    reference = Reference(settings.bootstrap, settings.reference_topic, health.part("reference"), registry, check)
    organs = Organs(reference, SystemClock(settings.now))
    pool = database.pool(settings.postgres)
    postgres = database.DatabaseProbe(settings.postgres, health.part("postgres"))
    asking = await database.asking(settings.postgres, postgres.part)
    part = health.part("database")
    snapshots = Snapshots(pool, part)
    YearCollector(lambda: snapshots.latest, organs, settings.organs_by_unit).register(registry)
    producer = LogProducer(
        settings.bootstrap, health.part("producer"), client_id="shixian-stats", compression=settings.codec
    )
    letters = Relay(
        pool, SCHEMA, settings.dead_letters_topic, producer, health.part("dead-letters"), lambda: worker.owned
    )
    folder = Folder(pool, metrics(registry), letters.wake)
    registry.register(AuditCollector(lambda: snapshots.audit))
    registry.register(DeadLetterCollector(settings.cases_topic, snapshots.dead_letters))

    async def positions(partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        return await progress.positions(pool, SCHEMA, partitions)

    worker = batch_app(
        f"{settings.topic_prefix}stats", settings, settings.cases_topic, positions, folder.handle, health=health
    )
    watch(registry, worker, pool)

    async def prepare() -> None:
        await database.ready(pool, SCHEMA, files("services.stats") / "migrations", part)
        await database.ready(pool, publications.SCHEMA, files("services.stats") / "kept", part)
        await ensure(
            settings.bootstrap,
            topics(settings.topic_prefix, settings.partitions, settings.replication),
            health.part("topics"),
        )
        health.part("producer").ok()

    trail = trail_of("stats", producer, settings, health)
    app = create_app(
        "stats",
        api.handlers(
            api.Deps(
                asking,
                part,
                organs,
                snapshots,
                tracker=settings.tracker_address,
                desk=settings.desk_address,
                offload=Offload(pressure=worker.pressure),
                four_eyes=settings.four_eyes,
                points=score.load(settings.score),
            )
        ),
        health,
        registry,
        description="Counts what the tracker decided, and prints annual reports.",
        guard=Guard(Door(settings, health), needs_of("stats"), reference.parents, trail),
    )
    try:
        yield Parts(
            app,
            settings.stats_port,
            worker,
            {
                "postgres": postgres.run,
                "reference": reference.run,
                "snapshots": snapshots.run,
                "dead letters": letters.run,
                "audit": snapshots.auditing,
                "audit trail": trail.run,
            },
            prepare,
        )
    finally:
        await folder.attempts.forget()
        await trail.flush()
        await producer.close()
        await database.close(asking)
        await database.close(pool)
