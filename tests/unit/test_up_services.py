"""What `up` starts: services that are ours, whatever folder it is started in, and a Prometheus that may read."""

import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from services.access import signed
from services.access.signed import Keys
from services.commands import up
from services.local.supervisor import Service
from services.ops import local
from services.ops.config import Config
from services.runtime.failed import Failed
from services.runtime.settings import Settings


@pytest.mark.parametrize("service", up.services(Settings()), ids=lambda s: s.name)
def test_a_package_of_the_same_name_in_the_folder_is_not_taken(service: Service, tmp_path: Path) -> None:
    package = tmp_path / "services"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('taken from the folder')")
    program = [service.argv[0], *service.argv[1 : service.argv.index("-m")], "-c", "import services; print('ours')"]
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "ours\n", done.stderr


def test_the_prometheus_of_up_has_a_token_that_reads_metrics_and_nothing_else(tmp_path: Path) -> None:
    keys = Keys.new()
    (tmp_path / "desk-key.json").write_bytes(keys.text())
    (tmp_path / "cert.pem").write_text("")
    settings = replace(
        Settings(), home=tmp_path, access=str(tmp_path / "access.json"), tls_cert=str(tmp_path / "cert.pem")
    )
    token = up.metrics_token(settings)
    assert token is not None and token.stat().st_mode & 0o777 == 0o600
    who = signed.principal_of(keys.claims(token.read_text(), signed.API, datetime.now(UTC)))
    assert (who.account, who.organs) == ("prometheus", None) and who.scopes == {"metrics:read"}
    (made,) = yaml.safe_load(local.files(Config(), {}, 1, "", str(token), settings.tls_cert)["prometheus.yml"])[
        "scrape_configs"
    ]
    assert made["authorization"] == {"credentials_file": str(token)}
    assert (made["scheme"], made["tls_config"]) == ("https", {"ca_file": settings.tls_cert})
    assert up.metrics_token(replace(Settings(), home=tmp_path)) is None


def test_without_a_key_there_is_no_token_and_it_says_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="shixian desk-key"):
        up.metrics_token(replace(Settings(), home=tmp_path, access=str(tmp_path / "access.json")))
