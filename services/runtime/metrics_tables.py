"""What a service's own tables say of its work, read every few seconds: no scrape waits for the database."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from services.runtime.database import Conn

REASONS = ("not-json", "type", "field", "unfit")
"""Why a record could not be applied: it is no JSON, of no known type, has a wrong field; or it does not fit. The table
works it out of the reason (``0004_dead_letter_subject.sql``)."""


COUNTS = "SELECT topic, class, count(*) FROM {schema}.dead_letter GROUP BY 1, 2"


class DeadLetters(NamedTuple):
    """How many records were ever put aside, by topic and class of reason."""

    counts: Mapping[tuple[str, str], int]


async def dead_letters(conn: Conn, schema: str) -> DeadLetters:
    """Count the dead letters of ``schema``."""
    rows = await conn.fetch(COUNTS.format(schema=schema))
    return DeadLetters({(row[0], row[1]): row[2] for row in rows})


class DeadLetterCollector(Collector):
    """``shixian_dead_letters_total``, exact across restarts; every replica gives the same number."""

    def __init__(self, topic: str, latest: Callable[[], DeadLetters | None]) -> None:
        self._topic = topic
        self._latest = latest

    def describe(self) -> Iterator[Metric]:
        return iter(())

    def collect(self) -> Iterator[Metric]:
        latest = self._latest()
        if latest is None:
            return
        family = CounterMetricFamily(
            "shixian_dead_letters",
            "Records of the log that could not be applied and were put aside, by class of reason.",
            labels=["topic", "reason"],
        )
        # All classes from the start, so that the first letter shows as an increase.
        for key, count in ({(self._topic, reason): 0 for reason in REASONS} | dict(latest.counts)).items():
            family.add_metric(list(key), count)
        yield family
