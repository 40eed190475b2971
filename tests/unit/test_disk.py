"""A disk without room: not ready before it is full, nothing taken, servers started again when there is room."""

from pathlib import Path

import pytest

from services.intake.reading import Taken
from services.intake.writing import Writer
from services.local.revival import Revival
from services.runtime.disk import Room, free_bytes, room_of
from services.runtime.health import Health, Part
from services.runtime.retry import LogUnavailable
from services.runtime.settings import Settings


def test_readiness_is_red_below_the_reserve_and_names_folder_and_setting() -> None:
    free = [500]
    part = Part("disk")
    room = Room(Path("/srv/home"), 400, part, lambda _: free[0])

    def ready() -> bool:
        room.look()
        return part.is_ok

    assert ready()
    free[0] = 399
    assert not ready()
    assert all(word in part.reason for word in ("disk full", "/srv/home", "SHIXIAN_DISK_RESERVE"))
    free[0] = 410
    assert not ready()  # a little room at the edge doesn't make it flicker
    free[0] = 450
    assert ready()
    assert room.free == 450


def test_a_folder_that_can_not_be_asked_is_told() -> None:
    def gone(_: Path) -> int:
        raise OSError(5, "Input/output error")

    part = Part("disk")
    Room(Path("/srv/home"), 1, part, gone).look()
    assert part.state == "away"
    assert "Input/output error" in part.reason


def test_the_room_of_a_folder_that_is_not_there_yet_is_that_of_its_parent(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "a" / "b") > 0


def test_only_what_is_set_is_watched() -> None:
    health = Health()
    assert room_of(Settings(), health) is None
    assert room_of(Settings(disk_folder="/", disk_reserve=0), health) is None
    assert "disk" not in health.parts
    assert room_of(Settings(disk_folder="/"), health) is not None
    assert "disk" in health.parts


class Log:
    def __init__(self) -> None:
        self.calls = 0

    async def send_all(self, topic: str, records: object) -> list[object]:
        self.calls += 1
        return []


class Now:
    def now(self) -> object:
        raise AssertionError("nothing is stamped that is not written")


async def test_intake_writes_nothing_while_there_is_no_room() -> None:
    log, part = Log(), Part("disk")
    part.waiting("disk full: 3 MB free")
    taken: list[Taken] = []
    writer = Writer(log, Now(), "facts", "reference", part)  # type: ignore[arg-type]
    with pytest.raises(LogUnavailable, match="disk full"):
        await writer.write(taken)
    assert log.calls == 0


class Server:
    """A server whose life the test decides."""

    def __init__(self) -> None:
        self.alive, self.ready, self.launches, self.kills, self.words = True, False, 0, 0, ""
        self.returncode: int | None = None

    def launch(self) -> None:
        self.launches += 1
        self.alive = True

    def kill(self) -> None:
        self.kills += 1
        self.alive = False

    def answers(self) -> bool:
        return self.ready

    def said(self) -> str:
        return self.words


async def test_a_server_that_ended_for_want_of_room_is_started_when_there_is_some() -> None:
    server, now, free = Server(), [0.0], [100]
    revival = Revival("kafka", server, lambda: free[0], 50, lambda: now[0])
    assert await revival.step()
    server.alive, free[0] = False, 10
    for _ in range(100):
        now[0] += 1
        assert await revival.step()
    assert server.launches == 0  # no room: no try
    free[0] = 100
    assert await revival.step()
    assert server.launches == 1
    server.ready = True
    assert await revival.step()
    server.alive = False  # later it ends for another reason
    assert not await revival.step()


async def test_a_server_that_ended_otherwise_is_not_kept() -> None:
    server = Server()
    server.alive, server.words = False, "OutOfMemoryError"
    assert not await Revival("kafka", server, lambda: 100, 50, lambda: 0.0).step()


async def test_room_that_came_back_before_anybody_looked_still_explains_the_end() -> None:
    server = Server()
    server.alive, server.words = False, "java.io.IOException: No space left on device"
    assert await Revival("kafka", server, lambda: 100, 50, lambda: 0.0).step()


async def test_starts_that_fail_again_are_tried_ever_more_seldom() -> None:
    server, now = Server(), [0.0]
    server.words = "No space left on device"
    revival = Revival("postgres", server, lambda: 100, 50, lambda: now[0])
    server.alive = False
    for _ in range(300):
        assert await revival.step()
        server.alive = False
        now[0] += 1.0
    assert 8 <= server.launches <= 16


async def test_a_server_that_starts_and_does_not_answer_is_tried_anew() -> None:
    server, now = Server(), [0.0]
    server.alive, server.words = False, "No space left on device"
    revival = Revival("postgres", server, lambda: 100, 50, lambda: now[0])
    for _ in range(200):
        assert await revival.step()
        now[0] += 1.0
    assert server.launches > 1
    assert server.kills >= server.launches
