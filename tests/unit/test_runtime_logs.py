"""Logging: one line a record, no secrets, and the libraries' floods held back."""

import json
import logging
from datetime import UTC, datetime, timedelta

import pytest
import structlog

from services.access import tokens
from services.access.signed import Keys
from services.runtime import logs
from services.runtime.settings import Settings


@pytest.fixture(autouse=True)
def restore() -> object:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_ours_and_a_library_s_lines_have_the_same_shape(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log="json"), "tracker")
    structlog.get_logger("services.tracker").info("batch_applied", records=3, 名="时限")
    logging.getLogger("uvicorn.error").warning("unclear %s", "answer")
    ours, theirs = lines(capsys)
    assert (ours["event"], ours["records"], ours["名"], ours["level"]) == ("batch_applied", 3, "时限", "info")
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("unclear answer", "warning", "uvicorn.error")
    assert ours["service"] == theirs["service"] == "tracker"
    assert ours["timestamp"]


def test_an_exception_stays_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log="json"))
    try:
        raise ValueError("wrong")
    except ValueError:
        structlog.get_logger("services").exception("failed")
    (line,) = lines(capsys)
    assert "ValueError: wrong" in str(line["exception"])


def test_the_console_form_is_for_reading(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log="console"))
    structlog.get_logger("services").info("batch_applied", records=3)
    out = capsys.readouterr().err
    assert "batch_applied" in out
    assert "records=3" in out
    assert not out.startswith("{")


def test_debug_lines_need_the_level_debug(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log="json", log_level="info"))
    structlog.get_logger("services").debug("detail")
    logging.getLogger("aiokafka.cluster").info("chatter")
    assert lines(capsys) == []
    logs.configure(Settings(log="json", log_level="debug"))
    structlog.get_logger("services").debug("detail")
    logging.getLogger("aiokafka.cluster").info("chatter")
    assert [line["event"] for line in lines(capsys)] == ["detail", "chatter"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://shixian:s3cret@db:5432/x?a=b", "postgresql://shixian:***@db:5432/x?a=b"),
        ("postgresql://shixian:p@ss@db/x", "postgresql://shixian:***@db/x"),
        ("postgresql://shixian:s3/cr:et@db/x", "postgresql://shixian:***@db/x"),
        ("postgres://:s3cret@db/x", "postgres://:***@db/x"),
        ("host=db user=shixian password=s3cret dbname=x", "host=db user=shixian password=*** dbname=x"),
        ("password='s3 cret' host=db", "password=*** host=db"),
        ("connect(user='a', password='s3cret')", "connect(user='a', password=***)"),
        ("http://127.0.0.1:8701/v1/events", "http://127.0.0.1:8701/v1/events"),
        ("mail to someone@example.org at 12:30", "mail to someone@example.org at 12:30"),
    ],
)
def test_passwords_are_left_out(text: str, expected: str) -> None:
    assert logs.without_secrets(text) == expected


def test_no_secret_leaves_by_value_message_or_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log="json"))
    dsn = "postgresql://shixian:s3cret@db/x"
    structlog.get_logger("services").info("connecting", dsn=dsn, options={"url": dsn})
    logging.getLogger("asyncpg").error("can't reach %s", dsn)
    try:
        raise ConnectionError(f"no route to {dsn}")
    except ConnectionError:
        structlog.get_logger("services").exception("failed")
    out = capsys.readouterr().err
    assert out.count("\n") == 3
    assert "s3cret" not in out
    assert out.count("shixian:***@db") >= 4


def test_a_traceback_on_a_terminal_shows_no_values_of_variables(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log="console"))
    key = "s3" + "cret"
    try:
        raise ConnectionError(f"no route with a key of {len(key)} characters")
    except ConnectionError:
        structlog.get_logger("services").exception("failed")
    out = capsys.readouterr().err
    assert "ConnectionError: no route with a key of 6 characters" in out
    assert key not in out


def test_a_flood_is_held_to_a_few_lines_a_second_and_counted() -> None:
    now = [100.0]
    limit = logs.RateLimit(3, now=lambda: now[0])

    def passes(name: str) -> logging.LogRecord | None:
        record = logging.LogRecord(name, logging.ERROR, "", 0, "away", None, None)
        return record if limit.filter(record) else None

    flood = [passes("aiokafka.conn") for _ in range(200)]
    assert sum(record is not None for record in flood) == 3
    assert passes("aiokafka.client") is not None  # each logger has its own measure
    assert all(passes("services.tracker") is not None for _ in range(200))  # ours are never held back
    now[0] += 1.0
    record = passes("aiokafka.conn")
    assert record is not None
    assert record.__dict__["suppressed"] == 197
    assert sum(passes("aiokafka.conn") is not None for _ in range(100)) == 0  # it goes on: one line is enough
    told = []
    for _ in range(3600):
        now[0] += 0.5
        told += [passes("aiokafka.conn")]
    assert 25 < sum(record is not None for record in told) < 40  # half an hour away: ever more seldom
    now[0] += 120.0
    assert passes("aiokafka.conn") is not None
    now[0] += 120.0
    assert sum(passes("aiokafka.conn") is not None for _ in range(100)) == 3  # after a quiet time all is as at first


def test_the_count_is_in_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    now = [100.0]
    logs.configure(Settings(log="json"))
    (handler,) = logging.getLogger().handlers
    handler.filters[:] = [logs.RateLimit(1, now=lambda: now[0])]
    for _ in range(5):
        logging.getLogger("aiokafka").error("away")
    now[0] += 2.0
    logging.getLogger("aiokafka").error("away")
    first, second = lines(capsys)
    assert "suppressed" not in first
    assert second["suppressed"] == 4


def test_no_token_and_no_signed_cookie_comes_into_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    _, token, _ = tokens.new()
    signed = Keys.new().sign({"sub": "x"}, "a", datetime.now(UTC), timedelta(minutes=1))
    logs.configure(Settings(log="json"))
    structlog.get_logger("services.x").warning("refused", header=f"Bearer {token}", cookie=f"shixian-session={signed}")
    logging.getLogger("httpx").error("asked with %s and %s", token, signed)
    try:
        raise RuntimeError(f"could not send {token} with {signed}")
    except RuntimeError:
        structlog.get_logger("services.x").exception("failed")
    printed = capsys.readouterr().err
    assert token[15:] not in printed and signed.split(".")[1] not in printed and signed.split(".")[2] not in printed
    assert printed.count(f"{token[:14]}_***") == 3, "the id stays, to find it by"
