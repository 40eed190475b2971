"""A small service on the runtime, run as a process by the transport's tests: it writes what it handles to a file.

Its positions are what the file says, so file and positions can't disagree. Each line is one batch, as JSON:
``[partition, start, [offset, ...]]``. The environment says how it misbehaves.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiokafka import TopicPartition

from services.runtime import damage, fetching
from services.runtime.batch import Batch
from services.runtime.health import Health
from services.runtime.main import Parts, run_service
from services.runtime.settings import Settings, load
from services.runtime.worker import batch_app

GROUP, TOPIC, FOLDER = sys.argv[1:4]
SECONDS_A_BATCH = float(os.environ.get("SECONDS_A_BATCH", "0"))
CRASH_TASK = os.environ.get("CRASH_TASK") == "1"
BLOCK = os.environ.get("BLOCK", "")


async def positions(tps: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
    return {tp: n for tp, n in _stored().items() if tp in tps}


def _stored() -> dict[TopicPartition, int]:
    found: dict[TopicPartition, int] = {}
    for path in Path(FOLDER).glob("*.jsonl"):
        *lines, _being_written = path.read_text(encoding="utf-8").split("\n")
        for line in lines:
            partition, _, offsets = json.loads(line)
            tp = TopicPartition(TOPIC, partition)
            found[tp] = max(found.get(tp, 0), offsets[-1] + 1)
    return found


async def handle(batch: Batch) -> None:
    await asyncio.sleep(SECONDS_A_BATCH)
    if BLOCK == "loop":
        time.sleep(60)  # noqa: ASYNC251 - a handler that blocks the loop is what is tested
    if BLOCK == "batch":
        await asyncio.sleep(60)
    line = json.dumps([batch.partition, batch.start, [r.offset for r in batch.records]])
    with (Path(FOLDER) / f"{os.getpid()}.jsonl").open("a", encoding="utf-8") as file:
        file.write(line + "\n")


async def crash() -> None:
    await asyncio.sleep(0.5)
    raise ValueError("the task's own reason")


HEALTHS: list[Health] = []


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        raise ValueError(scope["type"])
    if scope["path"] == "/slow":
        await asyncio.sleep(1.0)
    body = json.dumps(HEALTHS[0].ready()).encode() if scope["path"] == "/ready" else b"here"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def build(settings: Settings, health: Health) -> AsyncIterator[Parts]:
    worker = None
    HEALTHS.append(health)
    fetching.REPAIRED_SECONDS, damage.LASTING_SECONDS = 1.0, 3.0
    if TOPIC != "-":
        worker = batch_app(GROUP, settings, TOPIC, positions, handle, health=health)
    tasks = {"crash": crash} if CRASH_TASK else {}
    port, stall_seconds = int(os.environ.get("PORT", "0")), float(os.environ.get("STALL_SECONDS", "120"))
    try:
        yield Parts(asgi, port, worker, tasks, stall_seconds=stall_seconds)
    finally:
        sys.stderr.write("closed in order\n")


def main() -> None:
    """As a service's."""
    run_service("transport-test", build, load())
