"""Kafka and PostgreSQL, started again when they ended for want of room on the disk, once there is some.

A broker whose only folder can't be written halts, and PostgreSQL ends when its log can't be: both as they should. The
services wait meanwhile, as for any server that is away. Any other end of theirs ends the whole.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

import structlog

from services.local.failures import LocalFailure, out_of_room
from services.runtime import disk

FIRST_SECONDS = 1.0
CAP_SECONDS = 30.0
READY_SECONDS = 60.0

log = structlog.get_logger(__name__)


class Server(Protocol):
    """What is to be kept running: a :class:`KafkaNode` or a :class:`PostgresServer`."""

    @property
    def alive(self) -> bool: ...
    @property
    def returncode(self) -> int | None: ...
    def launch(self) -> None: ...
    def kill(self) -> None: ...
    def answers(self) -> bool: ...
    def said(self) -> str: ...


class Revival:
    """Keeps one server running; ask :meth:`step` several times a second, from the main thread (process.spawn)."""

    def __init__(
        self,
        name: str,
        server: Server,
        free: Callable[[], int],
        needed: int,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """``free`` gives the room there is, ``needed`` what a start takes; both in bytes."""
        self.name, self.server = name, server
        self._free, self._needed, self._now = free, needed, now
        self._down_since: float | None = None
        self._launched: float | None = None
        self._next = 0.0
        self._pause = FIRST_SECONDS

    async def step(self) -> bool:
        """Do what is to be done now; False if the server ended and room is not the reason."""
        if self._down_since is None:
            return self.server.alive or self._went_down()
        if self._launched is not None:
            if self.server.alive:
                await self._look()
                return True
            if not self._lacks_room():
                return False
            self._again()
        if self._now() >= self._next and self._free() >= self._needed:
            self._launch()
        return True

    def _lacks_room(self) -> bool:
        return self._free() < self._needed or out_of_room(self.server.said())

    def _went_down(self) -> bool:
        if not self._lacks_room():
            return False
        log.error("disk_full_ended_server", server=self.name, free=disk.megabytes(self._free()), waits_for="room")
        self._down_since = self._now()
        self._again()
        return True

    def _again(self) -> None:
        self._launched = None
        self._next = self._now() + self._pause
        self._pause = min(CAP_SECONDS, 2 * self._pause)

    def _launch(self) -> None:
        try:
            self.server.kill()  # it has ended; what it left is cleared away
            self.server.launch()
        except (OSError, LocalFailure) as error:
            log.warning("server_not_started", server=self.name, reason=str(error).partition("\n")[0])
            self._again()
            return
        self._launched = self._now()

    async def _look(self) -> None:
        assert self._launched is not None and self._down_since is not None
        if await asyncio.to_thread(self.server.answers):
            log.warning("server_back", server=self.name, after_seconds=round(self._now() - self._down_since, 1))
            self._down_since = self._launched = None
            self._pause = FIRST_SECONDS
        elif self._now() - self._launched > READY_SECONDS:
            log.warning("server_not_ready", server=self.name, seconds=READY_SECONDS)
            self.server.kill()
            self._again()
