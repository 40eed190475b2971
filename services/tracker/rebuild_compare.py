"""How the tracker's tables differ from what was folded anew from the case topic."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec
from msgspec.structs import replace

from services.events.codec import decode_case_event
from services.events.refusals import Refused
from services.runtime.database import Conn
from services.runtime.table_diff import WHOLE, Explain, Share, Table, TableDiff, compare
from services.statute import rules
from services.tracker.core.rows import Change
from services.tracker.rebuild import SIDE, Advance, Plan
from services.tracker.store import CASE_COLUMNS, SCHEMA, case_row, decode_case, decode_strand

_NAME = ("subject", "source", "id")
_NOT_THE_LOGS = ("partition", "wake_at", "updated_at")
TABLES = (
    Table("cases", ("subject",), {c: c for c in CASE_COLUMNS if c not in _NOT_THE_LOGS}, texts=frozenset({"subject"})),
    Table("strands", ("subject", "number"), {"body": "body"}, texts=frozenset({"subject"})),
    Table("strand_names", _NAME, {"number": "number"}, texts=frozenset(_NAME)),
    Table("events", ("subject", "sequence"), {"name": "name", "body": "body"}, texts=frozenset({"subject"})),
)


async def compare_tables(
    live: Conn,
    conn: Conn,
    what: Plan,
    differences: TableDiff,
    older: TableDiff,
    advance: Advance,
    share: Share = WHOLE,
) -> None:
    """Note how the snapshot (or a share of it) differs from what was folded; in ``older`` where only the age of a
    case's rules does it."""

    async def where(found: Any, expected: Any) -> TableDiff:
        subject = decode_case(expected["body"]).subject
        last = await conn.fetchval(
            f"SELECT body FROM {SIDE}.events WHERE subject = $1 ORDER BY sequence DESC LIMIT 1", subject
        )
        return older if last is not None and decided_otherwise(found, expected, last) else differences

    def not_in_the_log_yet(key: tuple[Any, ...]) -> bool:
        return key[0] in what.unpublished

    async with conn.transaction():
        for table in TABLES:
            await compare(
                table,
                (live, SCHEMA),
                (conn, SIDE),
                differences,
                leave_out=not_in_the_log_yet,
                explain=explained(table.name),
                advance=advance,
                where=where if table.name == "cases" else None,
                share=share,
            )


def decided_otherwise(found: Mapping[str, Any], expected: Mapping[str, Any], last: bytes) -> bool:
    """Whether a row of the cases differs since other rules decided it: its last event names others than those in force
    (or none, as those of the first release do), all that its events say is the same, and its columns are those of its
    own view."""
    is_, should = decode_case(found["body"]), decode_case(expected["body"])
    if decode_case_event(last).data.rules == rules.current().digest or replace(is_, view=should.view) != should:
        return False
    own = dict(zip(CASE_COLUMNS, case_row(Change(is_, 0, None), datetime.now(UTC)), strict=True))
    return all(found[name] == own[name] for name in CASE_COLUMNS if name not in (*_NOT_THE_LOGS, "body"))


_BODIES: dict[str, Callable[[bytes], Any]] = {"cases": decode_case, "strands": decode_strand}
"""How the bodies of a table are read, where not as case events; two that read the same are the same in effect."""


def explained(table: str) -> Explain:
    """What puts into words how two values of a column of ``table`` differ."""
    return partial(_explain, _BODIES.get(table, decode_case_event))


def _explain(read: Callable[[bytes], Any], name: str, found: Any, expected: Any) -> str | None:
    if name != "body":
        return f"{name} is {found!r}, expected {expected!r}"
    try:
        is_, should = (msgspec.to_builtins(read(body)) for body in (found, expected))
    except (msgspec.MsgspecError, Refused):
        is_, should = _json(found), _json(expected)
    if not isinstance(is_, dict) or not isinstance(should, dict):
        return f"body is {found[:200]!r}, expected {expected[:200]!r}"
    parts = _leaves(is_, should)
    return "; ".join(parts[:5]) if parts else None


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except msgspec.MsgspecError:
        return None


def _leaves(found: dict[str, Any], expected: dict[str, Any], path: str = "") -> list[str]:
    differing: list[str] = []
    for name in sorted(found.keys() | expected.keys()):
        is_, should = found.get(name), expected.get(name)
        if isinstance(is_, dict) and isinstance(should, dict):
            differing += _leaves(is_, should, f"{path}{name}.")
        elif is_ != should:
            differing.append(f"{path}{name} is {str(is_)[:100]!r}, expected {str(should)[:100]!r}")
    return differing
