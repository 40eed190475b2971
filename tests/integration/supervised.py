"""What `shixian up` does, with the services of its argument."""

import asyncio
import json
import sys

from services.local.supervisor import Service, run_up
from services.runtime import settings


def main() -> None:
    """With the services, as JSON, and how it fares when they are ready."""
    services, manner = json.loads(sys.argv[1]), sys.argv[2]

    async def on_ready() -> None:
        print("ready", flush=True)
        if manner == "fails when ready":
            raise LookupError("the sample is gone")
        if manner == "busy when ready":
            await asyncio.sleep(120)

    try:
        signum = run_up(settings.load(), [Service(*each) for each in services], on_ready, ready_seconds=20)
    except Exception as error:  # noqa: BLE001  # whatever it is, it is told
        print(f"{type(error).__name__}: {error}", flush=True)
        sys.exit(1)
    print(signum.name, flush=True)
