"""The drill of docs/operations.md: the log out of a file into a new home, and everything else made from it again."""

import json
import signal

from tests.e2e.conftest import Restored


def test_the_log_in_a_file_brings_everything_back(restored: Restored) -> None:
    # A new cluster has no consumer group yet, nor anything that knows of groups.
    assert "rebuild tracker: no tables to compare with; put in place" in restored.rebuilt
    before, after = (json.loads(report) for report in restored.reports)
    assert after["tables"] == before["tables"]
    assert "audit tracker: equal\naudit stats: equal" in restored.system.shixian("audit")
    restored.system.stop(signal.SIGTERM)
    assert restored.system.process.returncode == 0
