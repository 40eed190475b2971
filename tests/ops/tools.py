"""Prometheus's own programs for the tests, and stories for promtool: when an alert is silent, and when it fires."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def program(name: str) -> str:
    """The path of a program of Debian's packages. Where scripts/test.sh could not get it, the tests that need it are
    left out, which the end of its output says; elsewhere a missing program is a failure."""
    found = shutil.which(name)
    if found is None:
        if name in os.environ.get("SHIXIAN_TEST_MISSING", ""):
            pytest.skip(f"no {name} on this machine, and none could be had")
        pytest.fail(f"{name} is not on the path (Debian: prometheus, prometheus-alertmanager)")
    return found


def run(name: str, *arguments: str | Path, given: bytes = b"") -> str:
    """Run a program; its output. Fails where it does."""
    done = subprocess.run([program(name), *map(str, arguments)], input=given, capture_output=True, timeout=120)
    text = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, text
    return text


@dataclass(frozen=True)
class Story:
    """Series over time, and at which moments an alert does not fire, and then does."""

    alert: str
    severity: str
    series: Mapping[str, str]
    """Values by series, in promtool's notation, one a minute (or an ``every``)."""
    silent: Sequence[str]
    """Moments at which it must not fire; there is at least one."""
    fires: Sequence[str] = ()
    settled: Sequence[str] = ()
    """Moments after it has fired at which it does not any more."""
    every: str = "1m"

    def as_test(self) -> dict[str, Any]:
        """One entry of a promtool test file."""
        shown = f'count(ALERTS{{alertname="{self.alert}",severity="{self.severity}",alertstate="firing"}}) or vector(0)'
        moments = [(m, 0) for m in self.silent] + [(m, 1) for m in self.fires] + [(m, 0) for m in self.settled]
        return {
            "interval": self.every,
            "input_series": [{"series": name, "values": values} for name, values in self.series.items()],
            "promql_expr_test": [
                {"expr": f"({shown}) > bool 0", "eval_time": at, "exp_samples": [{"labels": "{}", "value": value}]}
                for at, value in moments
            ],
        }


def tell(folder: Path, rules: Path, stories: Sequence[Story]) -> None:
    """Run the stories of one rule file through promtool. The rules are looked at as often as the series change, which
    is also how finely the moments are named: more often, and the long stories take minutes to say the same."""
    by_pace: dict[str, list[Story]] = {}
    for story in stories:
        by_pace.setdefault(story.every, []).append(story)
    files = []
    for pace, told in by_pace.items():
        files.append(folder / f"{rules.stem}-{pace}.yaml")
        document = {
            "rule_files": [str(rules)],
            "evaluation_interval": pace,
            "tests": [story.as_test() for story in told],
        }
        files[-1].write_text(yaml.safe_dump(document, sort_keys=False))
    run("promtool", "test", "rules", *files)
