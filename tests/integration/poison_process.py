"""A process that handles one batch and ends hard over some of its records; run by the tests of attempts.

The arguments: a PostgreSQL URI, the service's schema, the subjects that end the process (with commas between).
"""

import asyncio
import os
import sys
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from services.events.codec import encode
from services.runtime import database
from services.stats import worker as stats_worker
from services.stats.fold import Fold
from services.tracker.core import apply, decide
from tests.integration.test_recovery_batches import batch, requests, tracker_of
from tests.memory_log import Log
from tests.stats_events import recorded, summary

RECORDS = 9


def _deadly(whole: Any, place: int, subjects: list[str]) -> Any:
    """``whole``, but for these subjects it is the end: no exception, no word."""

    def ends(*given: Any) -> Any:
        if given[place].subject in subjects:
            os._exit(9)
        return whole(*given)

    return ends


async def _handle(postgres: str, schema: str, names: str) -> None:
    pool = database.pool(postgres)
    await pool
    subjects = names.split(",")
    patch = pytest.MonkeyPatch()
    if schema == "tracker":
        patch.setattr(apply, "decide", _deadly(decide.decide, 1, subjects))
        await tracker_of(pool, Log()).handle(batch(requests(RECORDS)))
    else:
        patch.setattr(Fold, "apply", _deadly(Fold.apply, 1, subjects))
        events = [encode(recorded(f"r{n}", 1, summary())) for n in range(RECORDS)]
        folder = stats_worker.Folder(pool, stats_worker.metrics(CollectorRegistry()))
        await folder.handle(batch(events, topic="shixian.cases"))
    await pool.close()


def main() -> None:
    """By arguments."""
    asyncio.run(_handle(*sys.argv[1:4]))
