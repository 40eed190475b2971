"""Prometheus: its rule files and its configuration."""

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from services.ops.alerts import calendars, intake, office, reference, requests, services, stats, tracker
from services.ops.config import Config
from services.ops.rule import group

SUBJECTS: Mapping[str, ModuleType] = {
    "requests": requests,
    "office": office,
    "calendars": calendars,
    "reference": reference,
    "intake": intake,
    "tracker": tracker,
    "stats": stats,
    "services": services,
}


def rule_files(config: Config) -> dict[str, dict[str, Any]]:
    """The rule files by subject."""
    return {name: group(name, config, module.rules(config)) for name, module in SUBJECTS.items()}


def operator_rules(config: Config) -> dict[str, Any]:
    """All rules as one object for the Prometheus operator."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "shixian", "labels": {"app.kubernetes.io/name": "shixian"}},
        "spec": {"groups": [one for rules in rule_files(config).values() for one in rules["groups"]]},
    }


def configuration(
    config: Config,
    targets: Mapping[str, Sequence[str]],
    alertmanagers: Sequence[str],
    rules: str = "rules/*.yaml",
    token_file: str = "",
    certificate: str = "",
) -> dict[str, Any]:
    """Prometheus's own file: ``targets`` are the addresses of each service's replicas. Every series gets the label
    ``service``, which the rules and the inhibitions go by. ``token_file`` holds the token to read metrics with,
    where there are accounts; ``certificate`` is the file of whose HTTPS is believed, where the services speak it."""
    who: dict[str, Any] = {"authorization": {"credentials_file": token_file}} if token_file else {}
    if certificate:
        who |= {"scheme": "https", "tls_config": {"ca_file": certificate}}
    return {
        "global": {"scrape_interval": config.scrape, "evaluation_interval": config.evaluate},
        "rule_files": [rules],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": list(alertmanagers)}]}]},
        "scrape_configs": [
            {
                "job_name": "shixian",
                **who,
                "static_configs": [
                    {"targets": list(addresses), "labels": {"service": name}} for name, addresses in targets.items()
                ],
            }
        ],
    }
