"""The sweep's round over the partitions of this process, and the eye kept on it.

A sweep that does not run is a missed deadline that nobody sees. So it is late when it has finished no piece of work for
some time although partitions are owned: readiness turns red, and if nothing that it could be waiting for is away
either, the process ends in the end and is started anew.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection

import structlog
from aiokafka import TopicPartition

from services.runtime.failed import reason_of
from services.runtime.health import Health
from services.runtime.retry import retry_in_place
from services.runtime.watchdog import STALL_SECONDS, end_process, stacks
from services.tracker.metrics import Metrics
from services.tracker.worker import SWEEP_CASES

LATE_SECONDS = 30.0
LATE_ROUNDS = 6
LOOK_SECONDS = 1.0

log = structlog.get_logger(__name__)


class Sweeping:
    """Two tasks: :meth:`run` sweeps, :meth:`watch` sees that it does."""

    def __init__(
        self,
        sweep: Callable[[int], Awaitable[int]],
        owned: Callable[[], Collection[TopicPartition]],
        health: Health,
        metrics: Metrics,
        interval: float,
        *,
        unfinished: Callable[[], object] = lambda: False,
        late_seconds: float | None = None,
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        """``sweep`` looks at up to ``SWEEP_CASES`` cases of a partition and says at how many; ``interval`` in seconds
        between rounds, left out while there is something ``unfinished``; ``late_seconds`` and ``stall_seconds``:
        after how long it is late, and ends the process."""
        self.late_seconds = max(LATE_SECONDS, LATE_ROUNDS * interval) if late_seconds is None else late_seconds
        self.stall_seconds = self.late_seconds + stall_seconds
        self._sweep, self._owned, self._interval, self._unfinished = sweep, owned, interval, unfinished
        self._health, self._metrics = health, metrics
        self._part = health.part("sweep")
        self._worked_at = time.monotonic()
        self._retrying = False

    async def run(self) -> None:
        """Sweep round after round until cancelled, waiting for what is away."""
        patiently = retry_in_place(self._sweep, on_retry=self._on_retry)
        self._metrics.sweeps.began(self._interval)
        while True:
            for owned in sorted(self._owned()):
                looked = SWEEP_CASES
                while looked == SWEEP_CASES and owned in self._owned():
                    looked = await patiently(owned.partition)
                    self._worked()
            self._worked()
            self._metrics.sweeps.finished()
            await asyncio.sleep(0 if self._unfinished() else self._interval)

    def _worked(self) -> None:
        self._worked_at = time.monotonic()
        self._part.ok()

    def _on_retry(self, error: Exception | None) -> None:
        self._retrying = error is not None
        if error is not None:
            self._part.waiting(reason_of(error))

    async def watch(self) -> None:
        """Say when the sweep is late, and end the process when it is stuck, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if not self._owned():
                self._worked_at = time.monotonic()
            late = time.monotonic() - self._worked_at
            if late <= self.late_seconds or self._retrying:
                continue
            if self._part.is_ok:
                log.error("sweep_late", seconds=round(late))
            self._part.waiting(f"the sweep has finished nothing for {late:.0f} s")
            others = (part for part in self._health.parts.values() if part is not self._part)
            if late > self.stall_seconds and all(part.is_ok for part in others):
                end_process("sweep_stalled", seconds=round(late), stacks=stacks(asyncio.get_running_loop()))
