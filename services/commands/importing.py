"""``shixian import``: a register to facts, checked whole before anything is posted."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from services.events.codec import encode
from services.intake import client
from services.registers import reading, rejects
from services.registers.map_file import SUFFIX, RegisterMap, read, shipped
from services.registers.suggest import suggest as suggest
from services.registers.tables import BadFile as BadFile
from services.statute.data_file import text_of
from services.statute.errors import BadData

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
    headers: Callable[[], Mapping[str, str]] = dict,
) -> client.Posted:
    """Post the facts of a register, from where an import of the same facts stopped before; ``headers``: who posts,
    asked for each call.

    Raises what :func:`services.intake.client.post` raises.
    """
    lines = [encode(fact) for fact in register.facts]
    kept = Kept.of(home, address, lines)
    before = kept.done()
    on_progress(before)
    count = before

    def accepted(number: int) -> None:
        nonlocal count
        count += number
        kept.keep(count)
        on_progress(number)

    posted = client.post(address, lines[before:], accepted, on_wait=on_wait, trust_env=trust_env, headers=headers)
    kept.end()
    return posted


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
