"""Where a command finds the log and the tables: at the stack that runs on the home, or at one of its own."""

import json
from dataclasses import replace
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from services.commands.reach import Unreachable, reach
from services.local.run_file import RUN_FILE, running
from services.local.stack import LocalStack, hold
from services.runtime.settings import Settings
from tests.integration.recovery import sql


@pytest.fixture
def settings(folder: Path) -> Settings:
    return Settings(home=folder / "home", kafka_port=0)


def test_a_stack_that_runs_is_used_and_one_that_does_not_is_started_for_the_command(settings: Settings) -> None:
    with LocalStack(settings) as stack:
        with reach(settings) as found:
            assert (found.kafka, found.postgres) == (stack.kafka, stack.postgres)
        assert stack.died() is None, "the command leaves it running"
        with reach(replace(settings, kafka="elsewhere:9092")) as found:
            assert (found.kafka, found.postgres) == ("elsewhere:9092", stack.postgres)
    assert running(settings) is None
    with reach(settings) as found:
        assert sql({"SHIXIAN_POSTGRES": found.postgres}, "SELECT 1")[0][0] == 1
        assert running(settings) is not None
    assert not (settings.home / RUN_FILE).exists()


def test_what_a_killed_process_left_behind_is_no_running_stack(settings: Settings) -> None:
    settings.home.mkdir()
    gone = next(n for n in range(400_000, 10, -1) if not psutil.pid_exists(n))
    left = settings.home / RUN_FILE
    left.write_text(json.dumps({"pid": gone, "kafka": "127.0.0.1:1", "postgres": "postgresql://x"}))
    assert running(settings) is None
    left.write_text("{")
    assert running(settings) is None


def test_a_home_that_another_process_holds_is_said_in_one_line(settings: Settings) -> None:
    with hold(settings.home), pytest.raises(Unreachable, match="is held by process"), reach(settings):
        pass


def test_addresses_in_the_settings_are_taken_as_they_are(settings: Settings) -> None:
    given = replace(settings, kafka="k:1", postgres="postgresql://p")
    with reach(given) as found:
        assert found is given
    assert not settings.home.exists()
