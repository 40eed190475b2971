"""The dashboards: generated, whole, and every panel's query answered by a real Prometheus over the running services."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
import yaml

from scripts.dashboards.__main__ import FOLDER, files
from tests.ops.tools import DEPLOY
from tests.ops.watched import Watched
from tests.support import eventually, raw, received

VARIABLES = {
    "$organ": ".+",
    "$service": ".+",
    "$year": "2013",
    "$__rate_interval": "10s",
    "$__range": "1h",
}


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, text in files().items():
        for panel in json.loads(text)["panels"]:
            if panel["type"] != "row":
                yield name, panel


def test_the_committed_dashboards_are_what_the_code_writes() -> None:
    assert {file.name: file.read_text("utf-8") for file in FOLDER.iterdir()} == files(), "run `make deploy-files`"


def test_dashboards_are_of_a_grafana_of_today() -> None:
    for text in files().values():
        document = json.loads(text)
        assert document["schemaVersion"] >= 39  # not the SDK's release for Grafana 10.1
        assert document["uid"].startswith("shixian-")


@pytest.mark.parametrize(("name", "panel"), list(panels()), ids=lambda x: x["title"] if isinstance(x, dict) else x)
def test_every_panel_is_whole(name: str, panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"]
    assert panel["datasource"] == {"type": "prometheus", "uid": "${source}"}
    assert panel["gridPos"]["w"] > 0
    assert panel["targets"]
    assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


def test_every_panel_shows_data_of_the_running_services(watched: Watched) -> None:
    watched.register("gz-d")
    day = datetime.now(UTC).date() - timedelta(days=90)
    watched.post(received("D-1", day.isoformat(), "in-person", "gz-d"))
    eventually(lambda: watched.query('shixian_requests_overdue{organ="gz-d"} == 1') or None)
    # A unit that has held a step for months has been given both cards for it.
    unit = {"code": "gz-d-1", "organ": "gz-d", "name": {"zh": "一科", "en": "Unit 1"}}
    watched.post(raw("unit-registered", "gz-d-1", unit))
    held = {"assignment": "a1", "unit": "gz-d-1", "step": "handle", "assigned_on": day.isoformat()}
    held["due_on"] = (day + timedelta(days=7)).isoformat()
    watched.post(raw("assignment-opened", "D-1", held))
    duty = f"gz-d/annual-report/{day.year - 1}"
    opened = {"duty": duty, "organ": "gz-d", "kind": "annual-report", "event_on": f"{day.year - 1}-12-31"}
    watched.post(raw("duty-opened", duty, opened))
    empty: dict[str, str] = {}
    numbers = count(2)

    def look() -> bool | None:
        empty.clear()
        # What is a rate has data only while something goes on.
        watched.post(received(f"D-{next(numbers)}", day.isoformat(), "in-person", "gz-d"))
        for name, panel in panels():
            for target in panel["targets"]:
                expr = target["expr"]
                for variable, value in VARIABLES.items():
                    expr = expr.replace(variable, value)
                found = watched.query(expr)  # an error of Prometheus fails here
                if not any(one["value"][1] != "NaN" for one in found):
                    empty[f"{name} · {panel['title']} · {target['refId']}"] = expr
        return None if empty else True

    try:
        eventually(look, 60)
    except AssertionError:
        assert empty == {}
        raise


def test_the_links_of_the_tables_lead_to_the_board(watched: Watched) -> None:
    links = {
        link["url"]
        for _, panel in panels()
        for override in panel["fieldConfig"]["overrides"]
        for kept in override["properties"]
        if kept["id"] == "links"
        for link in kept["value"]
    }
    assert len(links) >= 3
    for link in links:
        url = link.replace("${desk}", watched.url("desk"))
        for field, value in (("organ", "gz-psb"), ("request", "D-1")):
            url = url.replace(f"${{__data.fields.{field}:percentencode}}", value)
        assert "$" not in url
        assert watched.http.get(url).status_code in (200, 404)


def test_provisioning_names_what_is_there() -> None:
    folder = DEPLOY / "grafana/provisioning"
    sources = yaml.safe_load((folder / "datasources/shixian.yaml").read_text())["datasources"]
    assert {(s["type"], s["uid"]) for s in sources} == {("prometheus", "prometheus"), ("alertmanager", "alertmanager")}
    (provider,) = yaml.safe_load((folder / "dashboards/shixian.yaml").read_text())["providers"]
    assert provider["type"] == "file"
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    mounts = compose["services"]["grafana"]["volumes"]
    assert any(f":{provider['options']['path']}:" in mount for mount in mounts)
    alerting = yaml.safe_load((folder / "alerting/shixian.yaml").read_text())
    (contact,) = alerting["contactPoints"]
    assert contact["receivers"][0]["type"] == "prometheus-alertmanager"
    assert alerting["policies"][0]["receiver"] == contact["name"]
