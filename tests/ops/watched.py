"""The services with a real Prometheus and a real Alertmanager that watch them, and a webhook that takes the alerts."""

import json
import signal
import subprocess
import threading
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from services import samples
from services.intake import client
from services.local import ops
from services.local.process import free_port, tie_to_parent
from services.ops import local
from services.ops.config import Config
from tests.forking import Forked, start_service
from tests.support import ORGAN, ServiceProcess, eventually, raw

QUICK = replace(
    Config(),
    scrape="1s",
    evaluate="1s",
    overdue_for="1s",
    due_soon_for="1s",
    lag_seconds=(2, 600),
    lag_for="1s",
    lag_keep="20s",
    sweep_seconds=(6, 600),
    sweep_for="1s",
    down_for="1s",
    officers_wait="1s",
    officers_interval="1s",
    operators_wait="1s",
    operators_interval="1s",
)
"""The same rules with times that a test can wait for."""


class Webhook:
    """What Alertmanager delivered, in order."""

    def __init__(self) -> None:
        self.alerts: list[dict[str, Any]] = []
        """Each alert of each notification."""
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told = json.loads(self.rfile.read(int(self.headers["content-length"])))
                hook.alerts += told["alerts"]
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: what comes is in ``alerts``."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def last(self, name: str, **labels: str) -> dict[str, Any]:
        """The latest delivery of an alert. Raises IndexError."""
        wanted = labels | {"alertname": name}
        return [a for a in self.alerts if wanted.items() <= a["labels"].items()][-1]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


SERVICES = ("intake", "tracker", "stats", "desk")


class Watched:
    """Starts everything; each service can be killed and started again on its port."""

    def __init__(self, folder: Path, kafka: str, postgres: str) -> None:
        names = (*SERVICES, "prometheus", "alertmanager")
        self.ports = {name: free_port() for name in names}
        self.env = {
            "SHIXIAN_KAFKA": kafka,
            "SHIXIAN_POSTGRES": postgres,
            "SHIXIAN_TOPIC_PREFIX": f"{folder.name}.",
            "SHIXIAN_PARTITIONS": "3",
            "SHIXIAN_LOG": "json",
            "SHIXIAN_LOG_LEVEL": "warning",
            "SHIXIAN_SWEEP_SECONDS": "0.5",
            "SHIXIAN_SETTLE_SECONDS": "0.5",
        }
        self.env |= {f"SHIXIAN_{name.upper()}_PORT": str(port) for name, port in self.ports.items()}
        self.hook = Webhook()
        self.processes: dict[str, Forked | subprocess.Popen[bytes]] = {}
        self._ends = ExitStack()
        self._ends.callback(self.hook.close)
        self._ends.callback(self._end_processes)
        self.http = self._ends.enter_context(httpx.Client(timeout=20, trust_env=False))
        self.config = replace(QUICK, desk_url=self.url("desk"))
        targets = {name: f"127.0.0.1:{self.ports[name]}" for name in SERVICES}
        self._files = local.files(self.config, targets, self.ports["alertmanager"], self.hook.url)
        self._folder = folder

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    def start(self) -> None:
        """Everything, and wait until each is ready and Prometheus sees the services."""
        for name in SERVICES:
            self.run(name)
        at = ops.Ports(self.ports["prometheus"], self.ports["alertmanager"])
        for server in ops.services(self._folder, at, self._files):
            self.processes[server.name] = subprocess.Popen(server.argv, preexec_fn=tie_to_parent(signal.SIGKILL))
            eventually(partial(self._answers, server.ready_url))
        for name in SERVICES:
            self.wait_ready(name)
        eventually(lambda: len(self.query('up{job="shixian"} == 1')) == len(SERVICES) or None)

    def _answers(self, url: str) -> bool | None:
        return self.http.get(url).status_code == 200 or None

    def run(self, name: str, **more: str) -> None:
        """Start a service."""
        self.processes[name] = start_service(name, self.env | more, stderr=2)

    def wait_ready(self, name: str) -> None:
        running = ServiceProcess(self.processes[name], self.url(name))
        running.wait_ready()
        running.http.close()

    def kill(self, name: str) -> None:
        """SIGKILL."""
        self.processes[name].kill()
        self.processes[name].wait(10)

    def stop(self, name: str) -> None:
        """SIGTERM."""
        self.processes[name].terminate()
        self.processes[name].wait(15)

    def post(self, *facts: dict[str, Any]) -> None:
        client.post(self.url("intake"), [json.dumps(fact).encode() for fact in facts])

    def register(self, code: str) -> None:
        """An organ like the sample's, under another code."""
        self.post(raw("organ-registered", code, ORGAN | {"code": code}))

    def sample(self) -> None:
        """The year 2013."""
        client.post(self.url("intake"), list(samples.sample()))

    def query(self, expr: str) -> list[dict[str, Any]]:
        """What Prometheus answers to an instant query."""
        answer = self.http.get(f"{self.url('prometheus')}/api/v1/query", params={"query": expr}).json()
        assert answer["status"] == "success", answer
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    def alerts(self, name: str = "", **labels: str) -> list[dict[str, Any]]:
        """What Alertmanager holds now, suppressed alerts included."""
        held = self.http.get(f"{self.url('alertmanager')}/api/v2/alerts").raise_for_status().json()
        wanted = labels | ({"alertname": name} if name else {})
        return [alert for alert in held if wanted.items() <= alert["labels"].items()]

    def _end_processes(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()

    def close(self) -> None:
        self._ends.close()
