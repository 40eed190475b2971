"""``shixian up --ops`` that can't: one clear line. That it can is shown where a whole system runs (tests/e2e)."""

from pathlib import Path

from tests.forking import shixian


def test_without_prometheus_one_line_says_how_to_get_it(folder: Path) -> None:
    done = shixian("up", "--ops", env={"PATH": str(folder), "SHIXIAN_HOME": str(folder / "home")}, seconds=60)
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith("shixian: 缺少程序：")
    assert "apt-get install prometheus prometheus-alertmanager" in last


def test_thresholds_that_are_none_are_named(folder: Path) -> None:
    wrong = folder / "thresholds.toml"
    wrong.write_text("due_sooner = 3\n")
    env = {"SHIXIAN_ALERT_CONFIG": str(wrong), "SHIXIAN_HOME": str(folder / "home")}
    done = shixian("up", "--ops", env=env, seconds=60)
    assert done.returncode == 2
    assert "due_sooner: is no threshold" in done.stderr.splitlines()[-1]
