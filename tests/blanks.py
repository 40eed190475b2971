"""Servers' folders as formatting and initdb leave them: made once a session and copied, for they cost a second of the
processor each.

That the servers make them by themselves is what each session's own broker and server show, and the tests of a home.
"""

import re
import subprocess
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from services.local.kafka import KafkaNode, new_cluster_id
from services.local.postgres import PostgresServer


class Blanks:
    """Copies of both; ``folder`` is where the first of each is made."""

    def __init__(self, folder: Path, classpath: Sequence[Path]) -> None:
        self._folder, self._classpath = folder, classpath

    @cached_property
    def _formatted(self) -> Path:
        node = KafkaNode(self._folder / "blank-kafka", self._classpath)
        node.launch()
        node.kill()
        return node.folder / "data"

    @cached_property
    def _cluster(self) -> Path:
        server = PostgresServer(self._folder / "blank-postgres")
        server.start()
        assert server.stop()
        return server.data

    def kafka(self, folder: Path, node_id: int = 1, cluster_id: str = "") -> Path:
        """``folder``, with the data of a broker that has never run in it."""
        data = folder / "data"
        data.mkdir(parents=True)
        (data / "bootstrap.checkpoint").write_bytes((self._formatted / "bootstrap.checkpoint").read_bytes())
        meta = (self._formatted / "meta.properties").read_text()
        own = {"node.id": str(node_id), "directory.id": new_cluster_id(), "cluster.id": cluster_id or new_cluster_id()}
        for key, value in own.items():
            meta, changed = re.subn(rf"^{key}=.*$", f"{key}={value}", meta, flags=re.MULTILINE)
            assert changed == 1, key
        (data / "meta.properties").write_text(meta)
        return folder

    def postgres(self, folder: Path) -> Path:
        """``folder``, with an empty cluster in it."""
        folder.mkdir(parents=True)
        subprocess.run(["cp", "-a", str(self._cluster), str(folder / "data")], check=True)
        return folder

    def home(self, folder: Path) -> Path:
        """A home of ``shixian up`` with both in it."""
        self.kafka(folder / "kafka")
        self.postgres(folder / "postgres")
        return folder
