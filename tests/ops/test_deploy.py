"""What is in deploy/, as far as it can be judged without Docker and a cluster: schemas, names, and what must not be."""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from compose_spec import ComposeSpecification  # type: ignore[attr-defined]  # imported there, and not marked as exported

from services.runtime.door import hosts_of
from services.runtime.settings import SettingError, Settings, load
from tests.ops.tools import DEPLOY, ROOT

VERSIONS = ("1.30", "1.34")
CRDS = {"ScaledObject", "PodMonitor", "PrometheusRule", "Kustomization"}
KUBERNETES = DEPLOY / "kubernetes"
PORTS = {
    "intake": Settings().intake_port,
    "tracker": Settings().tracker_port,
    "stats": Settings().stats_port,
    "desk": Settings().desk_port,
}
SECRETIVE = re.compile(r"password|secret|token|key", re.IGNORECASE)


@cache
def manifests() -> list[tuple[str, dict[str, Any]]]:
    found = []
    for file in sorted(KUBERNETES.rglob("*.yaml")):
        for document in yaml.safe_load_all(file.read_text("utf-8")):
            found.append((f"{file.relative_to(KUBERNETES)}:{document['kind']}", document))
    return found


def of(kind: str) -> Iterator[dict[str, Any]]:
    return (document for _, document in manifests() if document["kind"] == kind)


def settings_named(env: dict[str, Any]) -> list[str]:
    known = {f"SHIXIAN_{f.name.upper()}" for f in fields(Settings)}
    return [name for name in env if name.startswith("SHIXIAN_") and name.removesuffix("_FILE") not in known]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("name", "document"), manifests(), ids=lambda x: x if isinstance(x, str) else "")
def test_manifests_hold_to_their_schemas(name: str, document: dict[str, Any], version: str) -> None:
    if document["kind"] in CRDS:
        assert document["apiVersion"].count("/") == 1
        return
    kubernetes_validate.validate(document, version, strict=True)


def test_kustomizations_name_every_file_and_only_files_that_are_there() -> None:
    for file in KUBERNETES.rglob("kustomization.yaml"):
        named = yaml.safe_load(file.read_text())["resources"]
        assert all((file.parent / one).exists() for one in named)
        assert {p.name for p in file.parent.glob("*.yaml")} - {"kustomization.yaml"} == set(named) - {"../../base"}


def test_each_service_is_deployed_carefully() -> None:
    deployments = {d["metadata"]["name"]: d for d in of("Deployment")}
    scaled = {h["spec"]["scaleTargetRef"]["name"]: h["spec"]["minReplicas"] for h in of("HorizontalPodAutoscaler")}
    assert deployments.keys() == PORTS.keys() == {d["metadata"]["name"] for d in of("PodDisruptionBudget")}
    for name, deployment in deployments.items():
        pod = deployment["spec"]["template"]
        labels = pod["metadata"]["labels"]
        (container,) = pod["spec"]["containers"]
        assert deployment["spec"].get("replicas", scaled.get(name, 0)) >= 2
        assert name not in scaled or "replicas" not in deployment["spec"]  # it would be put back at each deployment
        assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()
        assert container["args"] == [name]
        assert container["ports"][0]["containerPort"] == PORTS[name]
        assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"  # a database that is away kills nobody
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
        assert "memory" in container["resources"]["limits"]
        assert pod["spec"]["securityContext"]["runAsNonRoot"]
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert pod["spec"]["terminationGracePeriodSeconds"] > Settings().shutdown_seconds
        assert settings_named({e["name"]: e for e in container["env"]}) == []
        (budget,) = (b for b in of("PodDisruptionBudget") if b["metadata"]["name"] == name)
        assert budget["spec"]["selector"]["matchLabels"].items() <= labels.items()
        (service,) = (s for s in of("Service") if s["metadata"]["name"] == name)
        assert service["spec"]["selector"].items() <= labels.items()
        assert service["spec"]["ports"][0]["port"] == PORTS[name]


def test_no_secret_is_in_a_file() -> None:
    assert list(of("Secret")) == []
    for deployment in of("Deployment"):
        for env in deployment["spec"]["template"]["spec"]["containers"][0]["env"]:
            assert "secretKeyRef" in env["valueFrom"], f"{env['name']} has its value in the file"
    for service in compose()["services"].values():
        for name, value in service.get("environment", {}).items():
            if SECRETIVE.search(name):
                is_path = name.endswith(("_FILE", "__FILE")) or (
                    name == "SHIXIAN_DESK_KEY" and value.startswith("/run/")
                )
                assert is_path, f"{name} has its value in the file"
            assert "://" not in str(value) or "@" not in str(value)
    assert "deploy/secrets/" in (ROOT / ".gitignore").read_text()


