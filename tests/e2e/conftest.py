"""The whole system, started once for all end-to-end tests as a user would start it: ``shixian up --demo``."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from services.access import passwords
from services.access.file import Access, User, encode
from services.access.principal import Role
from services.local.process import free_port, tie_to_parent
from tests.conftest import is_last_of
from tests.support import require_no_secret_below

_SHARED: list["System"] = []

SHIXIAN = str(Path(sys.executable).parent / "shixian")


class System:
    """A running ``shixian up``: its addresses, its environment and what it printed."""

    def __init__(self, home: Path, *options: str, **more: str) -> None:
        """``more``: further settings."""
        self.home = home
        ports = {name: free_port() for name in ("intake", "tracker", "stats", "desk")}
        self.intake, self.tracker, self.stats, self.desk = (f"http://127.0.0.1:{ports[n]}" for n in ports)
        own = {f"SHIXIAN_{name.upper()}_PORT": str(port) for name, port in ports.items()}
        self.env = {
            **os.environ,
            **own,
            "SHIXIAN_HOME": str(home),
            "SHIXIAN_KAFKA_PORT": "0",
            "SHIXIAN_SWEEP_SECONDS": "0.5",
            "SHIXIAN_SETTLE_SECONDS": "2",
            "COLUMNS": "120",
            **more,
        }
        self.output = home.parent / f"{home.name}.out"
        self.errors = home.parent / f"{home.name}.err"
        self.options = options
        self.secrets: list[str] = []
        """What must stand in none of its logs, besides what it makes itself."""

    def start(self, seconds: float = 120) -> float:
        """Start and wait until it says that it is up; how long that took."""
        began = time.monotonic()
        with self.output.open("wb") as out, self.errors.open("wb") as err:
            self.process = subprocess.Popen(
                [SHIXIAN, "up", *self.options],
                stdout=out,
                stderr=err,
                env=self.env,
                preexec_fn=tie_to_parent(signal.SIGTERM),
            )
        while "Shixian is up" not in self.printed():
            if self.process.poll() is not None or time.monotonic() - began > seconds:
                raise RuntimeError(f"not up: {self.printed()}\n{self.errors.read_text()[-4000:]}")
            time.sleep(0.05)
        return time.monotonic() - began

    def printed(self) -> str:
        """Its standard output so far."""
        return self.output.read_text()

    def stop(self, number: int = signal.SIGINT) -> float:
        """Ask it to end; how long that took."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(30)
        took = time.monotonic() - began
        require_no_secret_below(self.home, self.output, self.errors, secrets=self.secrets)
        return took

    def shixian(self, *arguments: str) -> str:
        """Run a command against it; its output."""
        done = subprocess.run([SHIXIAN, *arguments], env=self.env, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="session")
def short_folder() -> Iterator[Path]:
    """A folder with a path short enough for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="shixian-e2e-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def system(short_folder: Path) -> Iterator[System]:
    """The demo, up for as long as the tests need it."""
    running = System(short_folder / "home", "--demo")
    running.start()
    _SHARED.append(running)
    yield running
    _end_shared()


def _end_shared() -> None:
    while _SHARED:
        running = _SHARED.pop()
        if running.process.poll() is None:
            running.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, None, None]:
    """The demo ends with the last test that may use it."""
    yield
    if is_last_of(item, nextitem):
        _end_shared()


PASSWORD = "a long sentence of nobody"
USERS: dict[str, tuple[tuple[Role, ...], tuple[str, ...] | None]] = {
    "officer": (("officer",), ("sample-bureau",)),
    "elsewhere": (("officer",), ("gz-psb",)),
    "first": (("publisher",), None),
    "second": (("publisher",), None),
    "auditor": (("auditor",), None),
}
"""The people of :func:`guarded`: roles and organs by account."""


@pytest.fixture(scope="session")
def guarded(short_folder: Path) -> Iterator[System]:
    """The same with accounts, where a publication takes two people."""
    access = short_folder / "access.json"
    users = tuple(
        User(account=name, password=passwords.hashed(name, PASSWORD), roles=roles, organs=organs)
        for name, (roles, organs) in USERS.items()
    )
    access.write_bytes(encode(Access(users=users)))
    access.chmod(0o600)
    more = {"SHIXIAN_ACCESS": str(access), "SHIXIAN_FOUR_EYES": "yes"}
    running = System(short_folder / "guarded", "--demo", **more)
    running.secrets += [PASSWORD, *(user.password for user in users)]
    running.start()
    _SHARED.append(running)
    yield running
    _end_shared()


def table_rows(text: str) -> dict[str, int]:
    """The rows of a printed table: their Chinese label and their number."""
    found = re.findall(r"│\s*([^│]+?)  [^│]*│\s*([\d,]+) │", text)
    return {label.strip(): int(number.replace(",", "")) for label, number in found}
