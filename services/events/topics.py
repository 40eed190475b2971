"""The topics of the log, and their creation.

Nothing in the log ever expires: ``cleanup.policy=delete`` with ``retention.ms=-1``. Partitions are never added to a
topic that has records, since that would part a request's earlier events from its later ones.
"""

from dataclasses import dataclass, field

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from services.events import brokers

_KEEP = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}


@dataclass(frozen=True)
class Topic:
    """A topic as it is created: its partitions, its replicas and its settings."""

    name: str
    partitions: int
    replication: int
    config: dict[str, str] = field(default_factory=dict)


def topics(prefix: str, partitions: int, replication: int) -> tuple[Topic, ...]:
    """The four topics under ``prefix``; facts and cases share the number of partitions, so their keys fall alike."""
    config = dict(_KEEP)
    if replication > 2:
        config["min.insync.replicas"] = "2"
    return (
        Topic(f"{prefix}facts", partitions, replication, config),
        Topic(f"{prefix}cases", partitions, replication, config),
        Topic(f"{prefix}reference", 1, replication, config),
        Topic(f"{prefix}dead-letters", 1, replication, config),
    )


async def create_topics(bootstrap: str, wanted: tuple[Topic, ...]) -> list[str]:
    """Create those of ``wanted`` that don't exist; the names that were created.

    Raises ``aiokafka.errors.KafkaError`` where the cluster refuses or can't be reached.
    """
    admin = AIOKafkaAdminClient(**brokers.client(bootstrap))
    await admin.start()
    try:
        there = set(await admin.list_topics())
        missing = [t for t in wanted if t.name not in there]
        if not missing:
            return []
        answer = await admin.create_topics(
            [NewTopic(t.name, t.partitions, t.replication, topic_configs=t.config) for t in missing]
        )
        for name, code, *rest in answer.topic_errors:
            if code not in (0, TopicAlreadyExistsError.errno):
                raise for_code(code)(f"{name}: {rest[0] if rest else ''}")
        return [t.name for t in missing]
    finally:
        await admin.close()
