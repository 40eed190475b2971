"""``shixian up --ops``: Prometheus and Alertmanager beside the rest, or one clear line."""

import os
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import httpx

from services.access import tokens
from services.access.file import Access, Token, encode
from services.local.process import free_port
from tests.e2e.conftest import SHIXIAN, System
from tests.ops.tools import program, run
from tests.support import eventually


def test_up_with_ops_watches_the_services_with_accounts_too(folder: Path) -> None:
    """With accounts, since then Prometheus needs a token: `up` makes it."""
    for name in ("prometheus", "prometheus-alertmanager"):
        program(name)
    thresholds = folder / "thresholds.toml"
    thresholds.write_text('scrape = "1s"\nevaluate = "1s"\noperators_wait = "1s"\n')
    id_, text, kept = tokens.new()
    token = Token(id=id_, name="t", hash=kept, scopes=("requests:read",), created_at=datetime.now(UTC))
    (folder / "access.json").write_bytes(encode(Access(tokens=(token,))))
    system = System(folder / "home", "--ops", SHIXIAN_ACCESS=str(folder / "access.json"))
    system.secrets += [text, kept]
    prometheus, alertmanager = free_port(), free_port()
    system.env |= {
        "SHIXIAN_PROMETHEUS_PORT": str(prometheus),
        "SHIXIAN_ALERTMANAGER_PORT": str(alertmanager),
        "SHIXIAN_ALERT_CONFIG": str(thresholds),
    }
    system.start()
    try:
        assert f"http://127.0.0.1:{alertmanager}/" in system.printed()
        (alerts_page,) = re.findall(rf"http://127.0.0.1:{prometheus}/\S+", system.printed())
        for command in re.findall("amtool .+", system.printed()):  # told where Alertmanager has no page of its own
            run(*command.split())
        with httpx.Client(trust_env=False, timeout=10) as http:

            def up() -> bool | None:
                asked = {"query": 'sum(up{job="shixian"})'}
                answer = http.get(f"http://127.0.0.1:{prometheus}/api/v1/query", params=asked).json()
                return answer["data"]["result"][0]["value"][1] == "4" or None

            def known() -> bool | None:
                active = http.get(f"http://127.0.0.1:{prometheus}/api/v1/alertmanagers").json()["data"]
                urls = [one["url"] for one in active["activeAlertmanagers"]]
                return urls == [f"http://127.0.0.1:{alertmanager}/api/v2/alerts"] or None

            def watching() -> bool | None:
                alerts = http.get(f"http://127.0.0.1:{prometheus}/api/v1/alerts").json()["data"]["alerts"]
                return any(a["labels"]["alertname"] == "Watchdog" for a in alerts) or None

            for service in (system.intake, system.tracker, system.stats):
                assert http.get(f"{service}/metrics").status_code == 401
                own = {"authorization": f"Bearer {text}"}
                assert http.get(f"{service}/metrics", headers=own).status_code == 403
            eventually(up)
            eventually(known)
            eventually(watching)
            assert "RequestOverdue" in http.get(alerts_page).raise_for_status().text
    finally:
        assert system.stop() < 15
    assert system.process.returncode == 0


def test_without_prometheus_one_line_says_how_to_get_it(folder: Path) -> None:
    env = {**os.environ, "PATH": str(folder), "SHIXIAN_HOME": str(folder / "home")}
    done = subprocess.run([SHIXIAN, "up", "--ops"], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith("shixian: 缺少程序：")
    assert "apt-get install prometheus prometheus-alertmanager" in last


def test_thresholds_that_are_none_are_named(folder: Path) -> None:
    wrong = folder / "thresholds.toml"
    wrong.write_text("due_sooner = 3\n")
    env = {**os.environ, "SHIXIAN_ALERT_CONFIG": str(wrong), "SHIXIAN_HOME": str(folder / "home")}
    done = subprocess.run([SHIXIAN, "up", "--ops"], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "due_sooner: is no threshold" in done.stderr.splitlines()[-1]
