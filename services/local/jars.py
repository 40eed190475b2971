"""The broker's jars: fetched once, verified against the committed lock at every start.

They live in one folder for all homes of a user (``SHIXIAN_JARS``, else ``shixian/jars`` in the XDG cache folder).
``SHIXIAN_MAVEN`` names another Maven repository than Maven Central, for networks that have a mirror. With all jars
there, nothing is asked of the network.
"""

import hashlib
import os
import shutil
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs
import structlog
from jgo.maven import MavenContext, PythonResolver

from services.local.failures import LocalFailure
from services.local.progress import Advance, ShowProgress, show_progress
from services.runtime.ends import Cause

LOCK_FILE = Path(__file__).with_name("kafka.lock.toml")
ATTEMPTS = 3
AT_ONCE = 4
"""Downloads at the same time: the jars are small, so that the waiting, not the bytes, takes the time."""

log = structlog.get_logger(__name__)


class JarError(LocalFailure):
    """The broker's jars can't be used."""

    end = Cause.JARS


class JarMismatch(JarError):
    """A jar is not the one that the lock names."""

    def __init__(self, jar: str, expected: str, found: str) -> None:
        super().__init__(f"{jar}: expected sha256 {expected}, found {found}; remove the file to have it fetched again")
        self.jar, self.expected, self.found = jar, expected, found


class JarsUnavailable(JarError):
    """Jars are missing and can't be fetched."""


@dataclass(frozen=True, slots=True)
class Jar:
    """One jar of the lock."""

    coordinate: str
    """Maven's ``group:artifact:version``."""
    size: int
    sha256: str

    @property
    def name(self) -> str:
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"


def read_lock(path: Path = LOCK_FILE) -> list[Jar]:
    with path.open("rb") as file:
        return [Jar(**entry) for entry in tomllib.load(file)["jar"]]


def jar_folder() -> Path:
    """Where the jars are kept on this machine."""
    given = os.environ.get("SHIXIAN_JARS", "")
    return Path(given).expanduser() if given else platformdirs.user_cache_path("shixian") / "jars"


def kafka_classpath(
    folder: Path | None = None, *, progress: ShowProgress = show_progress, offline: bool = False
) -> list[Path]:
    """The broker's class path: :func:`classpath` of its lock."""
    return classpath(LOCK_FILE, "Apache Kafka", folder, progress=progress, offline=offline)


def classpath(
    lock: Path,
    what: str,
    folder: Path | None = None,
    *,
    progress: ShowProgress = show_progress,
    offline: bool = False,
) -> list[Path]:
    """Every jar of a lock in ``folder`` (:func:`jar_folder`), each verified now; ``what`` names them for people.

    What is missing is fetched, unless ``offline``. Raises :class:`JarMismatch` for a jar that is not the lock's and
    :class:`JarsUnavailable`, in one line, when one can't be had.
    """
    place = (jar_folder() if folder is None else folder).resolve()
    jars = read_lock(lock)
    missing = [jar for jar in jars if not (place / jar.name).exists()]
    if missing and offline:
        names = ", ".join(jar.name for jar in missing[:3]) + (", ..." if len(missing) > 3 else "")
        raise JarsUnavailable(f"{len(missing)} of {len(jars)} jars are not in {place} ({names}), and offline is set")
    # All of them, every time: 45 MB take about a tenth of a second.
    for jar in jars:
        if jar not in missing:
            _verify(jar, place / jar.name)
    if missing:
        _fetch_all(missing, place, f"{what}, {len(missing)} jars", progress)
    return [place / jar.name for jar in jars]


def _verify(jar: Jar, path: Path) -> None:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != jar.sha256:
        raise JarMismatch(str(path), jar.sha256, digest)


def _fetch_all(missing: Sequence[Jar], place: Path, title: str, progress: ShowProgress) -> None:
    try:
        place.mkdir(parents=True, exist_ok=True)
        # A folder of its own for each fetch: a half-written jar is never seen, and two processes don't meet.
        stage = Path(tempfile.mkdtemp(prefix=".fetch-", dir=place))
    except OSError as error:
        raise JarsUnavailable(f"can't write the jars to {place}: {error.strerror}") from error
    try:
        with progress(title, sum(jar.size for jar in missing)) as advance:
            executor = ThreadPoolExecutor(AT_ONCE, "jars")
            try:
                for done in as_completed([executor.submit(_fetch, jar, stage, place, advance) for jar in missing]):
                    done.result()
            finally:
                executor.shutdown(cancel_futures=True)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    log.info("jars_fetched", count=len(missing), folder=str(place))


def _fetch(jar: Jar, stage: Path, place: Path, advance: Advance) -> None:
    """Fetch one jar, verify it, and only then move it to its place."""
    for attempt in range(1, ATTEMPTS + 1):
        came = 0

        @contextmanager
        def counted(_name: str, _size: int) -> Iterator[Advance]:
            def count(amount: int) -> None:
                nonlocal came
                came += amount
                advance(amount)

            yield count

        mirror = os.environ.get("SHIXIAN_MAVEN", "")
        context = MavenContext(
            resolver=PythonResolver(progress_callback=counted),
            repo_cache=stage / f"{jar.name}.{attempt}",
            remote_repos={"mirror": mirror.rstrip("/")} if mirror else None,
        )
        try:
            path = context.create_dependency(jar.coordinate).artifact.resolve()
            _verify(jar, path)
        # jgo raises RuntimeError for what it doesn't find; requests' errors are OSErrors. A sum that differs may be
        # a cut transfer, so it is tried again as well.
        except (OSError, RuntimeError) as error:
            advance(-came)
            log.debug("jar_attempt_failed", jar=jar.name, attempt=attempt, error=str(error))
            if attempt < ATTEMPTS:
                time.sleep(attempt)
                continue
            if isinstance(error, JarMismatch):
                raise JarMismatch(f"{jar.name} as fetched", jar.sha256, error.found) from error
            # requests gives the whole chain of causes; one name of it says enough.
            reason = " ".join(str(error).split()) if type(error) is RuntimeError else type(error).__name__
            raise JarsUnavailable(
                f"can't fetch {jar.coordinate}: {reason[:200]}; no network? SHIXIAN_MAVEN names a mirror"
            ) from error
        advance(jar.size - came)
        path.replace(place / jar.name)
        return
