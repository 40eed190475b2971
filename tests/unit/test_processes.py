"""Processes for bulk work are set up for it."""

import gc

from services.commands import processes
from services.runtime.collector import THRESHOLDS


async def thresholds() -> tuple[int, int, int]:
    return gc.get_threshold()


async def test_they_look_for_cycles_as_rarely_as_the_services_do() -> None:
    assert [found async for found in processes.each(thresholds, [()], 1)] == [(0, THRESHOLDS)]
