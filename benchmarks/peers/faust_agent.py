"""Faust as its manual shows it: ``faust_agent.py empty|sql BOOTSTRAP TOPIC TOTAL DSN CONCURRENCY``.

``empty`` does nothing with what it takes. ``sql`` is what most would write first: for each fact one transaction that
locks the request's row, works out a due date, and keeps the fact under its name. At least once.
"""

import asyncio
import json
import logging
import os
import sys
import uuid
from datetime import date, timedelta
from typing import Any

import mode.loop

mode.loop.use("uvloop")  # before Faust is imported

import asyncpg  # noqa: E402
import faust  # noqa: E402
from meter import Meter  # noqa: E402

logging.basicConfig(level=logging.WARNING)
TABLES = """
CREATE SCHEMA plain;
CREATE TABLE plain.cases (subject text PRIMARY KEY, version bigint, received_on date, due_on date);
CREATE TABLE plain.events (source text, id text, subject text, version bigint, body text, PRIMARY KEY (source, id));
"""
SAVE = """
INSERT INTO plain.cases VALUES ($1, $2, $3, $4) ON CONFLICT (subject) DO UPDATE
SET version = excluded.version, received_on = excluded.received_on, due_on = excluded.due_on
"""
KEEP = "INSERT INTO plain.events VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING"
LOCK = "SELECT version, received_on FROM plain.cases WHERE subject = $1 FOR UPDATE"


async def apply(conn: Any, fact: dict[str, Any]) -> None:
    """One fact in the transaction of ``conn``."""
    subject, data = fact["subject"], fact["data"]
    case = await conn.fetchrow(LOCK, subject)
    version = (case["version"] if case else 0) + 1
    received_on = case["received_on"] if case else None
    if fact["type"] == "org.shixian.request-received.v1":
        received_on = date.fromisoformat(data.get("received_on") or data["submitted_on"])
    due_on = received_on + timedelta(days=28) if received_on else None
    await conn.execute(SAVE, subject, version, received_on, due_on)
    await conn.execute(KEEP, fact["source"], fact["id"], subject, version, json.dumps(fact))


async def main(way: str, bootstrap: str, topic: str, total: int, dsn: str, concurrency: int) -> None:
    meter, ended = Meter(total), asyncio.Event()
    app = faust.App(
        f"faust-{uuid.uuid4().hex}",
        broker=f"aiokafka://{bootstrap}",
        store="memory://",
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        consumer_auto_offset_reset="earliest",
        web_enabled=False,
    )
    if way == "empty":
        source = app.topic(topic, value_type=bytes, value_serializer="raw", key_serializer="raw", internal=False)

        @app.agent(source, concurrency=1)
        async def empty(stream: Any) -> None:
            async for events in stream.noack_take(500, within=0.1):
                for event in events:
                    event.ack()
                if meter.add(len(events)):
                    ended.set()

        pool = None
    else:
        source = app.topic(topic, value_serializer="json", key_serializer="raw", key_type=bytes, internal=False)
        pool = await asyncpg.create_pool(dsn, min_size=concurrency, max_size=concurrency)
        await pool.execute(TABLES)

        @app.agent(source, concurrency=concurrency)
        async def sql(stream: Any) -> None:
            async for fact in stream:
                async with pool.acquire() as conn, conn.transaction():
                    await apply(conn, fact)
                if meter.add(1):
                    ended.set()

    app.finalize()
    await app.start()
    await ended.wait()
    answer = {"sum": meter.seen}
    if pool is not None:
        answer = {
            "cases": await pool.fetchval("SELECT count(*) FROM plain.cases"),
            "facts": await pool.fetchval("SELECT count(*) FROM plain.events"),
        }
    meter.done(**answer)
    os._exit(0)  # Faust waits for its agents, which wait for more


if __name__ == "__main__":
    way, bootstrap, topic, total, dsn, concurrency = sys.argv[1:7]
    asyncio.new_event_loop().run_until_complete(main(way, bootstrap, topic, int(total), dsn, int(concurrency)))
