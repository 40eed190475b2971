"""``shixian import``: a register to facts, checked whole before anything is posted."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from services.commands import whole_files
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


def post(
    register: reading.RegisterContent,
    address: str,
    on_progress: Callable[[int], None],
    on_wait: Callable[[str], None],
    *,
    trust_env: bool,
    partial: bool = False,
    headers: Callable[[], Mapping[str, str]] = dict,
) -> int:
    """Post all facts of a register; how many were accepted.

    None is left out because an earlier run had it accepted: the log behind the same address may be another by now, and
    a fact that it has already counts once. ``partial``: a row of which intake refuses a fact becomes one of the
    register's bad rows, and the others are posted. ``headers``: who posts, asked for each call. Raises what
    :func:`services.intake.client.post` raises; a refusal names the rows.
    """
    total = done = 0

    def accepted(number: int) -> None:
        nonlocal done, total
        done += number
        total += number
        on_progress(number)

    while True:
        before, lines = done, [encode(fact) for fact in register.facts[done:]]
        try:
            client.post(address, lines, accepted, on_wait=on_wait, trust_env=trust_env, headers=headers)
        except client.Refused as error:
            wrong = {before + bad.line - 1: bad.error for bad in error.bad if bad.error is not None}
            if not wrong:
                raise
            rows = {register.places[at][0] for at in wrong}
            # Of a row that is taken away, facts may have been accepted: what comes next moves up by them.
            there = sum(number not in rows for number, _ in register.places[:done])
            problems = reading.refuse(register, wrong)
            if not partial:
                raise client.Refused("; ".join(map(one_line, problems))) from None
            done = there
        else:
            return total


def refuse_over(reject: Path, *read: Path) -> None:
    """Raises :class:`BadFile` where the rows that are not taken would stand in the place of a file that is read, and
    ``OSError``."""
    for file in read:
        if whole_files.same(reject, file) or whole_files.same(whole_files.before(reject), file):
            raise BadFile(f"--reject: {reject} would take the place of {file}, which is read; expected another file")


def keep_rejects(file: Path, register: reading.RegisterContent) -> Path | None:
    """The rows that are not taken, as a file to mend; where all are, none stands there. Raises ``OSError``.

    What an earlier run left there may be half mended: it is kept, and where is returned.
    """
    content = rejects.written(register) if register.problems else b""
    if content and file.is_file() and file.read_bytes() == content:
        return None
    kept = whole_files.set_aside(file)
    write_rejects(file, register)
    return kept


def write_rejects(file: Path, register: reading.RegisterContent) -> None:
    """The same, over what this run itself wrote. Raises ``OSError``."""
    if register.problems:
        whole_files.write(file, rejects.written(register))


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
