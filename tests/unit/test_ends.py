"""Why something can't go on: codes from errors, words from codes, advice only where it helps."""

import errno
import re
import socket
from pathlib import Path
from string import Formatter

import asyncpg
import pytest
from aiokafka import TopicPartition

from services.commands import ends
from services.local.failures import HomeUnusable, LocalFailure, first_error, of_system, out_of_room
from services.local.kafka import BrokerFailed
from services.local.supervisor import ServiceDied
from services.runtime.batch import LogTooShort
from services.runtime.ends import Cause, cause_of
from services.runtime.failed import reason_of
from services.runtime.retry import is_transient
from services.runtime.settings import SettingError
from services.tracker.startup_check import BehindItsTopic

HOME = Path("/srv/home")


def facts(text: str) -> set[str]:
    return {name.removesuffix("_zh").removesuffix("_en") for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("cause", list(Cause))
def test_every_cause_has_words_in_both_languages_that_tell_the_same_facts(cause: Cause) -> None:
    words = ends.WORDS[cause]
    assert re.search(r"[\u4e00-\u9fff]", words.zh)
    assert not re.search(r"[\u4e00-\u9fff]", words.en)
    assert facts(words.zh) == facts(words.en)


@pytest.mark.parametrize("cause", list(Cause))
def test_to_start_it_again_is_advised_only_where_that_helps(cause: Cause) -> None:
    words = ends.WORDS[cause]
    helps = cause is Cause.KILLED
    assert ("goes on where it was" in words.en, "即从中断处继续" in words.zh) == (helps, helps)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (SettingError("SHIXIAN_LOG: expected ..."), Cause.SETTING),
        (LogTooShort(TopicPartition("facts", 0), 9, 3, "short"), Cause.LOG_TOO_SHORT),
        (BehindItsTopic("the database is behind"), Cause.DATABASE_BEHIND),
        (asyncpg.InvalidPasswordError("no"), Cause.LOGIN_REFUSED),
        (asyncpg.DiskFullError("no"), Cause.DISK_FULL),
        (OSError(errno.ENOSPC, "No space left on device"), Cause.DISK_FULL),
        (OSError(errno.EADDRINUSE, "in use"), Cause.PORT_TAKEN),
        (socket.gaierror(-2, "Name or service not known"), Cause.HOST_UNUSABLE),
        (LookupError("what is this"), Cause.FAILED),
    ],
)
def test_an_error_has_a_code_and_so_has_what_it_led_to(error: BaseException, cause: Cause) -> None:
    assert cause_of(error) is cause
    later = RuntimeError("it ended")
    later.__cause__ = error
    assert cause_of(later) is cause


@pytest.mark.parametrize("state", ["53100", "53200", "53300", "58030"])
def test_a_database_short_of_something_is_waited_for(state: str) -> None:
    error = asyncpg.PostgresError.new({"C": state, "M": "could not extend file: No space left on device"})
    assert is_transient(error)
    assert ("disk full" in reason_of(error)) == (state == "53100")


def test_a_killed_part_is_told_by_its_name_signal_and_log_on_one_line() -> None:
    line = ends.one_line(ServiceDied("kafka", -9, "many\nlines", reason="", log_file="/home/kafka/kafka.log"))
    assert "\n" not in line
    assert "kafka was ended by SIGKILL" in line
    assert line.endswith("/home/kafka/kafka.log")


def test_a_service_that_told_its_cause_gets_that_causes_advice() -> None:
    died = ServiceDied(
        "tracker", 70, "x" * 40_000, cause=Cause.DATABASE_BEHIND, reason="offset 4 ...", log_file="t.log"
    )
    line = ends.one_line(died)
    assert "shixian rebuild --swap" in line
    assert "Starting again does not help" in line
    assert len(line) < 1000


def test_a_broker_without_room_is_a_full_disk_and_shows_no_informative_lines() -> None:
    log = "2026 INFO starting\n2026 ERROR java.io.IOException: No space left on device\n2026 INFO shutting down"
    failed = BrokerFailed("ended with status 1", log, HOME)
    assert failed.end is Cause.DISK_FULL
    assert "INFO" not in ends.one_line(failed)
    other = BrokerFailed("ended with status 1", "INFO a\nx ERROR Stored node id 7\nINFO b", HOME)
    assert "Stored node id 7" in ends.one_line(other)
    assert "INFO" not in ends.one_line(other)


def test_the_line_that_tells_most_is_found() -> None:
    assert first_error("LOG: a\nFATAL: b\nLOG: c") == "FATAL: b"
    assert first_error("a\nb\n\n") == "b"
    assert first_error("") == ""
    assert out_of_room("PANIC: could not write to file: No space left on device")
    assert not out_of_room("FATAL: lock file exists")


@pytest.mark.parametrize(
    ("number", "cause"),
    [
        (errno.ENOSPC, Cause.DISK_FULL),
        (errno.EACCES, Cause.HOME_NOT_OURS),
        (errno.EROFS, Cause.HOME_READ_ONLY),
        (errno.ENOTDIR, Cause.HOME_IS_FILE),
        (errno.EIO, Cause.HOME_UNUSABLE),
    ],
)
def test_an_error_of_the_system_in_the_home_is_told_with_the_setting(number: int, cause: Cause) -> None:
    failure = of_system(OSError(number, "says the system", "/srv/home/up.lock"), Path("/srv/home"))
    assert failure.end is cause
    assert "SHIXIAN_HOME" in ends.one_line(failure)
    assert "/srv/home" in ends.one_line(failure)


def test_a_fact_with_braces_is_not_taken_for_a_place() -> None:
    assert "{x}" in ends.one_line(HomeUnusable(Cause.HOME_UNUSABLE, Path("/srv/{x}"), "no"))
    assert isinstance(HomeUnusable(Cause.HOME_UNUSABLE, Path("/x"), "no"), LocalFailure)
