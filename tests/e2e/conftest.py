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
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from services.access import passwords, tokens
from services.access.file import Access, Token, User, encode
from services.access.principal import Role
from services.local.process import free_port, tie_to_parent
from tests import forking
from tests.conftest import is_last_of
from tests.support import require_no_secret_below

_SHARED: list["System"] = []
_BROWSERS: list[tuple[Browser, ExitStack]] = []

CHROMIUM = shutil.which("chromium")
ARGUMENTS = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]

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
        self.command = (Path(SHIXIAN).name, "up", *options)
        self.secrets: list[str] = []
        """What must stand in none of its logs, besides what it makes itself."""

    def start(self, seconds: float = 120) -> float:
        """Start and wait until it says that it is up; how long that took."""
        began = time.monotonic()
        with self.output.open("wb") as out, self.errors.open("wb") as err:
            self.process = subprocess.Popen(
                [SHIXIAN, *self.command[1:]],
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
        self.require_no_secret()
        return took

    def require_no_secret(self) -> None:
        """In whatever it wrote."""
        require_no_secret_below(self.home, self.output, self.errors, secrets=self.secrets)

    def shixian(self, *arguments: str) -> str:
        """Run a command against it; its output."""
        done = forking.shixian(*arguments, env=self.env)
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
    """The demo, up for as long as the tests need it; the last of them stops it, starts it again and kills a part."""
    running = System(short_folder / "home", "--demo")
    running.start()
    _SHARED.append(running)
    yield running
    _end_shared()


@dataclass(frozen=True)
class Restored:
    """A home made from another's log alone, and running."""

    system: System
    rebuilt: str
    """What ``rebuild`` printed."""
    reports: tuple[str, str]
    """The bureau's of 2013, there and here."""


@pytest.fixture(scope="session")
def restored(system: System, short_folder: Path) -> Iterator[Restored]:
    """What the log of the others' system brings back out of a file. It may be changed, as theirs may not."""
    file = short_folder / "log.gz"
    system.shixian("export", str(file))
    running = System(short_folder / "drill")
    running.shixian("restore", str(file))
    rebuilt = running.shixian("rebuild")
    running.start()
    _SHARED.append(running)
    report = ("report", "--form", "cn-gz-2013", "--organ", "gz-psb", "--year", "2013", "--format", "json")
    yield Restored(running, rebuilt, (system.shixian(*report), running.shixian(*report)))
    _end_shared()


def _end_shared() -> None:
    while _SHARED:
        running = _SHARED.pop()
        if running.process.poll() is None:
            running.stop()
    while _BROWSERS:
        _, ends = _BROWSERS.pop()
        ends.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, None, None]:
    """The demo and the browser end with the last test that may use them."""
    yield
    if is_last_of(item, nextitem):
        _end_shared()


@pytest.fixture(scope="module")
def browser() -> Browser:
    """The one of all files that share a system."""
    if not _BROWSERS:
        ends = ExitStack()
        playwright = ends.enter_context(sync_playwright())
        launched = playwright.chromium.launch(
            executable_path=CHROMIUM, args=ARGUMENTS, chromium_sandbox=os.geteuid() != 0
        )
        ends.callback(launched.close)
        _BROWSERS.append((launched, ends))
    return _BROWSERS[0][0]


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Page]:
    """A page for test after test: opening one costs thirty times what going somewhere else in it does."""
    opened = browser.new_page()
    yield opened
    opened.context.close()


@contextmanager
def cleared(tab: Page, width: int, height: int, *own: str) -> Iterator[Page]:
    """The page as if it were new, for one test; nothing was asked of any place but ``own``, and nothing is
    complained about."""
    tab.context.clear_cookies()
    tab.set_viewport_size({"width": width, "height": height})
    tab.emulate_media(media="null", color_scheme="null")
    asked: list[str] = []
    complaints: list[str] = []

    def note_request(request: Request) -> None:
        asked.append(request.url)

    def note_complaint(message: ConsoleMessage) -> None:
        complaints.append(message.text)

    tab.on("request", note_request)
    tab.on("console", note_complaint)
    try:
        yield tab
        tab.goto("about:blank")  # what it would still ask for by itself is asked for no more
    finally:
        tab.remove_listener("request", note_request)
        tab.remove_listener("console", note_complaint)
    assert [url for url in asked if not url.startswith((*own, "about:blank"))] == []
    assert complaints == []


def _token() -> tuple[Token, str]:
    id_, text, kept = tokens.new()
    return Token(id=id_, name="t", hash=kept, scopes=("requests:read",), created_at=datetime.now(UTC)), text


PASSWORD = "a long sentence of nobody"
USERS: dict[str, tuple[tuple[Role, ...], tuple[str, ...] | None]] = {
    "officer": (("officer",), ("sample-bureau",)),
    "elsewhere": (("officer",), ("gz-psb",)),
    "first": (("publisher",), None),
    "second": (("publisher",), None),
    "auditor": (("auditor",), None),
}
"""The people of :func:`guarded`: roles and organs by account."""
TOKEN, TOKEN_TEXT = _token()
"""Of a program there: it may read requests, and no more."""
WATCHING = ("prometheus", "prometheus-alertmanager")


@pytest.fixture(scope="session")
def guarded(short_folder: Path) -> Iterator[System]:
    """The same with accounts, where a publication takes two people; watched, where that can be had."""
    access = short_folder / "access.json"
    users = tuple(
        User(account=name, password=passwords.hashed(name, PASSWORD), roles=roles, organs=organs)
        for name, (roles, organs) in USERS.items()
    )
    access.write_bytes(encode(Access(users=users, tokens=(TOKEN,))))
    access.chmod(0o600)
    thresholds = short_folder / "thresholds.toml"
    thresholds.write_text('scrape = "3s"\nevaluate = "3s"\noperators_wait = "1s"\n')
    more = {
        "SHIXIAN_ACCESS": str(access),
        "SHIXIAN_FOUR_EYES": "yes",
        "SHIXIAN_PROMETHEUS_PORT": str(free_port()),
        "SHIXIAN_ALERTMANAGER_PORT": str(free_port()),
        "SHIXIAN_ALERT_CONFIG": str(thresholds),
    }
    # Without accounts Prometheus needs no token; with them `up` makes it one. A test says if a program is missing.
    ops = ["--ops"] if all(map(shutil.which, WATCHING)) else []
    running = System(short_folder / "guarded", "--demo", *ops, **more)
    running.secrets += [PASSWORD, TOKEN_TEXT, TOKEN.hash, *(user.password for user in users)]
    running.start()
    _SHARED.append(running)
    yield running
    _end_shared()


def table_rows(text: str) -> dict[str, int]:
    """The rows of a printed table: their Chinese label and their number."""
    found = re.findall(r"│\s*([^│]+?)  [^│]*│\s*([\d,]+) │", text)
    return {label.strip(): int(number.replace(",", "")) for label, number in found}
