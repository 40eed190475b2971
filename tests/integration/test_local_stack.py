"""The stack of one home: one holder at a time, found again after a stop and after a crash."""

import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest
from aiokafka.errors import KafkaError

from services.events.brokers import hosts, security
from services.events.topics import create_topics, topics
from services.local.kafka_files import brokers
from services.local.stack import HomeHeld, LocalStack
from services.runtime.settings import Settings
from tests.blanks import Blanks
from tests.forking import Forked, start_process
from tests.support import eventually


def settings(home: Path) -> Settings:
    return Settings(home=home, kafka_port=0)


def hold() -> None:
    """Another process that brings the stack of a home up and stays."""
    with LocalStack(settings(Path(sys.argv[1]))) as stack:
        print(stack.postgres, file=sys.stderr, flush=True)
        time.sleep(120)


@contextmanager
def held(home: Path) -> Iterator[Forked]:
    with tempfile.TemporaryFile() as told:
        holder = start_process(f"{__name__}:hold", ["holder", str(home)], {}, told.fileno())

        def is_up() -> bool:
            assert holder.poll() is None
            return b"postgresql://" in os.pread(told.fileno(), 1 << 20, 0)

        try:
            eventually(lambda: is_up() or None, 60)
            yield holder
        finally:
            holder.kill()


def port_of(stack: LocalStack) -> int:
    return int(hosts(stack.kafka)[0].split(":")[1])


def answering(stack: LocalStack) -> set[int]:
    """The brokers that the stack's names, to who has its password."""
    return brokers(port_of(stack), password=security(stack.kafka)["sasl_plain_password"])


def stack_controller(stack: LocalStack) -> int:
    assert stack._kafka is not None
    return stack._kafka.controller_port


async def test_a_home_has_one_holder_is_found_again_after_a_crash_and_a_stop_and_is_its_owner_s_alone(
    folder: Path,
) -> None:
    home = folder / "home"
    with held(home) as holder:
        with pytest.raises(HomeHeld) as caught:
            LocalStack(settings(home)).start()
        assert caught.value.pid == holder.pid
        assert str(holder.pid) in str(caught.value)
        assert caught.value.since[:2] == "20"
        assert "tests.forking" in caught.value.command
        holder.kill()
        holder.wait(10)
        stack = LocalStack(settings(home))
        with stack:
            assert answering(stack) == {1}
            assert json.loads((home / "up.lock").read_text())["pid"] == os.getpid()
            await nobody_without_the_password_reads_or_writes_the_log(home, stack)
            a_start_that_fails_leaves_nothing_running_and_gives_the_home_back(folder / "other", port_of(stack))
            connection = await asyncpg.connect(stack.postgres)
            await connection.execute("CREATE TABLE kept (value int); INSERT INTO kept VALUES (7)")
            await connection.close()
            cluster = (home / "kafka" / "data" / "meta.properties").read_text()
    assert stack.died() is None
    with stack:
        assert answering(stack) == {1}
        assert await create_topics(stack.kafka, topics("t.", 1, 1)) == [], "what was written is there"
        connection = await asyncpg.connect(stack.postgres)
        assert await connection.fetchval("SELECT value FROM kept") == 7
        await connection.close()
        assert (home / "kafka" / "data" / "meta.properties").read_text() == cluster


async def nobody_without_the_password_reads_or_writes_the_log(home: Path, stack: LocalStack) -> None:
    password = home / "kafka" / "password"
    assert password.read_text().strip() == security(stack.kafka)["sasl_plain_password"]
    for private in (password, home / "kafka" / "server.properties", home / "run.json"):
        assert private.stat().st_mode & 0o077 == 0, private
    for port in (port_of(stack), stack_controller(stack)):
        with pytest.raises((OSError, ValueError)):
            brokers(port)
        with pytest.raises((OSError, ValueError)):
            brokers(port, password="guess")
    with pytest.raises((KafkaError, OSError)):
        await create_topics(f"127.0.0.1:{port_of(stack)}", topics("t.", 1, 1))
    assert len(await create_topics(stack.kafka, topics("t.", 1, 1))) == 4
    assert Settings(home=home, kafka_port=port_of(stack)).bootstrap == stack.kafka
    assert (home / "postgres").stat().st_mode & 0o077 == 0, "the socket's folder is its owner's alone"


def a_start_that_fails_leaves_nothing_running_and_gives_the_home_back(home: Path, taken: int) -> None:
    other = LocalStack(Settings(home=home, kafka_port=taken))
    with pytest.raises(RuntimeError, match="SHIXIAN_KAFKA_PORT"):
        other.start()
    assert (home / "postgres" / "data").exists(), "it had started when the broker could not"
    assert not (home / "postgres" / "data" / "postmaster.pid").exists()
    with LocalStack(Settings(home=home, kafka="kafka.example:9092")) as again:
        assert again.postgres.startswith("postgresql://")


def test_with_both_named_nothing_is_started(folder: Path) -> None:
    home = folder / "home"
    elsewhere = Settings(home=home, kafka="kafka.example:9092", postgres="postgresql://db.example/shixian")
    with LocalStack(elsewhere) as stack:
        assert stack.kafka == "kafka.example:9092"
        assert stack.postgres == "postgresql://db.example/shixian"
        assert stack.died() is None
        assert not home.exists()


def test_with_kafka_named_only_postgres_is_started_and_named_when_it_ends_by_itself(
    folder: Path, blanks: Blanks
) -> None:
    blanks.postgres(folder / "postgres")
    with LocalStack(Settings(home=folder, kafka="kafka.example:9092")) as stack:
        assert stack.kafka == "kafka.example:9092"
        assert stack.postgres.startswith("postgresql://")
        assert not (folder / "kafka").exists()
        pid = int((folder / "postgres" / "data" / "postmaster.pid").read_text().split("\n")[0])
        os.kill(pid, signal.SIGQUIT)
        died = eventually(stack.died)
        assert died[0] == "postgres"
        assert "immediate shutdown" in died[2]
