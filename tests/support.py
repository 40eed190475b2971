"""What several tests use: facts written briefly, services as processes, and waiting for what must come."""

import json
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from services.access.routes import Need
from services.desk.apis import Apis
from services.desk.app import application
from services.desk.pages import Desk
from services.events.codec import decode_fact
from services.events.envelope import type_of
from services.events.facts import Fact
from services.local.process import free_port
from services.runtime.door import Door
from services.runtime.guard import Guard
from services.runtime.health import Health
from services.runtime.logs import without_secrets
from services.runtime.offload import Offload
from services.runtime.web import new_registry
from tests.forking import Forked, start_service

ORGAN = {
    "code": "gz-psb",
    "name": {"zh": "广州市公安局", "en": "Guangzhou Public Security Bureau"},
    "timezone": "Asia/Shanghai",
    "calendar": "CN",
    "statute": "CN",
}
NOTHING_TO_DO: dict[str, Any] = {
    **dict.fromkeys(("overdue", "due_today", "this_week", "later", "stopped", "unconfirmed", "attention"), 0),
    **dict.fromkeys(("in_review", "waits_for_someone", "duties", "duties_overdue"), 0),
    "in_review_for": {},
    "stopped_for": {},
    "attention_by_kind": {},
    "steps": {},
    "units": [],
    "items": [],
    "today": "2024-01-01",
    "week_ends": "2024-01-07",
}
"""What the board's counts and an office's units are where there is nothing."""
_numbers = count(1)


def raw(name: str, subject: str, data: Mapping[str, Any], *, id: str = "", **more: Any) -> dict[str, Any]:
    """A fact as an intake system would post it."""
    return {
        "specversion": "1.0",
        "type": type_of(name),
        "source": "urn:shixian:test",
        "id": id or f"t{next(_numbers)}",
        "subject": subject,
        "data": {k: v.isoformat() if isinstance(v, date) else v for k, v in data.items()},
        **more,
    }


def fact(name: str, subject: str, data: Mapping[str, Any], *, id: str = "", **more: Any) -> Any:
    """The same, decoded."""
    import msgspec

    decoded: Fact = decode_fact(msgspec.json.encode(raw(name, subject, data, id=id, **more)))
    return decoded


def received(subject: str, day: str, channel: str = "online", organ: str = "gz-psb") -> dict[str, Any]:
    """A request submitted and received on one day."""
    data = {"organ": organ, "channel": channel, "applicant": "natural-person", "submitted_on": day}
    return raw("request-received", subject, data)


def answered(subject: str, day: str, outcome: str = "granted") -> dict[str, Any]:
    """The answer to a request, posted that day."""
    return raw("answer-issued", subject, {"outcome": outcome, "answered_on": day, "service": "posted"})


class ServiceProcess:
    """A service of ours as a process, with its HTTP address."""

    def __init__(self, process: "Forked | subprocess.Popen[bytes]", url: str) -> None:
        self.process, self.url = process, url
        self.http = httpx.Client(base_url=url, timeout=20, trust_env=False)

    def get(self, path: str) -> Any:
        """The JSON at ``path``."""
        return self.http.get(path).raise_for_status().json()

    def wait_ready(self, seconds: float = 60) -> None:
        """Return when the service says that it can work."""
        eventually(lambda: self._ready() or None, seconds)

    def _ready(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"the service ended with {self.process.returncode}")
        try:
            return self.http.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def stop(self, seconds: float = 15) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait(10)


@contextmanager
def service(name: str, env: Mapping[str, str]) -> Iterator[ServiceProcess]:
    """Run a service until the block ends, on a free port."""
    port = free_port()
    told = tempfile.TemporaryFile()  # noqa: SIM115 - it outlives the process that writes it
    settings = {"SHIXIAN_LOG": "json", "SHIXIAN_SWEEP_SECONDS": "0.2", "SHIXIAN_SETTLE_SECONDS": "0.5", **env}
    process = start_service(name, {**settings, f"SHIXIAN_{name.upper()}_PORT": str(port)}, told.fileno())
    running = ServiceProcess(process, f"http://127.0.0.1:{port}")
    try:
        yield running
    finally:
        running.http.close()
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
        told.seek(0)
        text = told.read().decode(errors="replace")
        told.close()
        sys.stderr.write(text)
    require_no_secret(text)


def require_no_secret(text: str, secrets: Collection[str] = ()) -> None:
    """Of whatever a service of the tests wrote, no line holds a password, a token, a signed cookie, or one of
    ``secrets``."""
    found = [line for line in text.splitlines() if without_secrets(line) != line or any(one in line for one in secrets)]
    assert not found, f"{len(found)} lines hold a secret, the first one of {len(found[0])} characters"


def require_no_secret_below(home: Path, *printed: Path, secrets: Collection[str] = ()) -> None:
    """The same of what `shixian up` printed and of every log below its home, the broker's and the database's too; of
    the secrets that lie in the home as well."""
    kept = [home / "kafka" / "password", home / "ops" / "metrics-token"]
    own = {*secrets, *(file.read_text().strip() for file in kept if file.exists())}
    for key in (file for folder in (home, home / "access", home.parent) for file in folder.glob("desk-key.json")):
        own |= {value for one in json.loads(key.read_text())["keys"] for name, value in one.items() if name == "d"}
    # What the broker calls a log besides, by numbers alone, are its segments.
    logs = [file for file in home.rglob("*") if re.search(r"[a-z]\.log(\.\d+)?$", file.name)]
    assert len(logs) > 5 and all(len(one) > 8 for one in own), "what is searched, and what for"
    for file in (*printed, *logs):
        text = file.read_text("utf-8", errors="replace")
        # So the broker tells of its settings that there is a password, or none.
        require_no_secret(re.sub(r"password = (null|\[hidden\])$", "", text, flags=re.MULTILINE), own)


@contextmanager
def desk_at(**services: ServiceProcess) -> Iterator[ServiceProcess]:
    """A desk that asks these services, by name, until the block ends; its client asks for pages, in English."""
    with service("desk", {f"SHIXIAN_{name.upper()}_API": each.url for name, each in services.items()}) as desk:
        desk.http.headers.update({"accept": "text/html", "accept-language": "en"})
        desk.wait_ready()
        yield desk


def eventually(look: Callable[[], Any], seconds: float = 30) -> Any:
    """What ``look`` returns once it is not None; fails after ``seconds`` with its last error, if it raised any."""
    limit = time.monotonic() + seconds
    error: Exception | None = None
    while time.monotonic() < limit:
        try:
            if (found := look()) is not None:
                return found
            error = None
        except (AssertionError, httpx.HTTPError, KeyError, IndexError) as failed:
            error = failed
        time.sleep(0.05)
    raise AssertionError(f"did not come in {seconds} s") from error


class _Open(dict[tuple[str, str], Need]):
    """A table in which every route is open."""

    def __missing__(self, key: tuple[str, str]) -> Need:
        return Need("open", takes=())

    def __contains__(self, key: object) -> bool:
        return True


def open_guard() -> Guard:
    """For applications of the tests' own, whose routes are in no table."""
    return Guard(Door.indoors(), _Open(), dict, None)


def desk_over(api: Any) -> httpx.AsyncClient:
    """A browser at a desk that asks the application ``api``, whichever service it is, without a socket between."""
    health = Health()
    transport = httpx.ASGITransport(app=api)
    apis = Apis(dict.fromkeys(("intake", "tracker", "stats"), "http://api.test"), health, transport)
    app: Any = application(Desk(apis, Offload()), health, new_registry())
    headers = {"accept": "text/html"}
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://desk.test", headers=headers, timeout=300
    )
