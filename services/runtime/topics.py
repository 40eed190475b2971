"""Waiting for the log's topics: created by whichever service comes first."""

import structlog
from aiokafka.errors import KafkaError

from services.events.topics import Topic, create_topics
from services.runtime.health import Part
from services.runtime.retry import report_to, retry_in_place

log = structlog.get_logger(__name__)


async def ensure(bootstrap: str, wanted: tuple[Topic, ...], part: Part) -> None:
    """Create what is missing of ``wanted``, waiting for the cluster as long as it takes; ``part`` says why it waits.

    Every refusal of the cluster may pass: a controller not elected yet, brokers that have not registered.
    """
    create = retry_in_place(create_topics, lambda error: isinstance(error, KafkaError | OSError), report_to(part))
    created = await create(bootstrap, wanted)
    part.ok()
    if created:
        log.info("topics_created", topics=created)
