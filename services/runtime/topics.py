"""Waiting for the log's topics: created by whichever service comes first."""

import structlog
from aiokafka.errors import KafkaError

from services.events.topics import Topic, create_topics
from services.runtime.health import Health
from services.runtime.retry import is_transient, report_to, retry_in_place

log = structlog.get_logger(__name__)


async def ensure(bootstrap: str, wanted: tuple[Topic, ...], health: Health) -> None:
    """Create what is missing of ``wanted``, waiting for the broker as long as it takes.

    Raises what the broker refuses for good, e.g. more replicas than there are brokers.
    """
    part = health.part("topics")

    def worth_repeating(error: BaseException) -> bool:
        return is_transient(error) or (isinstance(error, KafkaError) and error.retriable)

    create = retry_in_place(create_topics, worth_repeating, report_to(part))
    created = await create(bootstrap, wanted)
    part.ok()
    if created:
        log.info("topics_created", topics=created)
