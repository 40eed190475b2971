"""A handler that only produces: ``bare_intake.py BOOTSTRAP TOPIC PORT``. ASGI, uvicorn, aiokafka; nothing is checked.

``POST /`` takes a JSON array of events, or one; the answer is 202 once the log has them all.
"""

import asyncio
import sys
from typing import Any

import msgspec
import uvicorn
import uvloop
from aiokafka import AIOKafkaProducer


class Bare:
    """The application around its producer."""

    def __init__(self, producer: AIOKafkaProducer, topic: str) -> None:
        self.producer, self.topic = producer, topic

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            part = await receive()
            body += part.get("body", b"")
            more = part.get("more_body", False)
        events = msgspec.json.decode(body)
        sent = [
            await self.producer.send(self.topic, msgspec.json.encode(event), key=event["subject"].encode())
            for event in (events if isinstance(events, list) else [events])
        ]
        await asyncio.gather(*sent)
        await send({"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


async def main(bootstrap: str, topic: str, port: int) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    server = uvicorn.Server(
        uvicorn.Config(Bare(producer, topic), port=port, lifespan="off", access_log=False, log_level="warning")
    )
    await server.serve()
    await producer.stop()


if __name__ == "__main__":
    bootstrap, topic, port = sys.argv[1:4]
    uvloop.run(main(bootstrap, topic, int(port)))
