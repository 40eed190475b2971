"""What a service's own tables say of its work, read every few seconds: no scrape waits for the database."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, get_args

from prometheus_client.core import CounterMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from services.events.refusals import RefusalCode
from services.runtime.database import Conn

REASONS: tuple[str, ...] = get_args(RefusalCode)
"""The codes of why a record could not be applied."""

COUNTS = "SELECT topic, code, count(*) FROM {schema}.dead_letter GROUP BY 1, 2"


class DeadLetters(NamedTuple):
    """How many records were ever put aside, by topic and code of the reason."""

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
            "Records of the log that could not be applied and were put aside, by the code of the reason.",
            labels=["topic", "reason"],
        )
        # All codes from the start, so that the first letter shows as an increase.
        for key, count in ({(self._topic, reason): 0 for reason in REASONS} | dict(latest.counts)).items():
            family.add_metric(list(key), count)
        yield family
