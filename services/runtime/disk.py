"""Room on the disk that holds the log and the tables: reported before it runs out, and named as the cause when it has.

A full disk stops Kafka and PostgreSQL in the middle of what they do. So a service looks at the free space of the folder
that its setting names (`shixian up` names the home) and is not ready below a reserve; intake then takes no facts, and
what is in the log already has the reserve to be applied in.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from services.runtime.failed import reason_of
from services.runtime.health import Health, Part
from services.runtime.settings import Settings

LOOK_SECONDS = 1.0
BACK = 1.1
"""Room counts as enough again from this many times the reserve on, so that readiness does not flicker."""

log = structlog.get_logger(__name__)

Free = Callable[[Path], int]


def free_bytes(folder: Path) -> int:
    """What may still be written below ``folder``, in bytes; of the nearest folder that exists. Raises OSError."""
    while True:
        try:
            return shutil.disk_usage(folder).free
        except (FileNotFoundError, NotADirectoryError):
            if folder == folder.parent:
                raise
            folder = folder.parent


def megabytes(amount: float) -> str:
    return f"{amount / 1e6:,.0f} MB"


class Room:
    """The free space of one folder, and whether it is enough."""

    def __init__(self, folder: Path, reserve: int, part: Part, free: Free = free_bytes) -> None:
        """``reserve`` in bytes."""
        self.folder, self.reserve, self.part = folder, reserve, part
        self.free = 0
        self._free = free

    def look(self) -> None:
        """Tell the part what there is."""
        try:
            self.free = self._free(self.folder)
        except OSError as error:
            self.part.away(f"{self.folder}: {reason_of(error)}")
            return
        short = self.part.state == "waiting" and self.part.reason != "starting"
        if self.free >= self.reserve * (BACK if short else 1):
            if short:
                log.warning("disk_has_room", folder=str(self.folder), free=megabytes(self.free))
            self.part.ok()
            return
        reason = f"disk full: {megabytes(self.free)} free in {self.folder}, reserve {megabytes(self.reserve)}"
        if not short:
            log.warning(
                "disk_full", folder=str(self.folder), free=megabytes(self.free), reserve=megabytes(self.reserve)
            )
        self.part.waiting(f"{reason}; make room, or lower SHIXIAN_DISK_RESERVE")


def room_of(settings: Settings, health: Health) -> Room | None:
    """What the settings ask to be watched, as the part ``disk`` of the service's health."""
    if not settings.disk_folder or not settings.disk_reserve:
        return None
    room = Room(Path(settings.disk_folder), settings.disk_reserve * 1_000_000, health.part("disk"))
    health.disk_free = lambda: room.free
    return room


@asynccontextmanager
async def watched(room: Room | None) -> AsyncIterator[None]:
    """Look each second as long as the context is open; a thread asks, since a network disk may hang."""
    if room is None:
        yield
        return

    async def watch() -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await asyncio.to_thread(room.look)

    room.look()
    task = asyncio.create_task(watch(), name="disk")
    try:
        yield
    finally:
        task.cancel()
