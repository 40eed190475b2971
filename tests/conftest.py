"""Fixtures for every test: one real broker a session, one real PostgreSQL server a worker, a fresh database a test.

They cost nothing to tests that don't ask for them. Nothing outlives the session, however pytest's processes end.
"""

import faulthandler
import os
import shutil
import sys
import tempfile
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from threading import Timer
from typing import Any

import asyncpg
import pytest
import structlog
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from services.local.jars import kafka_classpath
from services.local.kafka import KafkaNode
from services.local.postgres import PostgresServer
from services.runtime import database
from services.runtime.health import Part
from tests import one_broker
from tests.blanks import Blanks
from tests.memory_log import Log
from tests.one_broker import Broker

settings.register_profile("shixian", deadline=None)
"""How long an example takes says how busy the machine is, and nothing of the code."""
settings.load_profile("shixian")

HUNG_SECONDS = 120
"""So long after its own time limit, fixtures included, a test is ended with its whole process."""
LIMIT_SECONDS = 300
"""Of a test that names no other (``--timeout`` in pyproject.toml)."""


SHARING = {
    "e2e": (
        "test_office_story",
        "test_pages",
        "test_pages_board",
        "test_pages_report",
        "test_readme",
        "test_restore_drill",
        "test_try_page",
        "test_year_2013",
    ),
    "ops": ("test_alerting", "test_dashboards"),
}
"""By folder, the files that share a whole system, which is started once: one worker runs them all."""


EARLY = (
    *("test_chaos", "test_fuzz", "test_recovery_stopped", "test_recovery_published", "test_recovery_sweep"),
    *("test_recovery_old_log", "test_partition_groups", "test_rehearsal"),
)
"""Files of few tests that take long: they begin first, then those of many tests. Else a worker would be left alone with
one of them in the end."""


def group_of(nodeid: str) -> str:
    """What one worker runs: a file, or all files that share a system."""
    file = Path(nodeid.partition("::")[0])
    return file.parent.name if file.stem in SHARING.get(file.parent.name, ()) else str(file)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A group's tests one after the other, also where no worker is given groups: what they share ends with the last."""
    place: dict[str, int] = {}
    size = Counter(group_of(item.nodeid) for item in items)

    def turn(item: pytest.Item) -> tuple[bool, int, int]:
        group = group_of(item.nodeid)
        return item.path.stem not in EARLY, -size[group], place.setdefault(group, len(place))

    items.sort(key=turn)


class _ByGroup(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """In the place of ``--dist``."""
    return _ByGroup(config, log)


_FOLDER = pytest.StashKey[Path]()


def _broker_folder(config: pytest.Config) -> Path:
    """Where the session's broker is, if one is needed."""
    if _FOLDER not in config.stash:
        config.stash[_FOLDER] = Path(tempfile.mkdtemp(prefix="shixian-test-"))
    return config.stash[_FOLDER]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """What a worker is told."""
    node.workerinput |= {"one_broker": str(_broker_folder(node.config)), "session": os.getpid()}


def pytest_unconfigure(config: pytest.Config) -> None:
    """The session is over."""
    if _FOLDER in config.stash:
        one_broker.end(config.stash[_FOLDER])


def is_last_of(item: pytest.Item, following: pytest.Item | None) -> bool:
    """Whether the group of ``item`` ends with it: what its tests share can end, and take nothing from the others."""
    return following is None or group_of(following.nodeid) != group_of(item.nodeid)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """A time limit raises inside the test, and a task that swallows its cancellation hangs after that for ever. So the
    process ends then, every thread's stack on stderr; pytest-xdist names the test and goes on with another worker."""
    named = item.get_closest_marker("timeout")
    limit = named.args[0] if named is not None and named.args else LIMIT_SECONDS
    hung = Timer(limit + HUNG_SECONDS, _end, [item.nodeid, limit + HUNG_SECONDS])
    hung.daemon = True
    hung.start()
    try:
        return (yield)
    finally:
        hung.cancel()


def _end(test: str, seconds: float) -> None:
    print(f"\n{test} has not ended after {seconds:g} s", file=sys.__stderr__, flush=True)
    faulthandler.dump_traceback(sys.__stderr__ or 2)
    os._exit(70)


@pytest.fixture(scope="session", autouse=True)
def _plain_tracebacks() -> None:
    """As Python prints them: one drawn by rich, with every value, takes longer than most tests."""
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], plain])


