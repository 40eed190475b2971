"""What the operator sees of the services: warnings once for each cause, everything in bounded files."""

import json
from pathlib import Path

from services.local.output import Output
from services.runtime.ends import Cause
from services.runtime.silence import Silence


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def line(event: str, level: str = "warning", logger: str = "services.runtime.probe", **more: object) -> str:
    return json.dumps({"event": event, "level": level, "logger": logger, "service": "stats", **more})


def output(file: Path | None, shown: list[str], *, level: str = "warning", clock: Clock | None = None) -> Output:
    return Output(
        "stats",
        file,
        level=level,
        console_json=False,
        all_lines=level == "info",
        write=shown.append,
        silence=Silence(now=clock or Clock()),
    )


def test_a_hundred_equal_warnings_are_one_line_and_later_one_more_with_their_number(tmp_path: Path) -> None:
    shown: list[str] = []
    clock = Clock()
    out = output(tmp_path / "logs" / "stats.log", shown, clock=clock)
    for attempt in range(100):
        out.line(line("waiting_to_retry", attempt=attempt, reason=f"refused by port {attempt}"))
    assert len(shown) == 1
    clock.now += 11
    out.line(line("waiting_to_retry", reason="refused by port 7"))
    assert shown[1].endswith("(+99)")
    out.line(line("kafka_back", after_seconds=12))
    assert "kafka_back" in shown[2]
    out.close()
    assert len((tmp_path / "logs" / "stats.log").read_text().splitlines()) == 102


def test_the_console_gets_warnings_of_ours_and_the_file_everything(tmp_path: Path) -> None:
    shown: list[str] = []
    out = output(tmp_path / "stats.log", shown)
    out.line(line("started", "info"))
    out.line(line("Unable connect to node", "error", "aiokafka.client"))
    out.line(line("disk_full", free="3 MB", exception="Traceback\n" + "x" * 40_000))
    out.close()
    assert len(shown) == 1
    assert "disk_full" in shown[0]
    assert len(shown[0]) <= 300
    assert len((tmp_path / "stats.log").read_text()) > 40_000


def test_who_asked_for_more_gets_it() -> None:
    shown: list[str] = []
    out = output(None, shown, level="info")
    for _ in range(3):
        out.line(line("started", "info"))
    out.line(line("detail", "debug"))
    assert len(shown) == 3


def test_of_a_traceback_only_the_last_line_is_shown(tmp_path: Path) -> None:
    shown: list[str] = []
    out = output(tmp_path / "stats.log", shown)
    for text in (
        "Traceback (most recent call last):",
        '  File "a.py", line 1, in a',
        "KeyError: 1",
        "",
        "During handling of the above exception, another exception occurred:",
        "",
        "Traceback (most recent call last):",
        '  File "b.py", line 1, in b',
        "ValueError: what it was",
        "printed by hand",
    ):
        out.line(text)
    out.close()
    assert shown == ["KeyError: 1", "ValueError: what it was", "printed by hand"]
    assert "b.py" in (tmp_path / "stats.log").read_text()


def test_the_cause_that_a_service_tells_with_its_last_line_is_kept() -> None:
    out = output(None, [])
    out.line(line("service_failed", "critical", cause="database-behind", reason="offset 3"))
    assert (out.cause, out.reason) == (Cause.DATABASE_BEHIND, "offset 3")
    out = output(None, [])
    out.line(line("worker_stalled", "critical", seconds=120))
    assert out.cause is Cause.WORKER_STALLED
    out = output(None, [])
    out.line(line("service_failed", "critical", cause="of a later version", reason="x"))
    out.line("[1, 2]")
    out.line("{half")
    assert out.cause is None


def test_while_all_is_being_stopped_only_what_is_critical_is_shown() -> None:
    shown: list[str] = []
    out = output(None, shown)
    out.quiet()
    out.line(line("kafka_away"))
    out.line("printed")
    out.line(line("shutdown_deadline", "critical"))
    assert len(shown) == 1


def test_a_log_that_can_not_be_written_ends_nothing() -> None:
    shown: list[str] = []
    out = output(Path("/dev/full"), shown)
    for n in range(3):
        out.line(line(f"event {'abc'[n]}"))
    assert len(shown) == 3


def test_no_password_gets_into_a_file(tmp_path: Path) -> None:
    out = output(tmp_path / "stats.log", [])
    out.line("can't reach postgresql://shixian:s3cret@db/x")
    out.close()
    assert "s3cret" not in (tmp_path / "stats.log").read_text()


def test_silence_grows_and_ends() -> None:
    clock = Clock()
    silence = Silence(first=10, cap=40, forgotten=60, now=clock)
    told = []
    for _ in range(200):
        if (held := silence.says("away")) is not None:
            told.append((clock.now - 1000, held))
        clock.now += 1
    assert told == [(0, 0), (10, 9), (30, 19), (70, 39), (110, 39), (150, 39), (190, 39)]
    assert silence.over("away") == 200
    assert silence.over("away") is None
    assert silence.says("away") == 0
    clock.now += 71
    assert silence.says("away") == 0  # so long ago that it is new