def test_workers_scale_on_lag_and_never_beyond_the_partitions() -> None:
    (config,) = of("ConfigMap")
    assert settings_named(config["data"]) == []
    scaled = {s["spec"]["scaleTargetRef"]["name"]: s["spec"] for s in of("ScaledObject")}
    assert scaled.keys() == {"tracker", "stats"}
    for name, spec in scaled.items():
        assert 2 <= spec["minReplicaCount"] <= spec["maxReplicaCount"] <= int(config["data"]["SHIXIAN_PARTITIONS"])
        assert f'shixian_consumer_lag_records{{service="{name}"}}' in spec["triggers"][0]["metadata"]["query"]
    (monitor,) = of("PodMonitor")
    relabelled = {r["targetLabel"]: r for r in monitor["spec"]["podMetricsEndpoints"][0]["relabelings"]}
    assert relabelled["job"]["replacement"] == "shixian"
    assert "service" in relabelled


def test_the_operators_rules_are_those_of_the_rule_files() -> None:
    (rules,) = of("PrometheusRule")
    files = sorted((DEPLOY / "prometheus/rules").glob("*.yaml"))
    groups = [group for file in files for group in yaml.safe_load(file.read_text("utf-8"))["groups"]]
    assert sorted(rules["spec"]["groups"], key=lambda g: g["name"]) == groups
    (overlay,) = (k for k in of("Kustomization") if "patches" in k)
    (patch,) = overlay["patches"]
    assert set(patch["target"]["name"].split("|")) == {s["spec"]["scaleTargetRef"]["name"] for s in of("ScaledObject")}
    assert yaml.safe_load(patch["patch"]) == [{"op": "remove", "path": "/spec/replicas"}]


def test_the_network_policy_opens_the_ports_of_the_services_only() -> None:
    (policy,) = of("NetworkPolicy")
    assert set(policy["spec"]["policyTypes"]) == {"Ingress", "Egress"}
    opened = {p["port"] for rule in policy["spec"]["ingress"] for p in rule["ports"]}
    assert opened == set(PORTS.values())
    assert all(rule.get("from") for rule in policy["spec"]["ingress"])


@cache
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    return found


def test_the_compose_file_holds_to_its_specification_and_names_what_is_there() -> None:
    document = compose()
    ComposeSpecification.model_validate(document)
    services = document["services"]
    assert {"kafka-1", "kafka-2", "kafka-3", "postgres", *PORTS, "prometheus", "alertmanager", "grafana"} <= set(
        services
    )
    for name, service in services.items():
        assert re.search(r":v?\d+\.\d+", service["image"]), f"{name}: its image is not pinned"
        assert set(service.get("depends_on", {})) <= services.keys()
        assert settings_named(service.get("environment", {})) == []
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), "TLS ends at a proxy in front of the services"
        for mount in service.get("volumes", []):
            source = mount.partition(":")[0]
            made = source.startswith("./secrets/")  # by the operator, as docs/operations.md says
            assert made or ((DEPLOY / source).exists() if source.startswith(".") else source in document["volumes"])
        given = [s if isinstance(s, str) else s.get("target", s["source"]) for s in service.get("secrets", [])]
        fixed = [m.split(":")[1] for m in service.get("volumes", []) if m.endswith(":ro")]
        assert not any(t.startswith(f) for t in given for f in fixed), "nothing can be mounted in a read-only folder"
        for secret in service.get("secrets", []):
            assert (secret if isinstance(secret, str) else secret["source"]) in document["secrets"]
    for name, port in PORTS.items():
        assert services[name]["command"] == [name]
        assert services[name]["ports"] == [f"127.0.0.1:{port}:{port}"]
    given = services["tracker"]["environment"]
    assert len(given["SHIXIAN_KAFKA"].split(",")) == given["SHIXIAN_REPLICATION"] == 3


def test_compose_mounts_what_is_exchanged_by_its_folder_and_the_signing_key_into_the_desk_alone() -> None:
    """A file that is replaced while it is mounted stays the old one in there: a revoked token would stay valid."""
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))["services"]
    for name in PORTS:
        service = services[name]
        mounted = {m.split(":")[1] for m in service["volumes"]}
        assert str(Path(service["environment"]["SHIXIAN_ACCESS"]).parent) in mounted
        assert ("./secrets/desk:/run/desk:ro" in service["volumes"]) == (name == "desk")
        assert not {"access.json", "desk-key.json"} & set(service.get("secrets", ()))


