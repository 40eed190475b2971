"""A home on a small tmpfs that fills up under load: named, nothing acknowledged is lost, and it comes back by itself.

Needs root, which mounts the tmpfs.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from services.local.process import free_port, tie_to_parent
from services.local.stack import LocalStack
from services.runtime.bulk import BulkReader
from services.runtime.settings import Settings
from services.samples import sample

SIZE_MB = 160
RESERVE_MB = 2
"""So small that the disk gets full before intake has heard of it."""
NAMED_SECONDS = 10.0
SHIXIAN = str(Path(sys.executable).parent / "shixian")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}M,mode=755", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def until(what: Callable[[], bool], seconds: float) -> bool:
    limit = time.monotonic() + seconds
    while not what():
        if time.monotonic() > limit:
            return False
        time.sleep(0.2)
    return True


class Load:
    """Posts requests until told to stop, and remembers which were acknowledged."""

    def __init__(self, url: str) -> None:
        self.acked: set[str] = set()
        self.refused = 0
        self._url = url
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        received = next(f for f in map(json.loads, sample()) if f["type"].endswith("request-received.v1"))
        number = 0
        with httpx.Client(timeout=20, trust_env=False) as client:
            while not self._over.is_set():
                ids = [f"load-{number + n}" for n in range(200)]
                number += len(ids)
                batch = [{**received, "id": each, "subject": each} for each in ids]
                head = {"content-type": "application/cloudevents-batch+json"}
                if client.post(f"{self._url}/v1/events", json=batch, headers=head).status_code == 202:
                    self.acked |= set(ids)
                    self._over.wait(0.1)  # all the time, but not all that the machine can
                else:
                    self.refused += 1
                    self._over.wait(0.5)

    def stop(self) -> None:
        self._over.set()
        self._thread.join()


async def in_the_log(bootstrap: str) -> set[str]:
    """The ids of all facts in the log."""
    found: set[str] = set()
    async with BulkReader(bootstrap) as reader:
        partitions = await reader.partitions("shixian.facts")
        firsts, ends = await reader.firsts(partitions), await reader.ends(partitions)
        for tp in partitions:
            async for records in reader.read(tp, firsts[tp], ends[tp]):
                found |= {json.loads(record.value or b"{}")["id"] for record in records}
    return found


@pytest.mark.proof
def test_a_disk_that_fills_up_is_named_and_nothing_acknowledged_is_lost(small_disk: Path) -> None:
    home, fill = small_disk / "home", small_disk / "fill"
    ports = {name: free_port() for name in ("intake", "tracker", "stats", "desk")}
    urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    env = {
        **os.environ,
        **{f"SHIXIAN_{name.upper()}_PORT": str(port) for name, port in ports.items()},
        "SHIXIAN_HOME": str(home),
        "SHIXIAN_KAFKA_PORT": "0",
        "SHIXIAN_DISK_RESERVE": str(RESERVE_MB),
    }
    said = small_disk.parent / "up.err"

    def answers(name: str) -> httpx.Response:
        return httpx.get(f"{urls[name]}/readyz", timeout=10, trust_env=False)

    with said.open("wb") as err:
        up = subprocess.Popen(
            [SHIXIAN, "up"], stdout=subprocess.PIPE, stderr=err, env=env, preexec_fn=tie_to_parent(signal.SIGTERM)
        )
    load: Load | None = None
    try:
        assert up.stdout is not None
        assert any(b"Shixian is up" in line for line in up.stdout), said.read_text()
        load = Load(urls["intake"])
        assert until(lambda: len(load.acked) > 1000, 60)
        with fill.open("wb") as file, pytest.raises(OSError, match="No space left"):
            while True:
                file.write(bytes(1 << 20))
                file.flush()
        for name in ports:
            assert until(lambda name=name: "disk full" in answers(name).text, NAMED_SECONDS)  # type: ignore[misc]
            assert answers(name).status_code == 503
        assert until(lambda: "disk_full_ended_server" in said.read_text(), 60)  # Kafka can't write its log
        refused = load.refused
        assert until(lambda: load.refused > refused, 60)
        assert up.poll() is None
        fill.unlink()
        assert until(lambda: all(answers(name).status_code == 200 for name in ports), 180), said.read_text()
        before = len(load.acked)
        assert until(lambda: len(load.acked) > before, 60)
    finally:
        if load is not None:
            load.stop()
        up.send_signal(signal.SIGINT)
        up.communicate(timeout=30)
    assert up.returncode == 0
    with LocalStack(Settings(home=home, kafka_port=0, disk_reserve=0)) as stack:
        found = asyncio.run(in_the_log(stack.kafka))
    assert load is not None
    assert load.acked <= found
