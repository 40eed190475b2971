"""What the tests use in the place of the producer: it keeps what it was told to send."""

import asyncio
from collections.abc import Sequence
from typing import Any


class Log:
    """Stands for the producer: keeps what is sent, or refuses it."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, bytes]] = []
        self.error: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def send_all(self, topic: str, records: Sequence[Any]) -> list[Any]:
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        self.sent += [(key, value) for key, value, _ in records]
        return []
