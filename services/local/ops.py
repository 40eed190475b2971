"""Debian's Prometheus and Alertmanager beside the services: their files in the home, their command lines.

Layout below the home::

    ops/prometheus.yml, ops/rules/, ops/alertmanager.yml     written anew at each start
    ops/prometheus/, ops/alertmanager/                       their data
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import structlog

from services.local.failures import LocalFailure
from services.local.ports import Wanted
from services.local.supervisor import Service
from services.runtime.ends import Cause

PACKAGES = {"prometheus": "prometheus", "prometheus-alertmanager": "prometheus-alertmanager"}
RETENTION = "90d"

log = structlog.get_logger(__name__)


class ProgramMissing(LocalFailure):
    """Prometheus or Alertmanager is not installed."""

    end = Cause.PROGRAM_MISSING


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the two listen, on 127.0.0.1."""

    prometheus: int
    alertmanager: int


def programs() -> dict[str, str]:
    """The paths of both programs. Raises :class:`ProgramMissing`, which says how to get them."""
    paths = {name: shutil.which(name) for name in PACKAGES}
    # Upstream's own packages call it alertmanager.
    paths["prometheus-alertmanager"] = paths["prometheus-alertmanager"] or shutil.which("alertmanager")
    missing = [PACKAGES[name] for name, path in paths.items() if path is None]
    if missing:
        raise ProgramMissing(f"--ops needs {' and '.join(missing)}; on Debian: apt-get install {' '.join(missing)}")
    return {name: path for name, path in paths.items() if path is not None}


def pages(ports: Ports) -> dict[str, str]:
    """Where to look at the two, once they are ready: a URL, or a command where the build has no page.

    Debian leaves Prometheus's new pages out, and all of Alertmanager's.
    """
    prometheus = f"http://127.0.0.1:{ports.prometheus}"
    alertmanager = f"http://127.0.0.1:{ports.alertmanager}"
    try:
        with httpx.Client(trust_env=False, timeout=5.0, follow_redirects=True) as client:
            classic = client.get(f"{prometheus}/alerts").status_code != 200
            bare = "does not include a web application" in " ".join(client.get(alertmanager).text.split())
    except httpx.HTTPError as error:
        # They run; what their pages are called is not worth ending the system for.
        log.warning("pages_not_seen", reason=repr(error))
        classic = bare = False
    return {
        "prometheus": f"{prometheus}/{'classic/' if classic else ''}alerts",
        "alertmanager": f"amtool --alertmanager.url={alertmanager}/ alert" if bare else f"{alertmanager}/",
    }


def services(home: Path, ports: Ports, files: Mapping[str, str]) -> list[Service]:
    """Write ``files`` (texts by path: prometheus.yml, rules/..., alertmanager.yml) and give the two as services.

    Raises :class:`ProgramMissing`, and OSError when the files can't be written.
    """
    paths = programs()
    folder = home.expanduser().resolve() / "ops"
    shutil.rmtree(folder / "rules", ignore_errors=True)
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    return [
        Service(
            "alertmanager",
            [
                paths["prometheus-alertmanager"],
                f"--config.file={folder / 'alertmanager.yml'}",
                f"--storage.path={folder / 'alertmanager'}",
                f"--web.listen-address=127.0.0.1:{ports.alertmanager}",
                f"--web.external-url=http://127.0.0.1:{ports.alertmanager}/",
                "--cluster.listen-address=",
                "--log.level=warn",
            ],
            f"http://127.0.0.1:{ports.alertmanager}/-/ready",
            port=Wanted(ports.alertmanager, "SHIXIAN_ALERTMANAGER_PORT"),
        ),
        Service(
            "prometheus",
            [
                paths["prometheus"],
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'prometheus'}",
                f"--storage.tsdb.retention.time={RETENTION}",
                f"--web.listen-address=127.0.0.1:{ports.prometheus}",
                f"--web.external-url=http://127.0.0.1:{ports.prometheus}/",
                "--log.level=warn",
            ],
            f"http://127.0.0.1:{ports.prometheus}/-/ready",
            port=Wanted(ports.prometheus, "SHIXIAN_PROMETHEUS_PORT"),
        ),
    ]
