"""``shixian watch``: files that other systems drop into a folder, each taken once.

A file is first moved into ``taking/``, then read and posted, then its report is written, and last it is moved to
``done/`` or ``failed/``. Whatever stands in ``taking/`` at a start was being taken when the last run ended: it is taken
again, which posts the same events, and the same event counts once.
"""

import fcntl
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from services.commands import importing, whole_files
from services.intake import client
from services.registers import reading, rejects
from services.registers.map_file import RegisterMap
from services.registers.tables import BadFile
from services.statute.errors import BadData

FACTS = (".jsonl", ".ndjson")
REGISTERS = (".csv", ".xlsx")
PASSED_OVER = (".part", ".partial", ".tmp", ".filepart", ".crdownload", ".swp")
"""Endings of files that are still being written."""
REJECTED = ".rejected.csv"
REPORT = ".report.json"
_BESIDE = max(len(REJECTED), len(REPORT)) + len(".99999")
"""Bytes that are added to a file's name, with a number before them."""
AGAIN = 60.0
"""Seconds until a file that the system kept from being taken is tried again."""


class NoFolder(ValueError):
    """The folder is none, or another process watches it."""


@dataclass(frozen=True)
class Folder:
    """The folder and those in it."""

    path: Path

    def of(self, name: str) -> Path:
        """``taking``, ``done`` or ``failed``."""
        return self.path / name

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the folder against other processes. Raises :class:`NoFolder`."""
        if not self.path.is_dir():
            raise NoFolder(f"{self.path}: expected a folder")
        for name in ("taking", "done", "failed"):
            self.of(name).mkdir(exist_ok=True)
        with (self.path / ".shixian-watch").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise NoFolder(f"{self.path}: another shixian watch has it") from None
            yield

    def ready(self, before: Mapping[str, tuple[int, int]]) -> tuple[list[Path], dict[str, tuple[int, int]]]:
        """The files that are as they were at the look before, oldest first, and how all are now."""
        now: dict[str, tuple[int, int]] = {}
        for file in self.path.iterdir():
            if file.name.startswith(".") or file.suffix.lower() in PASSED_OVER or not file.is_file():
                continue
            try:
                seen = file.stat()
            except FileNotFoundError:  # taken back since
                continue
            now[file.name] = (seen.st_size, seen.st_mtime_ns)
        still = [name for name, how in now.items() if before.get(name) == how]
        return [self.path / name for name in sorted(still, key=lambda n: (now[n][1], n))], now


@dataclass(frozen=True)
class Intake:
    """Where facts go."""

    address: str
    trust_env: bool
    now: datetime | None = None
    """The setting: what is taken for now."""
    headers: Callable[[], Mapping[str, str]] = dict
    """Who posts; asked before each call, since what names it lives for minutes."""


@dataclass(frozen=True)
class By:
    """How registers are read."""

    map: RegisterMap | None
    given: Mapping[str, str]


@dataclass
class Report:
    """What became of a file."""

    file: str
    sha256: str = ""
    result: str = "done"
    accepted: int = 0
    rows: int | None = None
    problems: list[Any] | None = None
    reason: str = ""

    def fail(self, reason: str, problems: list[Any] | None = None) -> None:
        self.result, self.reason, self.problems = "failed", reason, problems or self.problems

    def text(self) -> str:
        report = {k: v for k, v in vars(self).items() if v not in (None, "", [])}
        report["at"] = datetime.now(UTC).isoformat(timespec="seconds")
        return json.dumps(report, ensure_ascii=False, indent=2) + "\n"


def run(
    folder: Folder,
    intake: Intake,
    by: By,
    *,
    partial: bool,
    once: bool,
    every: float,
    report_line: Callable[[str], None],
) -> bool:
    """Take files until the process ends, or, ``once``, those that are there; whether some could not be taken.

    Raises :class:`NoFolder`.
    """
    later = _Later(once)
    with folder.alone():
        seen: dict[str, tuple[int, int]] = {}
        while True:
            files = later.due(sorted(folder.of("taking").iterdir()))
            if not files:
                ready, seen = folder.ready(seen)
                for file in later.due(ready)[:1]:  # one after the other: what waits may still be taken back
                    with later.unless_refused(file, report_line):
                        file.replace(folder.of("taking") / file.name)
                        files.append(folder.of("taking") / file.name)
            for file in files:
                taken = True
                with later.unless_refused(file, report_line):
                    taken = _take(folder, file, intake, by, partial=partial, report_line=report_line)
                if not taken:
                    break
            if not files:
                if once and not later.due([folder.path / name for name in seen]):
                    return bool(later.until)
                time.sleep(every)


class _Later:
    """The files that the system kept from being taken: the others are, and these are tried again after a while."""

    def __init__(self, once: bool) -> None:
        self._once = once
        self.until: dict[str, float] = {}
        """For each of them when it is tried again, by the monotonic clock."""

    def due(self, files: list[Path]) -> list[Path]:
        """Those of the files that are to be tried now."""
        return [file for file in files if file.name not in self.until or self._again(file.name)]

    def _again(self, name: str) -> bool:
        return not self._once and time.monotonic() >= self.until[name]

    @contextmanager
    def unless_refused(self, file: Path, report_line: Callable[[str], None]) -> Iterator[None]:
        """Do something with one file; an ``OSError`` is told, and the file tried again later."""
        self.until.pop(file.name, None)
        try:
            yield
        except OSError as error:
            what = error.strerror or str(error)
            if file.exists():
                self.until[file.name] = time.monotonic() + AGAIN
                report_line(f"shixian: {file.name}: can't be taken 无法收取: {what}; it stays 留在: {file}")
            else:
                report_line(f"shixian: {file.name}: was taken back 已被取回: {what}")


def _take(
    folder: Folder, file: Path, intake: Intake, by: By, *, partial: bool, report_line: Callable[[str], None]
) -> bool:
    """Take a file; False where intake is away, and it has to be tried again. Raises ``OSError`` where what became of
    it can't be written."""
    report, bad_rows = Report(file.name), b""
    try:
        content = importing.content_of(file)
        report.sha256 = hashlib.sha256(content).hexdigest()
        if file.suffix.lower() in FACTS:
            _facts(content, report, intake, partial=partial)
        elif file.suffix.lower() in REGISTERS:
            bad_rows = _register(file.name, content, report, intake, by, partial=partial)
        else:
            report.fail(f"expected a file that ends in {', '.join((*FACTS, *REGISTERS))}")
    except client.Refused as error:
        report.fail(str(error))
    except (BadFile, BadData) as error:
        report.fail(str(error))
    except OSError as error:
        report.fail(f"can't be read: {error.strerror or error}")
    except client.Unavailable as error:
        report_line(f"shixian: {file.name}: {error}; trying again")
        return False
    at = _free(folder.of(report.result), file.name)
    if bad_rows:
        whole_files.write(at.with_name(f"{at.name}{REJECTED}"), bad_rows)
    # A name that is no UTF-8 is written as JSON's escapes.
    whole_files.write(at.with_name(f"{at.name}{REPORT}"), report.text().encode(errors="backslashreplace"))
    file.replace(at)
    report_line(f"shixian: {file.name}: {report.result}, {report.accepted} facts accepted {report.reason}".rstrip())
    return True


