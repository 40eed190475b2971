"""The drill of docs/operations.md: the log out of a file into a new home, and everything else made from it again."""

import json
import os
import signal
from pathlib import Path

from tests.e2e.conftest import System

REPORT = ("report", "--form", "cn-gz-2013", "--organ", "gz-psb", "--year", "2013", "--format", "json")


def test_the_log_in_a_file_brings_everything_back(system: System, short_folder: Path) -> None:
    file = short_folder / "log.gz"
    system.shixian("export", str(file))
    drill = System(short_folder / "drill")
    drill.shixian("restore", str(file))
    # A new cluster has no consumer group yet, nor anything that knows of groups.
    assert "rebuild tracker: no tables to compare with; put in place" in drill.shixian("rebuild")
    drill.start()
    try:
        assert "audit tracker: equal\naudit stats: equal" in drill.shixian("audit")
        before, after = (json.loads(one.shixian(*REPORT)) for one in (system, drill))
        assert after["tables"] == before["tables"]
    finally:
        drill.stop()


def test_when_one_part_is_killed_up_ends_and_says_in_one_line_what_to_do(short_folder: Path) -> None:
    system = System(short_folder / "killed")
    system.start()
    children = Path(f"/proc/{system.process.pid}/task/{system.process.pid}/children").read_text().split()
    (tracker,) = (int(c) for c in children if b"services.tracker" in Path(f"/proc/{c}/cmdline").read_bytes())
    os.kill(tracker, signal.SIGKILL)
    assert system.process.wait(20) == 2
    told = system.errors.read_text().splitlines()[-1]
    assert told.startswith("shixian: tracker ")
    assert "tracker was ended by SIGKILL. Everything else was stopped, the data stay" in told
