"""The stack of one home: one holder at a time, found again after a stop and after a crash."""

import json
import os
import signal
import subprocess
import sys
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

# Another process that brings the stack of a home up and stays.
HOLDER = """
import sys, time
from pathlib import Path
from services.local.stack import LocalStack
from services.runtime.settings import Settings
with LocalStack(Settings(home=Path(sys.argv[1]), kafka_port=0)) as stack:
    print(stack.postgres, flush=True)
    time.sleep(120)
"""


def settings(home: Path) -> Settings:
    return Settings(home=home, kafka_port=0)


@contextmanager
def held(home: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(home)], stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            while not holder.stdout.readline().startswith("postgresql://"):
                assert holder.poll() is None
            yield holder
        finally:
            holder.kill()


def port_of(stack: LocalStack) -> int:
    return int(hosts(stack.kafka)[0].split(":")[1])


def answering(stack: LocalStack) -> set[int]:
    """The brokers that the stack's names, to who has its password."""
    return brokers(port_of(stack), password=security(stack.kafka)["sasl_plain_password"])


async def test_nobody_without_the_password_reads_or_writes_the_log(folder: Path) -> None:
    with LocalStack(settings(folder)) as stack:
        password = folder / "kafka" / "password"
        assert password.read_text().strip() == security(stack.kafka)["sasl_plain_password"]
        for private in (password, folder / "kafka" / "server.properties", folder / "run.json"):
            assert private.stat().st_mode & 0o077 == 0, private
        assert answering(stack) == {1}
        for port in (port_of(stack), stack_controller(stack)):
            with pytest.raises((OSError, ValueError)):
                brokers(port)
            with pytest.raises((OSError, ValueError)):
                brokers(port, password="guess")
        with pytest.raises((KafkaError, OSError)):
            await create_topics(f"127.0.0.1:{port_of(stack)}", topics("t.", 1, 1))
        assert len(await create_topics(stack.kafka, topics("t.", 1, 1))) == 4
        assert Settings(home=folder, kafka_port=port_of(stack)).bootstrap == stack.kafka
        assert (folder / "postgres").stat().st_mode & 0o077 == 0, "the socket's folder is its owner's alone"


def stack_controller(stack: LocalStack) -> int:
    assert stack._kafka is not None
    return stack._kafka.controller_port


async def test_both_start_and_a_stop_and_a_start_find_the_same_data(folder: Path) -> None:
    stack = LocalStack(settings(folder))
    with stack:
        assert answering(stack) == {1}
        connection = await asyncpg.connect(stack.postgres)
        await connection.execute("CREATE TABLE kept (value int); INSERT INTO kept VALUES (7)")
        await connection.close()
        cluster = (folder / "kafka" / "data" / "meta.properties").read_text()
    assert stack.died() is None
    with stack:
        connection = await asyncpg.connect(stack.postgres)
        assert await connection.fetchval("SELECT value FROM kept") == 7
        await connection.close()
        assert (folder / "kafka" / "data" / "meta.properties").read_text() == cluster


def test_a_second_stack_on_a_home_says_who_holds_it_and_since_when(folder: Path) -> None:
    with held(folder) as holder:
        with pytest.raises(HomeHeld) as caught:
            LocalStack(settings(folder)).start()
        assert caught.value.pid == holder.pid
        assert str(holder.pid) in str(caught.value)
        assert caught.value.since[:2] == "20"
        assert "-c" in caught.value.command


def test_a_home_left_by_a_killed_holder_starts_again(folder: Path) -> None:
    with held(folder) as holder:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with LocalStack(settings(folder)) as stack:
            assert answering(stack) == {1}
            assert json.loads((folder / "up.lock").read_text())["pid"] == os.getpid()


def test_with_both_named_nothing_is_started(folder: Path) -> None:
    home = folder / "home"
    elsewhere = Settings(home=home, kafka="kafka.example:9092", postgres="postgresql://db.example/shixian")
    with LocalStack(elsewhere) as stack:
        assert stack.kafka == "kafka.example:9092"
        assert stack.postgres == "postgresql://db.example/shixian"
        assert stack.died() is None
        assert not home.exists()


def test_with_kafka_named_only_postgres_is_started(folder: Path) -> None:
    with LocalStack(Settings(home=folder, kafka="kafka.example:9092")) as stack:
        assert stack.kafka == "kafka.example:9092"
        assert stack.postgres.startswith("postgresql://")
        assert not (folder / "kafka").exists()


def test_a_start_that_fails_leaves_nothing_running_and_gives_the_home_back(folder: Path) -> None:
    first = LocalStack(settings(folder))
    with first:
        port = port_of(first)
        other = LocalStack(Settings(home=folder / "other", kafka_port=port))
        with pytest.raises(RuntimeError, match="SHIXIAN_KAFKA_PORT"):
            other.start()
        assert not (folder / "other" / "postgres" / "data" / "postmaster.pid").exists()
    with LocalStack(settings(folder / "other")):
        pass


def test_a_part_that_ends_by_itself_is_named(folder: Path) -> None:
    with LocalStack(Settings(home=folder, kafka="kafka.example:9092")) as stack:
        pid = int((folder / "postgres" / "data" / "postmaster.pid").read_text().split("\n")[0])
        os.kill(pid, signal.SIGQUIT)
        while (died := stack.died()) is None:
            time.sleep(0.01)
        assert died[0] == "postgres"
        assert "immediate shutdown" in died[2]
