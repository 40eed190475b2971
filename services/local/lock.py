"""Makes a lock of jars anew: ``python -m services.local.lock`` the broker's, ``--root`` and ``--output`` another.

The lock holds the coordinate, size and sha256 of every jar that is needed, and no host name: where jars come
from is the fetching machine's business, what they are is the lock's.
"""

import argparse
import hashlib
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from jgo.maven import MavenContext, PythonResolver

LOCK_FILE = Path(__file__).with_name("kafka.lock.toml")

# Resolved "raw", each by its own POM: taken as a BOM, log4j's dependency management would put kafka-clients 3.9.1
# (what its own tests use) under a 4.3.1 broker. The slf4j binding is the one for slf4j 1.7, which Kafka 4.3 uses,
# in the version of the log4j that Kafka itself brings; without a binding the broker's log stays empty.
ROOTS = ("org.apache.kafka:kafka_2.13:4.3.1", "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4")


def resolve(repository: Path, roots: Sequence[str] = ROOTS) -> dict[str, Path]:
    """Coordinate and file of each jar that ``roots`` need at run time, fetched into ``repository``.

    The first root's versions win over the second's.
    """
    context = MavenContext(resolver=PythonResolver(), repo_cache=repository)
    versions: dict[tuple[str, str], str] = {}
    jars: dict[str, Path] = {}
    for root in roots:
        dependency = context.create_dependency(f"{root}!")
        inputs, transitive = context.resolver.resolve([dependency])
        for each in (*inputs, *transitive):
            key = (each.groupId, each.artifactId)
            if key in versions:
                continue
            versions[key] = each.version
            jars[f"{each.groupId}:{each.artifactId}:{each.version}"] = each.artifact.resolve()
    return jars


def render(jars: dict[str, Path]) -> str:
    """The lock's text: one table for each jar, in the coordinates' order."""
    lines = ["# Made by `python -m services.local.lock`. Sizes in bytes; no jar is used whose sha256 differs."]
    names = [path.name for path in jars.values()]
    if len(set(names)) != len(names):
        raise ValueError("two jars of the lock have one file name")
    for coordinate, path in sorted(jars.items()):
        content = path.read_bytes()
        lines += [
            "",
            "[[jar]]",
            f'coordinate = "{coordinate}"',
            f"size = {len(content)}",
            f'sha256 = "{hashlib.sha256(content).hexdigest()}"',
        ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Resolve jars and write their lock.")
    parser.add_argument("--root", action="append", help="group:artifact:version (the broker's, if none is given)")
    parser.add_argument("--output", type=Path, default=LOCK_FILE)
    options = parser.parse_args()
    output: Path = options.output
    with tempfile.TemporaryDirectory(prefix="shixian-lock-") as repository:
        jars = resolve(Path(repository), options.root or ROOTS)
        output.write_text(render(jars), encoding="utf-8")
    sys.stderr.write(f"{output}: {len(jars)} jars\n")


if __name__ == "__main__":
    main()