def _facts(content: bytes, report: Report, intake: Intake, *, partial: bool) -> None:
    lines = content.splitlines()
    report.rows = sum(bool(line.strip()) for line in lines)
    if not partial and (bad := client.check(lines)):
        report.fail(f"{len(bad)} lines are not facts; nothing was posted", [str(each) for each in bad])
        return
    posted = client.post(intake.address, lines, partial=partial, trust_env=intake.trust_env, headers=intake.headers)
    report.accepted = posted.accepted
    if posted.bad:
        report.fail(f"{len(posted.bad)} lines were refused", [str(each) for each in posted.bad])


def _register(name: str, content: bytes, report: Report, intake: Intake, by: By, *, partial: bool) -> bytes:
    """The rows with problems, as a file to mend."""
    if by.map is None:
        report.fail("a register needs a map: shixian watch --map MAP.toml")
        return b""
    register = reading.read(name, content, by.map, by.given, importing.judge(intake.now))
    report.rows = register.rows
    if not register.problems or partial:
        report.accepted = importing.post(
            register,
            intake.address,
            lambda _: None,
            lambda _: None,
            trust_env=intake.trust_env,
            partial=partial,
            headers=intake.headers,
        )
    if register.problems:  # intake may have refused rows as well
        wrong = "the others were posted" if partial else "nothing was posted"
        problems = [importing.one_line(each) for each in register.problems]
        report.fail(f"{len(register.bad)} rows have problems; {wrong}", problems)
    return rejects.written(register) if register.problems else b""


def _free(folder: Path, name: str) -> Path:
    """A path in the folder under this name, or with a number where another file had it; shorter where the names of
    what is written beside it would be too long."""
    stem, ending = whole_files.fitting(folder, name, _BESIDE)
    number, at = 1, folder / f"{stem}{ending}"
    while at.exists():
        number += 1
        at = folder / f"{stem}.{number}{ending}"
    return at
