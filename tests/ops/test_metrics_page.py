"""The page of metrics is current, and the metrics keep Prometheus's conventions."""

import re

from prometheus_client import generate_latest

from scripts import metrics_page
from services.ops import prometheus
from services.ops.config import Config
from tests.ops.tools import run

MATCHED = re.compile(r"\b(shixian_\w+){([^}]*)}")
NAMES = re.compile(r"(\w+)[=!]").findall


def test_the_page_is_what_the_services_expose() -> None:
    assert metrics_page.PAGE.read_text("utf-8") == metrics_page.page(), "run `make docs`"


def test_promtool_finds_nothing_against_the_conventions() -> None:
    for registry in metrics_page.registries().values():
        assert run("promtool", "check", "metrics", given=generate_latest(registry)) == ""


def test_the_page_has_the_labels_of_metrics_that_have_no_series_yet() -> None:
    found = {name: labels for name, (_, labels, _, _) in metrics_page.families().items()}
    assert found["shixian_attention_oldest_timestamp_seconds"] == ["kind"]
    assert found["shixian_consumer_damaged_offset"] == ["topic", "partition"]
    rules = [rule for file in prometheus.rule_files(Config()).values() for rule in file["groups"][0]["rules"]]
    asked = [
        (name, label) for rule in rules for name, labels in MATCHED.findall(rule["expr"]) for label in NAMES(labels)
    ]
    given = {"service", "instance", "job"}  # Prometheus's own
    assert len(asked) > 15
    assert [(name, label) for name, label in asked if label not in given | set(found[name])] == []


def test_every_metric_that_a_rule_asks_for_is_exposed() -> None:
    rules = [rule for file in prometheus.rule_files(Config()).values() for rule in file["groups"][0]["rules"]]
    texts = [rule["expr"] + " ".join(rule.get("annotations", {}).values()) for rule in rules]
    asked = {name for text in texts for name in re.findall(r"\bshixian_[a-z_]+", text)}
    known = set(metrics_page.families())
    assert len(asked) > 15
    assert asked - known == set()
