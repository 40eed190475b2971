"""Posts the living sample, unless there is one already whose requests come due these days."""

import time
from datetime import timedelta
from typing import Any

import httpx
import msgspec

from services.commands import who
from services.intake import client
from services.runtime.clock import SystemClock
from services.runtime.failed import Failed
from services.runtime.paths import part
from services.runtime.settings import Settings
from services.samples import living

AHEAD = timedelta(days=7)
"""With requests that come due within this time, an earlier day's sample still shows a morning."""
DECIDED_SECONDS = 60.0


def post(settings: Settings) -> None:
    """Post the sample for today and wait until the tracker has its last fact. Raises :class:`Failed`, and what posting
    raises."""
    today = living.on(SystemClock(settings.now).now())
    own = who.headers(settings)
    with httpx.Client(base_url=settings.url("tracker"), timeout=30.0, trust_env=False, headers=own) as tracker:
        if _is_there(tracker, today + AHEAD):
            return
        lines = living.living(today)
        client.post(settings.url("intake"), lines, trust_env=False, headers=lambda: own)
        # Facts of one subject are in one partition, in their order; of others they may still be on their way.
        subjects = sorted({msgspec.json.decode(line)["subject"] for line in lines[-24:]})
        limit = time.monotonic() + DECIDED_SECONDS
        while any(tracker.get(f"/v1/requests/{part(subject)}").status_code == 404 for subject in subjects):
            if time.monotonic() > limit:
                raise Failed(f"the living sample was posted, but not decided in {DECIDED_SECONDS:.0f} s; see the log")
            time.sleep(0.1)


def _is_there(tracker: httpx.Client, until: Any) -> bool:
    """Whether the bureau has a request that runs and comes due by then."""
    asked = {"organ": living.BUREAU, "status": "open", "due_through": until.isoformat(), "limit": "1"}
    answer = tracker.get("/v1/requests", params=asked)
    # An organ that is not registered is refused: nothing of the sample is there.
    return answer.status_code == 200 and bool(answer.json()["requests"])
