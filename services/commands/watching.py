"""``shixian watch``: files that other systems drop into a folder, each taken once.

A file is first moved into ``taking/``, then read and posted, then its report is written, and last it is moved to
``done/`` or ``failed/``. Whatever stands in ``taking/`` at a start was being taken when the last run ended: it is taken
again, which posts the same events, and the same event counts once.
"""

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from services.commands import importing
from services.intake import client
from services.registers import reading, rejects
from services.registers.map_file import RegisterMap
from services.registers.tables import BadFile
from services.statute.errors import BadData

FACTS = (".jsonl", ".ndjson")
REGISTERS = (".csv", ".xlsx")
PASSED_OVER = (".part", ".partial", ".tmp", ".filepart", ".crdownload", ".swp")
"""Endings of files that are still being written."""


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
            seen = file.stat()
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
) -> None:
    """Take files until the process ends, or, ``once``, those that are there. Raises :class:`NoFolder`."""
    with folder.alone():
        seen: dict[str, tuple[int, int]] = {}
        while True:
            files = sorted(folder.of("taking").iterdir())
            if not files:
                ready, seen = folder.ready(seen)
                for file in ready[:1]:  # one after the other: what waits may still be taken back
                    file.replace(folder.of("taking") / file.name)
                    files.append(folder.of("taking") / file.name)
            for file in files:
                if not _take(folder, file, intake, by, partial=partial, report_line=report_line):
                    break
            if not files:
                if once and not seen:
                    return
                time.sleep(every)


def _take(
    folder: Folder, file: Path, intake: Intake, by: By, *, partial: bool, report_line: Callable[[str], None]
) -> bool:
    """Take a file; False where intake is away, and it has to be tried again."""
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
        _write(at.with_name(f"{at.name}.rejected.csv"), bad_rows)
    _write(at.with_name(f"{at.name}.report.json"), report.text().encode())
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
    """A path in the folder under this name, or with a number where another file had it."""
    number, at = 1, folder / name
    while at.exists():
        number += 1
        at = folder / f"{Path(name).stem}.{number}{Path(name).suffix}"
    return at


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    beside = path.with_name(f".{path.name}.new")
    with beside.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    beside.replace(path)
