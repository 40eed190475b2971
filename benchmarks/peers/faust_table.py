"""The annual count with Faust's Tables: ``faust_table.py BOOTSTRAP TOPIC TOTAL MOVES``.

Two agents and two Tables (memory store, changelogs): rows by request, counters by cell; between them a topic, so that
the moves of one cell meet in one partition. At least once.
"""

import asyncio
import logging
import os
import sys
import uuid
from typing import Any

import mode.loop

mode.loop.use("uvloop")  # before Faust is imported

import faust  # noqa: E402
from aiokafka.admin import AIOKafkaAdminClient, NewTopic  # noqa: E402
from fold import moves, slim  # noqa: E402
from meter import Meter  # noqa: E402

logging.basicConfig(level=logging.WARNING)
PARTITIONS = 4


async def main(bootstrap: str, topic: str, total: int, wanted: int) -> None:
    meter, ended, added = Meter(total), asyncio.Event(), 0
    name = f"faust-{uuid.uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    # As a deployment would: the group looks at the topics before Faust's own declarations have made them.
    made = (f"{name}-moves", f"{name}-rows-changelog", f"{name}-cells-changelog")
    await admin.create_topics([NewTopic(topic, PARTITIONS, 1) for topic in made])
    await admin.close()
    app = faust.App(
        name,
        broker=f"aiokafka://{bootstrap}",
        store="memory://",
        topic_partitions=PARTITIONS,
        topic_replication_factor=1,
        topic_disable_leader=True,
        table_standby_replicas=0,
        consumer_auto_offset_reset="earliest",
        web_enabled=False,
    )
    source = app.topic(topic, value_serializer="json", key_serializer="raw", key_type=bytes)
    between = app.topic(f"{name}-moves", key_type=str, key_serializer="raw", value_serializer="json")
    rows = app.Table("rows", partitions=PARTITIONS)
    cells = app.Table("cells", default=int, partitions=PARTITIONS)

    def look() -> None:
        if meter.seen >= total and added >= wanted:
            ended.set()

    @app.agent(source)
    async def fold(stream: Any) -> None:
        async for key, event in stream.items():
            subject = key.decode()
            row = rows.get(subject)
            if row is None or event["sequence"] > row[0]:
                request = event["data"].get("request")
                for cell, by in moves(row and row[1], request):
                    await between.send(key=cell, value=by)
                rows[subject] = [event["sequence"], slim(request)]
            meter.add(1)
            look()

    @app.agent(between)
    async def add(stream: Any) -> None:
        nonlocal added
        async for cell, by in stream.items():
            cells[cell.decode() if isinstance(cell, bytes) else cell] += by
            added += 1
            look()

    app.finalize()
    await app.start()
    await ended.wait()
    await app.producer.flush()  # what is in the changelogs counts
    await app.commit(app.topics)
    meter.done(cells={cell: count for cell, count in cells.items() if count})
    os._exit(0)  # Faust waits for its agents, which wait for more


if __name__ == "__main__":
    bootstrap, topic, total, wanted = sys.argv[1:5]
    asyncio.new_event_loop().run_until_complete(main(bootstrap, topic, int(total), int(wanted)))
