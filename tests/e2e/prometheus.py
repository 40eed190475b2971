"""What ``shixian up --ops`` starts beside the rest, looked at from outside."""

import re

import httpx

from tests.e2e.conftest import System
from tests.ops.tools import run
from tests.support import eventually


def require_watched(system: System, prometheus: str, alertmanager: str, token: str) -> None:
    """Prometheus reads all four services, with a token of its own, tells Alertmanager, and has the alerts. To whoever
    has only ``token`` the metrics are closed."""
    assert f"{alertmanager}/" in system.printed()
    (alerts_page,) = re.findall(rf"{prometheus}/\S+", system.printed())
    for command in re.findall("amtool .+", system.printed()):  # told where Alertmanager has no page of its own
        run(*command.split())
    with httpx.Client(trust_env=False, timeout=10) as http:

        def up() -> bool | None:
            answer = http.get(f"{prometheus}/api/v1/query", params={"query": 'sum(up{job="shixian"})'}).json()
            return answer["data"]["result"][0]["value"][1] == "4" or None

        def known() -> bool | None:
            active = http.get(f"{prometheus}/api/v1/alertmanagers").json()["data"]
            urls = [one["url"] for one in active["activeAlertmanagers"]]
            return urls == [f"{alertmanager}/api/v2/alerts"] or None

        def watching() -> bool | None:
            alerts = http.get(f"{prometheus}/api/v1/alerts").json()["data"]["alerts"]
            return any(a["labels"]["alertname"] == "Watchdog" for a in alerts) or None

        for service in (system.intake, system.tracker, system.stats):
            assert http.get(f"{service}/metrics").status_code == 401
            own = {"authorization": f"Bearer {token}"}
            assert http.get(f"{service}/metrics", headers=own).status_code == 403
        eventually(up)
        eventually(known)
        eventually(watching)
        assert "RequestOverdue" in http.get(alerts_page).raise_for_status().text
