"""``shixian import``: a register to facts, checked whole before anything is posted."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from services.events.codec import encode
from services.events.days import each_ahead
from services.events.facts import Fact
from services.events.refusals import FieldError
from services.intake import client, unconfirmed
from services.intake.days import Days
from services.registers import reading, rejects
from services.registers.map_file import SUFFIX, RegisterMap, read, shipped
from services.registers.suggest import suggest as suggest
from services.registers.tables import BadFile as BadFile
from services.runtime.clock import SystemClock
from services.statute.data_file import text_of
from services.statute.errors import BadData

LAW = "CN"
"""The law of a request that names none, as long as only intake knows its organ's."""
MAX_FILE = 256 * 1024 * 1024
"""Bytes of a register."""


class NoMap(ValueError):
    """No map has this name; the message lists those that ship."""


def map_of(named: str) -> RegisterMap:
    """The map in a file, or the one that ships under this id. Raises :class:`NoMap` and :class:`BadData`."""
    path = Path(named)
    if path.suffix == SUFFIX or path.exists():
        return read(path.name, text_of(path.name, path), named=False)
    by_id = shipped().get(named)
    if by_id is None:
        raise NoMap(f"expected a file NAME{SUFFIX} or one of {', '.join(shipped())}, got {named!r}")
    return by_id


def given_of(pairs: Iterable[str]) -> dict[str, str]:
    """``NAME=VALUE`` as a table. Raises :class:`BadData`."""
    given: dict[str, str] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name.strip():
            raise BadData("--set", "$", f"expected NAME=VALUE, got {pair!r}")
        given[name.strip()] = value
    return given


def content_of(file: Path) -> bytes:
    """The bytes of a register. Raises :class:`BadFile` and ``OSError``."""
    if (size := file.stat().st_size) > MAX_FILE:
        raise BadFile(f"{file}: has {size} bytes; expected at most {MAX_FILE}")
    return file.read_bytes()


def judge(now: datetime | None) -> reading.Judge:
    """What intake would say of a fact's dates, as far as that is known without it: by this machine's day (``now``: the
    setting), and by the law that the fact names. The organ's own zone and law only intake knows."""
    clock = SystemClock(now)
    today, by_law = clock.now().astimezone().date(), Days(clock, dict).each([])

    def each(fact: Fact) -> Iterator[FieldError]:
        yield from each_ahead(fact, today)
        yield from by_law(fact)

    return each


def one_line(problem: reading.Problem) -> str:
    """One problem as one line, in both languages."""
    return (
        f"row {problem.row}, {problem.column}: {problem.value!r} {problem.problem.en}; "
        f"expected {problem.expected.en} · "
        f"第 {problem.row} 行 {problem.column}“{problem.value}”{problem.problem.zh}，应为{problem.expected.zh}"
    )


@dataclass(frozen=True)
class Kept:
    """How far an import came, in a file: what was accepted is not posted again when it goes on."""

    path: Path
    facts: str
    """What the facts are, as a digest: another register, map or intake begins anew."""

    @classmethod
    def of(cls, home: Path, address: str, lines: list[bytes]) -> "Kept":
        digest = hashlib.sha256(address.encode())
        for line in lines:
            digest.update(line + b"\n")
        name = digest.hexdigest()[:32]
        return cls(home / "imports" / f"{name}.json", name)

    def done(self) -> int:
        """How many of the facts were accepted before."""
        try:
            kept = json.loads(self.path.read_text("utf-8"))
        except (FileNotFoundError, ValueError):  # none, or torn by a crash: all are posted again, which changes nothing
            return 0
        return int(kept["accepted"]) if isinstance(kept, dict) and kept.get("facts") == self.facts else 0

    def keep(self, accepted: int) -> None:
        """Write down that so many were accepted."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_suffix(".new")
        beside.write_text(json.dumps({"facts": self.facts, "accepted": accepted}), "utf-8")
        beside.replace(self.path)

    def end(self) -> None:
        """Forget it: the import is complete."""
        self.path.unlink(missing_ok=True)


def post(
    register: reading.RegisterContent,
    address: str,
    home: Path,
    on_progress: Callable[[int], None],
    on_wait: Callable[[str], None],
    *,
    trust_env: bool,
    partial: bool = False,
    headers: Callable[[], Mapping[str, str]] = dict,
) -> int:
    """Post the facts of a register, from where an import of the same facts stopped before; how many were accepted.

    ``partial``: a row of which intake refuses a fact becomes one of the register's bad rows, and the others are posted.
    ``headers``: who posts, asked for each call. Raises what :func:`services.intake.client.post` raises; a refusal names
    the rows.
    """
    total = 0
    kept, lines, count = _begun(register, home, address)
    on_progress(count)

    def accepted(number: int) -> None:
        nonlocal count, total
        count += number
        total += number
        kept.keep(count)
        on_progress(number)

    while True:
        before = count
        try:
            client.post(address, lines[before:], accepted, on_wait=on_wait, trust_env=trust_env, headers=headers)
        except client.Refused as error:
            wrong = {before + bad.line - 1: bad.error for bad in error.bad if bad.error is not None}
            if not wrong:
                raise
            rows = {register.places[at][0] for at in wrong}
            there = sum(number not in rows for number, _ in register.places[:count])
            problems = reading.refuse(register, wrong)
            if not partial:
                raise client.Refused("; ".join(map(one_line, problems))) from None
            kept.end()
            kept, lines, count = _begun(register, home, address)
            count = max(count, there)
            kept.keep(count)
        else:
            kept.end()
            return total


def _begun(register: reading.RegisterContent, home: Path, address: str) -> tuple[Kept, list[bytes], int]:
    """Where it is written down how far an import came, what is posted, and how much of that was accepted before."""
    lines = [encode(fact) for fact in register.facts]
    kept = Kept.of(home, address, lines)
    return kept, lines, kept.done()


def write_rejects(file: Path, register: reading.RegisterContent) -> None:
    """The rows that were not taken, as a file to mend. Raises ``OSError``."""
    file.write_bytes(rejects.written(register))


def summary(register: reading.RegisterContent) -> str:
    """What a register says, in one line of each language."""
    rows, facts, bad, problems = register.rows, len(register.facts), len(register.bad), len(register.problems)
    return (
        f"{rows} rows: {rows - bad} good with {facts} facts, {bad} with {problems} problems\n"
        f"共 {rows} 行：{rows - bad} 行可用，得 {facts} 条事实；{bad} 行有 {problems} 个问题"
    )


def waiting(register: reading.RegisterContent) -> str:
    """How many requests have no day of receipt, in one line of each language; empty where none is without.

    By this country's law where a request names none: its organ's only intake knows.
    """
    number = unconfirmed.number(register.facts, lambda data: data.statute or LAW)
    if not number:
        return ""
    return (
        f"{number} requests have no day of receipt by {LAW} (their organ's law may say otherwise): no limit runs for "
        f"them, and no report counts them, until receipt-confirmed\n"
        f"{number} 件申请按 {LAW} 尚无收到之日（机关适用其他法律的可能不同）："
        f"确认收到（receipt-confirmed）之前不计期限，也不计入报告"
    )
