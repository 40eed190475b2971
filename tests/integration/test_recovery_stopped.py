"""The long commands in a terminal: each shows how far it is, may be stopped by Ctrl-C, and is right if run again."""

import contextlib
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.recovery import environment, everything, load, put, quiet, services, shixian

TOPICS = ("facts", "cases", "reference", "dead-letters")


def in_terminal(env: dict[str, str], *arguments: str, stop_at: str = "") -> tuple[int, str]:
    """The command line with a terminal for its stderr, and Ctrl-C as soon as ``stop_at`` is seen there; exit code and
    what was seen."""
    ours, its = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", "from services.cli import main; main()", *arguments],
        env={**os.environ, **env, "TERM": "xterm-256color", "COLUMNS": "120"},
        stdout=subprocess.DEVNULL,
        stderr=its,
        # A test run in the background ignores Ctrl-C, and its children would, too.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    os.close(its)
    seen = b""
    with contextlib.suppress(OSError):  # the terminal's end, once the process is gone
        while part := os.read(ours, 65536):
            seen += part
            if stop_at and stop_at.encode() in seen:
                process.send_signal(signal.SIGINT)
                stop_at = ""
    os.close(ours)
    assert not stop_at, f"{stop_at!r} was never seen: {seen.decode()}"
    return process.wait(60), seen.decode()


def shown(seen: str, what: str) -> bool:
    """Whether a bar of this name went beyond nothing."""
    return any(int(found) > 0 for found in re.findall(rf"{what}.*?(\d+)%", seen))


@pytest.fixture
def env(kafka: str, postgres: str) -> dict[str, str]:
    env = environment(kafka, postgres, SHIXIAN_NOW="2025-06-02T09:00:00+08:00")
    put(env, load(17, 2500, unreadable=30))
    return env


def test_a_rebuild_and_an_audit_show_how_far_they_are_and_may_be_stopped(env: dict[str, str]) -> None:
    with services(env):
        quiet(env)
    stages = [f"{service}: {work}" for service in ("tracker", "stats") for work in ("folding", "comparing")]
    for command in ("audit", "rebuild"):
        for stage in stages:
            code, seen = in_terminal(env, command, stop_at=stage)
            assert code == 130, (command, stage, seen)
            assert "Traceback" not in seen
        code, seen = in_terminal(env, command)
        assert code == 0, seen
        assert all(shown(seen, stage) for stage in stages), seen
    audit = shixian(env, "audit")
    assert (audit.returncode, audit.stdout) == (0, "audit tracker: equal\naudit stats: equal\n")


def test_an_export_and_a_restore_show_how_far_they_are_and_may_be_stopped(env: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl.gz"
    code, seen = in_terminal(env, "export", str(file), stop_at="exporting")
    assert code == 130 and not file.exists() and "Traceback" not in seen, seen
    code, seen = in_terminal(env, "export", str(file))
    assert code == 0 and shown(seen, "exporting"), seen

    other = {**env, "SHIXIAN_TOPIC_PREFIX": f"copy.{env['SHIXIAN_TOPIC_PREFIX']}"}
    for stage in ("checking the file", "restoring"):
        code, seen = in_terminal(other, "restore", str(file), stop_at=stage)
        assert code == 130 and "Traceback" not in seen, seen
    code, seen = in_terminal(other, "restore", str(file))
    assert code == 0 and shown(seen, "checking the file") and shown(seen, "restoring"), seen
    for topic in TOPICS:
        copies = [[(r.partition, r.offset, r.key, r.value) for r in everything(each, topic)] for each in (env, other)]
        assert copies[0] == copies[1]
