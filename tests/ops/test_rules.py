"""The alert rules: generated from the code, whole, and each with the moments when it must not fire."""

import json
import re
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts import metrics_page
from services.ops import local, prometheus
from services.ops.__main__ import files
from services.ops.alertmanager import OF_MANY, inhibitions
from services.ops.config import BadConfig, Config, load
from services.ops.writing import write
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


def test_a_replica_that_is_not_ready_is_told_with_what_it_waits_for(tmp_path: Path) -> None:
    ready = 'shixian_ready{service="stats",instance="%s"}'
    part = 'shixian_part_ok{service="stats",instance="%s",part="%s"}'
    series = {ready % "a": "0x30", ready % "b": "1x30", part % ("a", "kafka"): "0x30", part % ("a", "disk"): "1x30"}
    series |= {part % ("b", "reference"): "0x30"}
    labels = {"severity": "warning", "audience": "operators", "symptom": "not-ready"}
    annotations = {
        "summary": "A replica of a service runs, but has been unable to work for long; others may hide it.",
        "description": "stats, a, waits for: kafka.",
        "summary_zh": "服务的一个副本在运行，但长时间不能工作；其他副本可能掩盖了它。",
        "description_zh": "stats 的 a 在等待： kafka。",
        "runbook_url": "https://shixian.example/docs/runbooks/ReplicaNotReady.md",
    }
    expected = {"exp_labels": {"service": "stats", "instance": "a"} | labels, "exp_annotations": annotations}
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [{"eval_time": "12m", "alertname": "ReplicaNotReady", "exp_alerts": [expected]}],
    }
    file = tmp_path / "replica.yaml"
    rules = str(DEPLOY / "prometheus/rules/services.yaml")
    file.write_text(yaml.safe_dump({"rule_files": [rules], "evaluation_interval": "1m", "tests": [test]}))
    run("promtool", "test", "rules", file)


def test_the_defaults_are_values_that_a_file_may_have(tmp_path: Path) -> None:
    def line(value: object) -> str:
        return f"[{', '.join(map(line, value))}]" if isinstance(value, tuple) else json.dumps(value)

    file = tmp_path / "thresholds.toml"
    file.write_text("".join(f"{key} = {line(value)}\n" for key, value in asdict(Config()).items()))
    assert load(file) == Config()


SILENT = {
    "due_soon_days = 2": "due_soon_days: expected 0, 1, 3, 5 or 10 (what the metrics count), got 2",
    "due_soon_days = true": "due_soon_days: expected a whole number, got True",
    "untouched_days = [10, 2]": "untouched_days: expected 0, 1, 3, 5, 7 or 14",
    "untouched_days = [3, 7]": "untouched_days: expected first the warning's value, then the critical one",
    'untouched_days = ["a", "b"]': "untouched_days: expected a whole number",
    "clarification_days = [2, 2]": "clarification_days: expected 0, 1, 3, 5, 7 or 14",
    "clarification_days = [3]": "clarification_days: expected a list of 2 values",
    "consultation_days = 2": "consultation_days: expected 0, 1, 3, 5, 7 or 14",
    "step_days = 14": "step_days: expected 0, 1, 3, 5 or 7",
    "duty_days = 10": "duty_days: expected 0, 1, 3, 5 or 7",
    "unaccepted_days = 0": "unaccepted_days: expected 1, 3 or 7",
    "attention_days = -1": "attention_days: expected a whole number from 0 on",
    "provisional_month = 13": "provisional_month: expected a month, 1 to 12",
    "provisional_month = 2\nprovisional_days = [1, 30]": "provisional_days: expected days of month 2, which has 28",
    "calendar_days = [14, 45]": "calendar_days: expected first the warning's value",
    "pool_share = 1.5": "pool_share: expected a share above 0 and not above 1",
    "pool_share = nan": "pool_share: expected a share above 0 and not above 1",
    "intake_objective = 99.9": "intake_objective: expected a share above 0 and below 1",
    "intake_objective = 0.9": "burn_critical: expected rates below 10",
    "burn_warning = []": "burn_warning: expected a list of one value at least",
    'burn_warning = [[3, "2h", "1d"]]': "burn_warning: expected the long window before the short one",
    'due_soon_for = "10 minutes"': "due_soon_for: expected a duration of Prometheus's, like 90s, 5m or 1d",
    'due_soon_for = ""': "due_soon_for: expected a duration of Prometheus's",
    'stuck_window = "0s"': "stuck_window: expected a duration of Prometheus's that is longer than 0",
    'scrape = "4m"\nstuck_window = "5m"': "stuck_window: expected at least twice as long as scrape",
    'not_ready_for = ["10m", "2m"]': "not_ready_for: expected first the warning's duration",
    "lag_seconds = [600, 60]": "lag_seconds: expected first the warning's value",
    'watchdog_url = "alive"': "watchdog_url: expected a URL, http://... or https://..., or nothing",
    'desk_url = "shixian.example/"': "desk_url: expected a URL",
}
"""With these an alert would never fire, or Prometheus would not start; and what is said of them."""


