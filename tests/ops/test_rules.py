"""The alert rules: generated from the code, whole, and each with the moments when it must not fire."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.ops import prometheus
from services.ops.__main__ import files
from services.ops.alertmanager import OF_MANY, inhibitions
from services.ops.config import BadConfig, Config, load
from services.tracker import metrics as tracker_metrics
from services.tracker import metrics_office
from tests.ops.stories import STORIES
from tests.ops.tools import DEPLOY, ROOT, run, tell

ALERTS = [
    rule for file in prometheus.rule_files(Config()).values() for rule in file["groups"][0]["rules"] if "alert" in rule
]
NEVER_SILENT = {"Watchdog"}


def test_the_files_in_deploy_are_those_that_the_code_writes() -> None:
    stale = [path for path, text in files(Config()).items() if (DEPLOY / path).read_text("utf-8") != text]
    assert stale == [], "run `make deploy-files`"
    known = {DEPLOY / path for path in files(Config())}
    assert set((DEPLOY / "prometheus/rules").iterdir()) <= known, "a rule file that nothing generates"


def test_promtool_and_amtool_accept_the_files() -> None:
    run("promtool", "check", "rules", *sorted((DEPLOY / "prometheus/rules").glob("*.yaml")))
    # The token is on the machine that runs it, so its file is not looked for.
    run("promtool", "check", "config", "--syntax-only", DEPLOY / "prometheus/prometheus.yml")
    run("amtool", "check-config", DEPLOY / "alertmanager/alertmanager.yml")


@pytest.mark.parametrize("subject", STORIES)
def test_alerts_are_silent_when_they_must_and_fire_when_they_must(subject: str, tmp_path: Path) -> None:
    tell(tmp_path, DEPLOY / f"prometheus/rules/{subject}.yaml", STORIES[subject])


def test_every_alert_has_a_story_that_begins_in_silence() -> None:
    stories = [story for told in STORIES.values() for story in told]
    assert all(story.silent for story in stories)
    told = {(story.alert, story.severity) for story in stories if story.fires}
    assert {(r["alert"], r["labels"]["severity"]) for r in ALERTS if r["alert"] not in NEVER_SILENT} == told


@pytest.mark.parametrize("rule", ALERTS, ids=lambda r: f"{r['alert']}-{r['labels']['severity']}")
def test_every_alert_is_whole(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("warning", "critical", "none")
    assert rule["labels"]["audience"] in ("officers", "operators")
    assert "{{" not in rule["annotations"]["summary"], "a summary is constant"
    assert rule["labels"]["audience"] == "operators" or {"summary_zh", "description_zh"} <= rule["annotations"].keys()
    page = ROOT / "docs/runbooks" / rule["annotations"]["runbook_url"].rpartition("/")[2]
    text = page.read_text("utf-8")
    for heading in ("## Meaning", "## First look", "## Fix", "## Query to confirm"):
        assert heading in text, f"{page.name} lacks {heading}"


def test_runbooks_are_of_alerts_that_exist() -> None:
    pages = {page.stem for page in (ROOT / "docs/runbooks").glob("*.md")} - {"README"}
    assert pages == {rule["alert"] for rule in ALERTS}


def test_an_overdue_request_is_told_with_its_organ_count_age_and_link(tmp_path: Path) -> None:
    series = {
        'shixian_requests_overdue{organ="gz",service="stats",instance="a"}': "2x30",
        'shixian_requests_overdue{organ="gz",service="stats",instance="b"}': "2x30",
        'shixian_requests_oldest_overdue_info{organ="gz",request="2024/17 应",service="stats",instance="a"}': "1x30",
        'shixian_requests_oldest_overdue_age_seconds{organ="gz",service="stats",instance="a"}': "93600x30",
        'shixian_requests_due_soon{organ="gz",working_days="3",service="tracker",instance="b"}': "4x30",
    }
    labels = {"organ": "gz", "severity": "critical", "audience": "officers", "symptom": "answer"}
    annotations = {
        "summary": "Requests are overdue: the last day for their answer has passed.",
        "description": "gz: 2 requests are overdue; the oldest is 2024/17 应, for 1d 2h 0m 0s. "
        "4 more are due within 3 working days.",
        "summary_zh": "申请已逾期：答复期限最后一日已过。",
        "description_zh": "gz：2 件申请逾期，其中最久的是 2024/17 应，已逾期 2 天。另有 4 件在 3 个工作日内到期。",
        "count": "2",
        "oldest_request": "2024/17 应",
        "oldest_link": "http://127.0.0.1:8700/requests/2024%2F17%20%E5%BA%94",
        "link": "http://127.0.0.1:8700/?organ=gz&status=overdue",
        "runbook_url": "https://shixian.example/docs/runbooks/RequestOverdue.md",
    }
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [
            {"eval_time": "1m", "alertname": "RequestOverdue", "exp_alerts": []},
            {
                "eval_time": "5m",
                "alertname": "RequestOverdue",
                "exp_alerts": [{"exp_labels": labels, "exp_annotations": annotations}],
            },
        ],
    }
    file = tmp_path / "overdue.yaml"
    rules = str(DEPLOY / "prometheus/rules/requests.yaml")
    file.write_text(yaml.safe_dump({"rule_files": [rules], "evaluation_interval": "15s", "tests": [test]}))
    run("promtool", "test", "rules", file)


def test_days_that_alerts_ask_for_are_days_that_metrics_count() -> None:
    config = Config()
    assert config.due_soon_days in tracker_metrics.WORKING_DAYS
    assert {config.step_days, config.duty_days} <= set(metrics_office.DAYS)
    assert config.unaccepted_days in metrics_office.WAITING_DAYS
    for days in (*config.untouched_days, *config.clarification_days, config.consultation_days):
        assert days in tracker_metrics.DAYS


def test_an_overdue_request_silences_no_warning_about_others_of_its_organ() -> None:
    officers = {r["labels"]["symptom"] for r in ALERTS if r["labels"]["audience"] == "officers"}
    warnings = {r["labels"]["symptom"] for r in ALERTS if r["labels"]["severity"] == "warning"}
    # A date that is provisional is provisional for all alike: the later, sharper word replaces the first.
    assert officers & warnings - {"provisional"} <= set(OF_MANY)
    targets = [rule["target_matchers"] for rule in inhibitions() if 'severity="critical"' in rule["source_matchers"]]
    assert f'symptom!~"{"|".join(OF_MANY)}"' in targets[0]


def test_thresholds_come_from_a_file_and_a_wrong_one_is_named(tmp_path: Path) -> None:
    file = tmp_path / "thresholds.toml"
    file.write_text('due_soon_days = 5\nlag_seconds = [30, 300]\ndesk_url = "https://board.gz.example"\n')
    given = load(file)
    assert given == replace(Config(), due_soon_days=5, lag_seconds=(30, 300), desk_url="https://board.gz.example")
    text = files(given)["prometheus/rules/requests.yaml"]
    assert 'days="5"}) > 0' in text
    assert "https://board.gz.example/?" in text
    for wrong, named in (
        ("due_soon = 1", "due_soon"),
        ("lag_seconds = [1]", "lag_seconds"),
        ("lag_for = 2", "lag_for"),
    ):
        file.write_text(wrong)
        with pytest.raises(BadConfig, match=named):
            load(file)
