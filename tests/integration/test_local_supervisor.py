"""The supervisor: ready means all ready, stopping is ordered and bounded, a death ends the whole by name."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest

from services.events.brokers import hosts
from services.local.process import free_port
from tests import forking
from tests.blanks import Blanks
from tests.integration import supervised
from tests.support import eventually

# A service: it answers its ready URL, and writes into a journal what happens to it.
CHILD = """
import http.server, os, signal, sys, time
name, port, journal, manner = sys.argv[1:]
def note(what):
    with open(journal, "a") as file:
        file.write(f"{name} {what}\\n")
if manner == "dies":
    print("no such luck", flush=True)
    sys.exit(3)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503 if manner == "never ready" else 200)
        self.end_headers()
    def log_message(self, *args):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Handler)
def stop(*_):
    time.sleep(0.2)
    note("stopped")
    os._exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN if manner == "stubborn" else stop)
signal.signal(signal.SIGUSR1, lambda *_: os._exit(7))
note(f"pid {os.getpid()}")
note(f"kafka {os.environ['SHIXIAN_KAFKA']}")
server.serve_forever(0.05)
"""


class Run:
    """An ``up`` at work or ended."""

    def __init__(self, folder: Path, services: list[Any], manner: str, env: dict[str, str]) -> None:
        self._out, self._err = folder / "up.out", folder / "up.err"
        argv = ["up", json.dumps(services), manner]
        with self._out.open("wb") as out, self._err.open("wb") as err:
            entry = f"{supervised.__name__}:main"
            self.process = forking.start_process(entry, argv, env, err.fileno(), out.fileno())

    def wait_for(self, word: str) -> None:
        def there() -> bool:
            ended = self.process.poll() is not None
            found = word in self._out.read_text().splitlines()
            if ended and not found:
                raise RuntimeError(f"it ended without {word!r}")
            return found

        eventually(lambda: there() or None, 120)

    def end(self, seconds: float) -> tuple[str, str]:
        """What it said, on stdout and on stderr, when it has ended."""
        self.process.wait(seconds)
        return self._out.read_text(), self._err.read_text()


Up = Callable[..., Run]
NAMES = ("intake", "tracker", "stats")


@pytest.fixture
def journal(folder: Path) -> Path:
    return folder / "journal"


@pytest.fixture
def up(folder: Path, journal: Path) -> Iterator[Up]:
    """Starts an ``up`` with three services, of which some behave in another manner."""
    started: list[Run] = []

    def start(manner: str = "", *, embedded: bool = False, **manners: str) -> Run:
        services = []
        for name in NAMES:
            port = free_port()
            argv = [sys.executable, "-c", CHILD, name, str(port), str(journal), manners.get(name, "")]
            services.append((name, argv, f"http://127.0.0.1:{port}/readyz"))
        elsewhere = {"SHIXIAN_KAFKA": "kafka.example:9092", "SHIXIAN_POSTGRES": "postgresql://db.example/x"}
        env = {"SHIXIAN_HOME": str(folder / "home"), "SHIXIAN_KAFKA_PORT": "0"}
        env |= {"SHIXIAN_KAFKA": "", "SHIXIAN_POSTGRES": ""} if embedded else elsewhere
        started.append(Run(folder, services, manner, env))
        return started[-1]

    yield start
    for run in started:
        run.process.kill()
        run.process.wait(10)


def noted(journal: Path, what: str) -> list[str]:
    words = (line.split() for line in journal.read_text().splitlines())
    return [name if what == "stopped" else rest[0] for name, key, *rest in words if key == what]


def running(journal: Path) -> list[int]:
    found = []
    for pid in map(int, noted(journal, "pid")):
        try:
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.append(pid)
        except psutil.NoSuchProcess:
            pass
    return found


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_the_services_in_the_order_given(up: Up, journal: Path, signum: signal.Signals) -> None:
    run = up()
    run.wait_for("ready")
    assert len(running(journal)) == 3
    assert noted(journal, "kafka") == ["kafka.example:9092"] * 3
    run.process.send_signal(signum)
    out, _ = run.end(15)
    assert run.process.returncode == 0
    assert out.splitlines()[-1] == signum.name
    assert noted(journal, "stopped") == list(NAMES)
    assert running(journal) == []


def test_everything_started_is_stopped_within_ten_seconds(up: Up, journal: Path, folder: Path, blanks: Blanks) -> None:
    blanks.home(folder / "home")
    run = up(embedded=True, tracker="stubborn")
    run.wait_for("ready")
    assert hosts(noted(journal, "kafka")[0])[0].startswith("127.0.0.1:")
    below = psutil.Process(run.process.pid).children(recursive=True)
    assert {"java", "postgres"} <= {each.name() for each in below}
    began = time.monotonic()
    run.process.send_signal(signal.SIGINT)
    run.end(30)
    seconds = time.monotonic() - began
    assert run.process.returncode == 0
    assert seconds < 10
    assert noted(journal, "stopped") == ["intake", "stats"]
    assert [each for each in below if each.is_running() and each.status() != psutil.STATUS_ZOMBIE] == []
    assert not (folder / "home" / "postgres" / "data" / "postmaster.pid").exists()


def test_a_service_that_dies_at_its_start_ends_the_run_with_its_name_and_last_words(up: Up, journal: Path) -> None:
    run = up(tracker="dies")
    out, err = run.end(30)
    assert run.process.returncode == 1
    assert "ServiceDied: tracker ended with status 3" in out
    assert "no such luck" in out
    assert "no such luck" in err
    assert running(journal) == []


def test_a_service_that_dies_later_ends_the_run_and_the_others_in_order(up: Up, journal: Path) -> None:
    run = up()
    run.wait_for("ready")
    (stats,) = [line.split()[2] for line in journal.read_text().splitlines() if line.startswith("stats pid ")]
    os.kill(int(stats), signal.SIGUSR1)
    out, _ = run.end(30)
    assert run.process.returncode == 1
    assert "ServiceDied: stats ended with status 7" in out
    assert noted(journal, "stopped") == ["intake", "tracker"]
    assert running(journal) == []


def test_a_service_killed_from_outside_is_named_with_the_signal(up: Up, journal: Path) -> None:
    run = up()
    run.wait_for("ready")
    os.kill(running(journal)[0], signal.SIGKILL)
    out, _ = run.end(30)
    assert " ended by SIGKILL" in out
    assert running(journal) == []


def test_a_broker_that_dies_ends_the_run_by_its_name(up: Up, journal: Path, folder: Path, blanks: Blanks) -> None:
    blanks.home(folder / "home")
    run = up(embedded=True)
    run.wait_for("ready")
    os.kill(int((folder / "home" / "kafka" / "broker.pid").read_text()), signal.SIGKILL)
    out, _ = run.end(30)
    assert run.process.returncode == 1
    assert "ServiceDied: kafka ended by SIGKILL" in out
    assert running(journal) == []


def test_a_failure_of_what_is_done_when_ready_stops_everything(up: Up, journal: Path) -> None:
    run = up("fails when ready")
    out, _ = run.end(30)
    assert run.process.returncode == 1
    assert "LookupError: the sample is gone" in out
    assert noted(journal, "stopped") == list(NAMES)


def test_a_signal_ends_what_is_done_when_ready(up: Up, journal: Path) -> None:
    run = up("busy when ready")
    run.wait_for("ready")
    run.process.send_signal(signal.SIGTERM)
    run.end(15)
    assert run.process.returncode == 0
    assert noted(journal, "stopped") == list(NAMES)


def test_a_signal_while_it_waits_for_readiness_stops_everything(up: Up, journal: Path) -> None:
    run = up(stats="never ready")
    while not journal.exists() or len(running(journal)) < 3:
        time.sleep(0.02)
    run.process.send_signal(signal.SIGTERM)
    out, _ = run.end(15)
    assert run.process.returncode == 0
    assert "ready" not in out.splitlines()
    assert running(journal) == []


def test_a_signal_while_the_stack_starts_leaves_nothing_running(up: Up, folder: Path, blanks: Blanks) -> None:
    blanks.home(folder / "home")
    run = up(embedded=True)
    pid_file = folder / "home" / "kafka" / "broker.pid"
    while not pid_file.exists() or not pid_file.read_text():
        time.sleep(0.01)
    broker = int(pid_file.read_text())
    run.process.send_signal(signal.SIGTERM)
    run.end(20)
    assert run.process.returncode == 0
    assert not psutil.pid_exists(broker)
    assert not (folder / "home" / "postgres" / "data" / "postmaster.pid").exists()


def test_a_killed_supervisor_takes_its_services_with_it(up: Up, journal: Path) -> None:
    run = up()
    run.wait_for("ready")
    run.process.kill()
    run.end(10)
    limit = time.monotonic() + 10
    while running(journal) and time.monotonic() < limit:
        time.sleep(0.02)
    assert running(journal) == []
