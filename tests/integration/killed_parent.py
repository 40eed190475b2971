"""A process that starts a server and then dies without a word."""

import os
import signal
import sys
from pathlib import Path

from services.local.jars import kafka_classpath
from services.local.kafka import KafkaNode
from services.local.postgres import PostgresServer
from tests import forking


def main() -> None:
    """With the server's name, its folder, and whether it is ``tied`` to this process or ``loose``."""
    name, folder, manner = sys.argv[1:]
    is_tied = manner == "tied"
    server = (
        KafkaNode(Path(folder), kafka_classpath(), dies_with_parent=is_tied)
        if name == "kafka"
        else PostgresServer(Path(folder), dies_with_parent=is_tied)
    )
    server.start()
    print(server.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


def run(name: str, folder: Path, manner: str) -> int:
    """The process id of the server of such a process, which is dead when this returns."""
    done = forking.run(f"{__name__}:main", ["killed_parent", name, str(folder), manner], {}, 90)
    assert done.returncode == -signal.SIGKILL, done.stderr
    return int(done.stdout.split()[-1])