@pytest.mark.parametrize(("given", "said"), SILENT.items(), ids=range(len(SILENT)))
def test_a_threshold_with_which_an_alert_could_not_fire_is_refused(given: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "thresholds.toml"
    file.write_text(given)
    with pytest.raises(BadConfig, match=re.escape(said)):
        load(file)


def test_a_whole_number_is_a_number_and_a_slash_at_the_end_of_an_address_is_none(tmp_path: Path) -> None:
    file = tmp_path / "thresholds.toml"
    file.write_text('pool_share = 1\ndesk_url = "https://board.gz.example/"\nstuck_window = "1h30m"\n')
    assert load(file) == replace(Config(), pool_share=1.0, desk_url="https://board.gz.example", stuck_window="1h30m")


def test_the_command_names_a_wrong_threshold_in_one_line_and_writes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "thresholds.toml"
    file.write_text("due_soon_days = 2")
    command = [sys.executable, "-m", "services.ops", "--config", str(file), "--out", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("python -m services.ops: error: thresholds.toml: due_soon_days: ")
    assert not (tmp_path / "out").exists()


OWN = ("prometheus/prometheus.yml", "alertmanager/alertmanager.yml", "alertmanager/templates/shixian.tmpl")


def test_what_an_office_made_its_own_is_not_overwritten_and_the_new_example_stands_beside_it(tmp_path: Path) -> None:
    assert write(tmp_path, files(Config())) == {}
    own = [tmp_path / path for path in OWN]
    rules = tmp_path / "prometheus/rules/requests.yaml"
    for file in (*own, rules):
        file.write_text(file.read_text("utf-8") + "# ours\n", "utf-8")
    beside = [file.with_name(f"{file.name}.new") for file in own]
    for config in (Config(), replace(Config(), scrape="30s", officers_repeat="2d")):
        assert write(tmp_path, files(config)) == dict(zip(own, beside, strict=True))
        assert all(file.read_text("utf-8").endswith("# ours\n") for file in own)
        assert [file.read_text("utf-8") for file in beside] == [files(config)[path] for path in OWN]
        assert rules.read_text("utf-8") == files(config)["prometheus/rules/requests.yaml"], "rules are ours"
    for file, new in zip(own, beside, strict=True):
        new.replace(file)
    # What is an example still is replaced by a newer one.
    assert write(tmp_path, files(replace(Config(), scrape="20s", officers_repeat="3d"))) == {}
    assert "3d" in own[1].read_text("utf-8") and "20s" in own[0].read_text("utf-8")


def test_one_that_an_earlier_release_wrote_without_a_sum_stays(tmp_path: Path) -> None:
    file = tmp_path / OWN[1]
    file.parent.mkdir(parents=True)
    file.write_text(files(Config())[OWN[1]].partition("\n")[2], "utf-8")
    assert list(write(tmp_path, files(Config()))) == [file]


@pytest.mark.parametrize("which", ["up", "example"])
def test_the_watchdog_goes_where_its_own_address_says_and_else_to_nobody(which: str, tmp_path: Path) -> None:
    thresholds = tmp_path / "thresholds.toml"
    given = 'watchdog_url = "https://alive.example/ping?key=1"\nwatchdog_repeat = "2m"\n'
    for text, receiver in (("", "nobody"), (given, "watchdog")):
        thresholds.write_text(text)
        config = load(thresholds)
        made = files(config)[OWN[1]] if which == "example" else local.files(config, {}, 1, "")["alertmanager.yml"]
        (tmp_path / "alertmanager.yml").write_text(made, "utf-8")
        run("amtool", "check-config", tmp_path / "alertmanager.yml")
        routed = ["config", "routes", "test", f"--config.file={tmp_path / 'alertmanager.yml'}"]
        assert (
            run("amtool", *routed, "alertname=Watchdog", "audience=operators", "severity=none").split()[0] == receiver
        )
        assert run("amtool", *routed, "alertname=ServiceDown", "audience=operators").split()[0] == "operators"
    document = yaml.safe_load(made)
    (hook,) = document["receivers"][-1]["webhook_configs"]
    assert hook["url"] == "https://alive.example/ping?key=1"
    assert document["route"]["routes"][0]["repeat_interval"] == "2m"


def test_the_command_says_which_file_stays(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "services.ops", "--out", str(tmp_path)]
    first = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)
    (tmp_path / OWN[1]).write_text("route: {receiver: ours}\n", "utf-8")
    second = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert (first.returncode, first.stderr, second.returncode) == (0, "", 0)
    assert second.stderr.startswith(f"{tmp_path / OWN[1]} was changed by hand and stays as it is; what is new is in ")
    assert (tmp_path / OWN[1]).read_text("utf-8") == "route: {receiver: ours}\n"


def every_days_of(config: Config) -> set[tuple[str, str]]:
    """The metrics whose series are by days, and the days that the rules ask them for."""
    texts = [rule["expr"] for file in prometheus.rule_files(config).values() for rule in file["groups"][0]["rules"]]
    return {found for text in texts for found in re.findall(r'(shixian_\w+){[^}]*days="(\d+)"', text)}


def test_days_that_alerts_ask_for_are_days_that_metrics_count() -> None:
    registry = metrics_page.registries()["tracker"]
    counted = {
        (sample.name, value)
        for family in registry.collect()
        for sample in family.samples
        for label, value in sample.labels.items()
        if label in ("days", "working_days")
    }
    asked = every_days_of(Config())
    assert len(asked) == 8
    assert asked <= counted


def test_an_overdue_request_silences_no_warning_about_others_of_its_organ() -> None:
    officers = {r["labels"]["symptom"] for r in ALERTS if r["labels"]["audience"] == "officers"}
    warnings = {r["labels"]["symptom"] for r in ALERTS if r["labels"]["severity"] == "warning"}
    # A date that is provisional is provisional for all alike: the later, sharper word replaces the first.
    assert officers & warnings - {"provisional"} <= set(OF_MANY)
    targets = [rule["target_matchers"] for rule in inhibitions() if 'severity="critical"' in rule["source_matchers"]]
    assert f'symptom!~"{"|".join(OF_MANY)}"' in targets[0]


def test_the_page_says_of_breaches_and_forecasts_what_the_inhibitions_do() -> None:
    text = " ".join((ROOT / "docs/operations.md").read_text("utf-8").split())
    assert "not where they stand for many requests, steps or duties" in text
    assert "silences its own forecast" not in text
    number = {3: "three", 4: "four", 5: "five"}[len(list((DEPLOY / "grafana/dashboards").iterdir()))]
    assert f"the {number} dashboards in `deploy/grafana/dashboards`" in text


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
