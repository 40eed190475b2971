"""The rest of ``make image-test``: deploy/compose.yaml and the Kubernetes base, as far as podman plays them here."""

import json
import os
import shutil
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from services.local.process import free_port
from tests.image import engine
from tests.one_broker import Broker
from tests.support import eventually

pytestmark = pytest.mark.timeout(600)
DEPLOY = Path(__file__).parents[2] / "deploy"
BASE = DEPLOY / "kubernetes" / "base"
SECRET, ACCESS, TLS = "shixian-connections", "shixian-access", "shixian-tls"
SERVICES = ("intake", "tracker", "stats", "desk")
LACKING = engine.missing()
if LACKING:
    pytest.exit(f"image test: missing: {LACKING}", returncode=2)


def answers(port: int, path: str) -> bool | None:
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=5, trust_env=False).status_code == 200 or None
    except httpx.TransportError:
        return None


def base(ports: dict[str, int], access: Path) -> str:
    """The base's configuration and deployments for one host. Left out, since podman has no such thing: services,
    network policies, disruption budgets, the autoscaler. Changed: one replica, this host's network (so no mapped
    ports), the addresses of this run, the folder of those who may come in."""
    parts: list[Any] = []
    for file in sorted(BASE.glob("*.yaml")):
        for part in yaml.safe_load_all(file.read_text("utf-8")):
            if part["kind"] == "ConfigMap":
                part["data"] |= {f"SHIXIAN_{n.upper()}_PORT": str(p) for n, p in ports.items()}
                part["data"] |= {f"SHIXIAN_{n.upper()}_API": f"http://127.0.0.1:{p}" for n, p in ports.items()}
                part["data"] |= {"SHIXIAN_HOST": "127.0.0.1", "SHIXIAN_REPLICATION": "1", "SHIXIAN_PARTITIONS": "4"}
                part["data"]["SHIXIAN_TOPIC_PREFIX"] = "kube."
            elif part["kind"] == "Deployment":
                part["spec"]["replicas"] = 1
                pod = part["spec"]["template"]["spec"]
                # No TLS in this run; and podman 4.3 breaks off at a volume of a secret, so that is a folder here.
                pod["volumes"] = [v for v in pod.get("volumes", ()) if v.get("secret", {}).get("secretName") != TLS]
                for volume in pod["volumes"]:
                    if volume.get("secret", {}).get("secretName") == ACCESS:
                        del volume["secret"]
                        volume["hostPath"] = {"path": str(access), "type": "Directory"}
                for container in pod["containers"]:
                    container["image"] = engine.IMAGE
                    del container["ports"]
                    kept = {v["name"] for v in pod["volumes"]}
                    container["volumeMounts"] = [m for m in container["volumeMounts"] if m["name"] in kept]
            else:
                continue
            parts.append(part)
    return yaml.safe_dump_all(parts)


def let_in(folder: Path) -> None:
    """The files that say who may come in, made as an operator makes them."""
    env = {
        **os.environ,
        "SHIXIAN_ACCESS": str(folder / "access.json"),
        "SHIXIAN_DESK_KEY": str(folder / "desk-key.json"),
    }
    token = ("token", "create", "prometheus", "--scope", "metrics:read", "--every-organ")
    for command in (token, ("desk-key",)):
        code = f"from services.cli import main; import sys; sys.argv = ['shixian', *{command!r}]; main()"
        subprocess.run((sys.executable, "-c", code), env=env, check=True, capture_output=True, timeout=60)
    for name in ("access.json", "desk-key.json"):
        (folder / name).chmod(0o444)


def keep(folder: Path, name: str, values: dict[str, str]) -> None:
    """A secret in podman's own store, the only place from which `kube play` takes one (podman 4.3): JSON of base64."""
    file = folder / f"{name}.json"
    file.write_text(json.dumps({key: b64encode(value.encode()).decode() for key, value in values.items()}))
    engine.podman("secret", "create", name, str(file))


@pytest.fixture
def played(kafka_node: Broker, database: str, tmp_path: Path) -> Iterator[dict[str, int]]:
    ports = {name: free_port() for name in SERVICES}
    file = tmp_path / "base.yaml"
    access = tmp_path / "access"
    access.mkdir(mode=0o755)
    let_in(access)
    file.write_text(base(ports, access), encoding="utf-8")
    keep(tmp_path, SECRET, {"kafka": kafka_node.bootstrap, "postgres": database})
    try:
        engine.podman("kube", "play", "--network=host", str(file), seconds=300)
        yield ports
    finally:
        engine.podman("kube", "play", "--down", str(file), check=False)
        engine.podman("secret", "rm", SECRET, check=False)


def test_the_kubernetes_base_runs_under_podman(played: dict[str, int]) -> None:
    for name, port in played.items():
        eventually(lambda port=port: answers(port, "/readyz"), 240)  # type: ignore[misc]  # a default binds the loop's value
        running = engine.podman("ps", "--format", "{{.Names}}", "--filter", f"name={name}-pod").split()
        said = engine.status(next(each for each in running if each.endswith(f"-{name}")))
        assert set(said["Uid"].split()) == {"10001"}
        assert int(said["CapEff"], 16) == 0


@pytest.fixture
def composed(tmp_path: Path) -> Iterator[Path]:
    """deploy/ with secrets in it, in a folder of its own."""
    shutil.copytree(DEPLOY, tmp_path / "deploy")
    secrets = tmp_path / "deploy" / "secrets"
    secrets.mkdir(exist_ok=True)
    for name in ("postgres-password", "postgres-url", "smtp-password", "grafana-password", "metrics-token"):
        (secrets / name).write_text("postgresql://nobody@127.0.0.1:9/none", encoding="utf-8")
    for folder in (secrets / "access", secrets / "desk"):
        folder.mkdir(mode=0o755)
        let_in(folder)
    file = tmp_path / "deploy" / "compose.yaml"
    try:
        yield file
    finally:
        for name in SERVICES:
            engine.podman("rm", "--force", "--time", "1", f"deploy_{name}_1", check=False)
        engine.podman("network", "rm", "--force", "deploy_default", check=False)


def test_the_compose_file_runs_our_services_under_podman(composed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each of ours starts from the image on a network of its own, with its port on the loopback; they wait for a broker
    that is not there, and say so."""
    if shutil.which("podman-compose") is None:
        pytest.exit("image test: missing: podman-compose (Debian: apt-get install podman-compose)", returncode=2)
    command = ("podman-compose", "-f", str(composed), "up", "-d", "--no-deps", "--no-build", *SERVICES)
    engine.run(*command, seconds=300)
    for name, port in (("intake", 8701), ("tracker", 8702), ("stats", 8703), ("desk", 8700)):
        eventually(lambda port=port: answers(port, "/healthz"), 240)  # type: ignore[misc]  # a default binds the loop's value
        said = engine.status(f"deploy_{name}_1")
        assert (set(said["Uid"].split()), int(said["CapEff"], 16), said["NoNewPrivs"]) == ({"10001"}, 0, "1")
    others = yaml.safe_load(composed.read_text("utf-8"))["services"]
    left_out = sorted({each["image"] for name, each in others.items() if name not in SERVICES})
    with capsys.disabled():
        print(f"\nnot run, their images are in registries: {', '.join(left_out)}")
