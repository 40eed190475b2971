"""The supervisor: ready means all ready, stopping is ordered and bounded, a death ends the whole by name."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from services.events.brokers import hosts
from services.local.process import free_port

# A service: it answers its ready URL, and writes into a journal what happens to it.
CHILD = """
import http.server, os, signal, sys, threading, time
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
note(f"pid {os.getpid()}")
note(f"kafka {os.environ['SHIXIAN_KAFKA']}")
if manner == "dies later":
    threading.Timer(0.5, os._exit, (7,)).start()
server.serve_forever(0.05)
"""

# What `shixian up` does, with the services of its argument.
UP = """
import asyncio, json, sys
from services.runtime import settings
from services.local.supervisor import Service, run_up
services, manner = json.loads(sys.argv[1]), sys.argv[2]
async def on_ready():
    print("ready", flush=True)
    if manner == "fails when ready":
        raise LookupError("the sample is gone")
    if manner == "busy when ready":
        await asyncio.sleep(120)
try:
    signum = run_up(settings.load(), [Service(*each) for each in services], on_ready, ready_seconds=20)
except Exception as error:
    print(f"{type(error).__name__}: {error}", flush=True)
    sys.exit(1)
print(signum.name, flush=True)
"""

Up = Callable[..., "subprocess.Popen[str]"]
NAMES = ("intake", "tracker", "stats")


@pytest.fixture
def journal(folder: Path) -> Path:
    return folder / "journal"


@pytest.fixture
def up(folder: Path, journal: Path) -> Iterator[Up]:
    """Starts an ``up`` with three services, of which some behave in another manner."""
    started: list[subprocess.Popen[str]] = []

    def start(manner: str = "", *, embedded: bool = False, **manners: str) -> "subprocess.Popen[str]":
        services = []
        for name in NAMES:
            port = free_port()
            argv = [sys.executable, "-c", CHILD, name, str(port), str(journal), manners.get(name, "")]
            services.append((name, argv, f"http://127.0.0.1:{port}/readyz"))
        elsewhere = {"SHIXIAN_KAFKA": "kafka.example:9092", "SHIXIAN_POSTGRES": "postgresql://db.example/x"}
        env = {**os.environ, "SHIXIAN_HOME": str(folder / "home"), "SHIXIAN_KAFKA_PORT": "0"}
        env |= {"SHIXIAN_KAFKA": "", "SHIXIAN_POSTGRES": ""} if embedded else elsewhere
        process = subprocess.Popen(
            [sys.executable, "-c", UP, json.dumps(services), manner],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def wait_for(process: "subprocess.Popen[str]", word: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == word:
            return
    raise AssertionError(f"it ended without {word!r}")


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
    process = up()
    wait_for(process, "ready")
    assert len(running(journal)) == 3
    assert noted(journal, "kafka") == ["kafka.example:9092"] * 3
    process.send_signal(signum)
    out, _ = process.communicate(timeout=15)
    assert process.returncode == 0
    assert out.splitlines()[-1] == signum.name
    assert noted(journal, "stopped") == list(NAMES)
    assert running(journal) == []


def test_everything_started_is_stopped_within_ten_seconds(up: Up, journal: Path, folder: Path) -> None:
    process = up(embedded=True, tracker="stubborn")
    wait_for(process, "ready")
    assert hosts(noted(journal, "kafka")[0])[0].startswith("127.0.0.1:")
    below = psutil.Process(process.pid).children(recursive=True)
    assert {"java", "postgres"} <= {each.name() for each in below}
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    seconds = time.monotonic() - began
    assert process.returncode == 0
    assert seconds < 10
    assert noted(journal, "stopped") == ["intake", "stats"]
    assert [each for each in below if each.is_running() and each.status() != psutil.STATUS_ZOMBIE] == []
    assert not (folder / "home" / "postgres" / "data" / "postmaster.pid").exists()


def test_a_service_that_dies_at_its_start_ends_the_run_with_its_name_and_last_words(up: Up, journal: Path) -> None:
    process = up(tracker="dies")
    out, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "ServiceDied: tracker ended with status 3" in out
    assert "no such luck" in out
    assert "no such luck" in err
    assert running(journal) == []


def test_a_service_that_dies_later_ends_the_run_and_the_others_in_order(up: Up, journal: Path) -> None:
    process = up(stats="dies later")
    wait_for(process, "ready")
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "ServiceDied: stats ended with status 7" in out
    assert noted(journal, "stopped") == ["intake", "tracker"]
    assert running(journal) == []


def test_a_service_killed_from_outside_is_named_with_the_signal(up: Up, journal: Path) -> None:
    process = up()
    wait_for(process, "ready")
    os.kill(running(journal)[0], signal.SIGKILL)
    out, _ = process.communicate(timeout=30)
    assert " ended by SIGKILL" in out
    assert running(journal) == []


def test_a_broker_that_dies_ends_the_run_by_its_name(up: Up, journal: Path, folder: Path) -> None:
    process = up(embedded=True)
    wait_for(process, "ready")
    os.kill(int((folder / "home" / "kafka" / "broker.pid").read_text()), signal.SIGKILL)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "ServiceDied: kafka ended by SIGKILL" in out
    assert running(journal) == []


def test_a_failure_of_what_is_done_when_ready_stops_everything(up: Up, journal: Path) -> None:
    process = up("fails when ready")
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "LookupError: the sample is gone" in out
    assert noted(journal, "stopped") == list(NAMES)


def test_a_signal_ends_what_is_done_when_ready(up: Up, journal: Path) -> None:
    process = up("busy when ready")
    wait_for(process, "ready")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=15)
    assert process.returncode == 0
    assert noted(journal, "stopped") == list(NAMES)


def test_a_signal_while_it_waits_for_readiness_stops_everything(up: Up, journal: Path) -> None:
    process = up(stats="never ready")
    while not journal.exists() or len(running(journal)) < 3:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=15)
    assert process.returncode == 0
    assert "ready" not in out.splitlines()
    assert running(journal) == []


def test_a_signal_while_the_stack_starts_leaves_nothing_running(up: Up, folder: Path) -> None:
    process = up(embedded=True)
    pid_file = folder / "home" / "kafka" / "broker.pid"
    while not pid_file.exists() or not pid_file.read_text():
        time.sleep(0.01)
    broker = int(pid_file.read_text())
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 0
    assert not psutil.pid_exists(broker)
    assert not (folder / "home" / "postgres" / "data" / "postmaster.pid").exists()


def test_a_killed_supervisor_takes_its_services_with_it(up: Up, journal: Path) -> None:
    process = up()
    wait_for(process, "ready")
    process.kill()
    process.communicate()
    limit = time.monotonic() + 10
    while running(journal) and time.monotonic() < limit:
        time.sleep(0.02)
    assert running(journal) == []