@pytest.fixture(scope="session")
def session_folder() -> Iterator[Path]:
    """A short path of our own: pytest's folders are too long for a socket, and closed to PostgreSQL's user."""
    folder = Path(tempfile.mkdtemp(prefix="shixian-test-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def folder() -> Iterator[Path]:
    """The same for one test: a short path for the folders of servers that the test starts itself."""
    path = Path(tempfile.mkdtemp(prefix="shixian-test-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def classpath() -> list[Path]:
    """The broker's jars, fetched if this machine has none yet."""
    return kafka_classpath()


@pytest.fixture(scope="session")
def kafka_node(pytestconfig: pytest.Config, classpath: list[Path]) -> Broker:
    """The session's broker. A test that stops or kills a broker starts its own instead."""
    given = getattr(pytestconfig, "workerinput", None)
    if given is not None:  # the session is that of the process that gives the workers their tests
        return one_broker.lent(Path(given["one_broker"]), given["session"])
    return one_broker.lent(_broker_folder(pytestconfig), os.getpid())


@pytest.fixture(scope="session")
def kafka(kafka_node: Broker) -> str:
    """The session's broker as bootstrap servers; tests keep apart by topic and group names."""
    return kafka_node.bootstrap


@pytest.fixture(scope="session")
def blanks(session_folder: Path, classpath: list[Path]) -> Blanks:
    """Folders for servers of a test's own, made once and copied."""
    return Blanks(session_folder, classpath)


@pytest.fixture(scope="session")
def _mortal(session_folder: Path, classpath: list[Path]) -> Iterator[KafkaNode]:
    node = KafkaNode(session_folder / "mortal", classpath)
    yield node
    node.kill()


@pytest.fixture
def mortal_node(_mortal: KafkaNode) -> KafkaNode:
    """The broker that a test may stop and kill: it runs when the test begins, however the last one left it."""
    _mortal.start()
    return _mortal


@pytest.fixture(scope="session")
def postgres_server(session_folder: Path) -> Iterator[PostgresServer]:
    """The session's server. A test that stops or kills a server starts its own instead."""
    server = PostgresServer(session_folder / "postgres")
    server.start()
    yield server
    server.stop()


@pytest.fixture(params=("faust", "aiokafka"))
def transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each transport: workers made in the test have it, those in processes of their own as well. Both keep one
    contract, and are held against it by the same tests."""
    monkeypatch.setenv("SHIXIAN_TRANSPORT", request.param)
    return str(request.param)


@pytest.fixture
async def postgres(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """The URI of a fresh, empty database, dropped after the test."""
    async with fresh_database(postgres_server) as uri:
        yield uri


@pytest.fixture
async def other_postgres(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """The same, a second one."""
    async with fresh_database(postgres_server) as uri:
        yield uri


@asynccontextmanager
async def fresh_database(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """The URI of an empty database for as long as the context lasts."""
    name = f"test_{uuid.uuid4().hex}"
    admin = await asyncpg.connect(postgres_server.dsn)
    try:
        await admin.execute(f'CREATE DATABASE "{name}"')
        yield postgres_server.database_dsn(name)
        await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await admin.close()


@pytest.fixture
async def pool(postgres: str) -> AsyncIterator[Any]:
    """A pool of connections to a fresh database with the tables of the tracker and the stats."""
    made = database.pool(postgres)
    for schema in ("tracker", "stats"):
        await database.ready(made, schema, files(f"services.{schema}") / "migrations", Part("database"))
    yield made
    await made.close()


@pytest.fixture
def log() -> Log:
    """In the place of the producer."""
    return Log()
