"""Intake's composition root: the only place where its parts are wired."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from aiokafka.errors import KafkaError

from services.events.topics import create_topics, topics
from services.intake import api
from services.intake.writing import Writer
from services.runtime.clock import SystemClock
from services.runtime.health import Health, Part
from services.runtime.main import Parts
from services.runtime.producer import LogProducer
from services.runtime.retry import report_to, retry_in_place
from services.runtime.settings import Settings
from services.runtime.web import create_app, new_registry

GIVE_UP_SECONDS = 8.0
"""How long a call waits for the log before it is answered with 503."""

log = structlog.get_logger(__name__)


@asynccontextmanager
async def build(settings: Settings, health: Health) -> AsyncIterator[Parts]:
    """The service's parts, and their end."""
    bootstrap = settings.kafka or f"127.0.0.1:{settings.kafka_port}"
    registry = new_registry()
    topics_part = health.part("topics")
    producer = LogProducer(bootstrap, health.part("log"), client_id="shixian-intake", give_up_seconds=GIVE_UP_SECONDS)
    writer = Writer(producer, SystemClock(settings.now), settings.facts_topic, settings.reference_topic)
    app = create_app(
        "intake",
        api.handlers(writer, api.Counts(registry)),
        health,
        registry,
        description="Takes facts as CloudEvents and writes them to the log.",
        schemas=api.fact_schemas(),
    )

    async def prepare() -> None:
        await make_topics(bootstrap, settings, topics_part)

    try:
        yield Parts(asgi=app, port=settings.intake_port, tasks={"connection": producer.keep}, prepare=prepare)
    finally:
        await producer.close()


async def make_topics(bootstrap: str, settings: Settings, part: Part) -> None:
    """Create the topics that don't exist, waiting for the cluster as long as it takes."""
    wanted = topics(settings.topic_prefix, settings.partitions, settings.replication)

    async def create() -> list[str]:
        return await create_topics(bootstrap, wanted)

    # Every refusal of the cluster may pass: a controller that is not elected, brokers that are not registered yet.
    made = await retry_in_place(
        create, is_transient=lambda error: isinstance(error, KafkaError | OSError), on_retry=report_to(part)
    )()
    if made:
        log.info("topics_created", topics=made)
    part.ok()
