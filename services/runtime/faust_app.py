"""The Faust app of a worker: one agent on the batch transport, which hands each batch to the worker and acknowledges it
when that is applied."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import faust
from mode.supervisors import CrashingSupervisor
from yarl import URL

from services.events import brokers
from services.runtime.batch import Batch
from services.runtime.fetching import (
    HEARTBEAT_SECONDS,
    METADATA_MILLISECONDS,
    POLL_RECORDS,
    SESSION_SECONDS,
    YEAR_SECONDS,
    Hooks,
)
from services.runtime.transport import FAUST_LOGGER, BatchTransport

BUFFERED_BATCHES = 4


class _App(faust.App):  # type: ignore[misc]  # Faust is untyped here
    logger = FAUST_LOGGER

    @property
    def group(self) -> str:
        """The consumer group."""
        return str(self.conf.id)

    def _create_directories(self) -> None:
        """No tables, so no folders in the working directory."""


def _credentials(security: Mapping[str, Any]) -> Any:
    """What Faust calls credentials; None for a plain address."""
    if "sasl_mechanism" in security:
        return faust.SASLCredentials(
            username=security["sasl_plain_username"],
            password=security["sasl_plain_password"],
            mechanism=security["sasl_mechanism"],
            ssl_context=security.get("ssl_context"),
        )
    return faust.SSLCredentials(security["ssl_context"]) if security else None


def faust_app(
    name: str,
    bootstrap: str,
    topic: str,
    hooks: Hooks,
    take: Callable[[Batch, Callable[[], Awaitable[None]]], Awaitable[None]],
) -> Any:
    """The app of the consumer group ``name`` on ``topic``; call it inside the running loop."""
    app = _App(
        name,
        broker=[URL(f"aiokafka://{host}") for host in brokers.hosts(bootstrap)],
        broker_credentials=_credentials(brokers.security(bootstrap)),
        store="memory://",
        agent_supervisor=CrashingSupervisor,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        # Never move a position by itself: an offset that the log doesn't have is an error that we explain.
        consumer_auto_offset_reset="none",
        broker_max_poll_interval=YEAR_SECONDS,
        broker_session_timeout=SESSION_SECONDS,
        broker_heartbeat_interval=HEARTBEAT_SECONDS,
        broker_max_poll_records=POLL_RECORDS,
        consumer_metadata_max_age_ms=METADATA_MILLISECONDS,
        stream_buffer_maxsize=BUFFERED_BATCHES,
        stream_wait_empty=True,
        web_enabled=False,
    )
    app.transport = BatchTransport(app.conf.broker_consumer, app, hooks)
    channel = app.topic(
        topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw", internal=False
    )

    async def consume(stream: Any) -> None:
        async for event in stream.noack().events():

            async def acknowledge(event: Any = event) -> None:
                await stream.ack(event)

            await take(event.value, acknowledge)

    app.agent(channel, name=f"{name}-{topic}", concurrency=1)(consume)
    return app