def test_each_service_answers_prometheus_by_the_name_that_it_is_called_by() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))["services"]
    scraped = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text("utf-8"))["scrape_configs"]
    targets = [t for job in scraped for static in job["static_configs"] for t in static["targets"]]
    hosts = {target.partition(":")[0] for target in targets}
    assert hosts >= set(PORTS)
    for name in hosts & set(PORTS):
        given = services[name]["environment"].get("SHIXIAN_HOSTS", "")
        env = {"SHIXIAN_HOST": "0.0.0.0", "SHIXIAN_HOSTS": given, "SHIXIAN_INSECURE": "yes"}
        assert name in hosts_of(load(env)), f"{name} would answer 421 to its scrapes"


def test_the_image_is_small_pinned_and_not_roots() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    bases = [line.split()[1] for line in lines if line.startswith("FROM")]
    assert len(bases) == 2
    assert all(re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", base) for base in bases)
    assert any(re.fullmatch(r"USER \d+:\d+", line) for line in lines)
    assert any("--require-hashes -r requirements.lock" in line for line in lines)
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {word for line in lines if line.startswith("COPY") and "--from" not in line for word in line.split()[1:-1]}
    assert copied <= kept
    assert all((ROOT / one).exists() for one in copied)


def test_a_setting_can_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "postgres-url"
    file.write_text("postgresql://shixian:secret@db/shixian\n")
    assert load({"SHIXIAN_POSTGRES_FILE": str(file)}).postgres == "postgresql://shixian:secret@db/shixian"
    assert load({"SHIXIAN_POSTGRES_FILE": str(file), "SHIXIAN_POSTGRES": "postgresql://x"}).postgres == "postgresql://x"
    with pytest.raises(SettingError, match="SHIXIAN_POSTGRES_FILE: expected a file"):
        load({"SHIXIAN_POSTGRES_FILE": str(tmp_path / "none")})


def left_out() -> str:
    """Code that makes the packages unknown which the image leaves out."""
    removed = re.search(r"pip uninstall --quiet --yes ((?!pip).*)", (DEPLOY / "Dockerfile").read_text())
    assert removed is not None
    modules = [name.replace("-", "_") for name in removed[1].split()]
    return f"import sys; sys.modules.update(dict.fromkeys({modules}))\n"


def test_the_services_need_none_of_the_packages_that_the_image_leaves_out() -> None:
    code = left_out()
    code += "import services.cli, services.intake.__main__, services.tracker.__main__, services.stats.__main__"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 0, done.stderr


AT_SERVERS = (
    ("export", "FILE"),
    ("restore", "FILE"),
    ("audit",),
    ("rebuild",),
    ("dead-letters", "list"),
    ("audit-trail",),
    ("token", "list"),
)
"""What an operator runs from the image, beside its services: each imports what it needs when it runs."""


@pytest.mark.parametrize(
    ("command", "told"),
    [("audit", "SHIXIAN_KAFKA, SHIXIAN_POSTGRES: expected both"), ("up", "up: this installation has no servers")],
)
def test_a_command_in_the_image_says_what_it_lacks(command: str, told: str, tmp_path: Path) -> None:
    env = {"PATH": "", "SHIXIAN_KAFKA": "127.0.0.1:9", "SHIXIAN_HOME": str(tmp_path)}
    code = left_out() + f"from services.cli import main; sys.argv = ['shixian', {command!r}]; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60, env=env)
    assert done.returncode == 2
    assert done.stderr.startswith(f"shixian: {told}")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", AT_SERVERS, ids=" ".join)
def test_the_commands_for_the_servers_run_in_the_image(command: tuple[str, ...], tmp_path: Path) -> None:
    """Without the packages that it leaves out; nothing answers here, and the command says so in a line."""
    file = tmp_path / "access.json"
    file.write_text('{"version": 1, "tokens": [], "users": []}', "utf-8")
    env = {
        "PATH": "",
        "SHIXIAN_KAFKA": "127.0.0.1:9",
        "SHIXIAN_POSTGRES": "postgresql://nobody@127.0.0.1:9/none",
        "SHIXIAN_HOME": str(tmp_path),
        "SHIXIAN_ACCESS": str(file),
    }
    words = [str(tmp_path / "no.file") if word == "FILE" else word for word in command]
    code = left_out() + f"from services.cli import main; sys.argv = ['shixian', *{words!r}]; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=110, env=env)
    assert "Traceback" not in done.stderr, done.stderr
    assert "ModuleNotFoundError" not in done.stderr + done.stdout
    assert done.returncode in {0, 1, 2}, done.stderr
    assert done.stderr.startswith("shixian: ") or command == ("token", "list")
