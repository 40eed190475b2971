"""A rehearsal as it is printed: for a terminal, and for programs."""

import msgspec
from rich.console import Console
from rich.table import Table

from services.tracker.core.rehearsal import Rehearsal
from services.words.catalogue import name

SHOWN = 20
"""Requests that are named on a terminal."""


def as_json(rehearsal: Rehearsal) -> str:
    """The rehearsal for programs."""
    return msgspec.json.format(msgspec.json.encode(rehearsal), indent=2).decode()


def show(rehearsal: Rehearsal, console: Console) -> None:
    """The rehearsal for a terminal: what looks wrong, the counts, the first requests."""
    for each in rehearsal.remarks:
        console.print(f"! {each.zh}\n  {each.en}", highlight=False, markup=False)
    counts = (
        ("看过 Looked at", rehearsal.looked_at),
        ("变动 Moved", rehearsal.moved),
        ("提前 Earlier", rehearsal.earlier),
        ("推后 Later", rehearsal.later),
        ("转为确定 Certain now", rehearsal.settled),
        ("立即超期 Overdue at once", rehearsal.overdue),
        ("立即办结 Ended at once", rehearsal.ended),
        ("无法判断 Undecided", rehearsal.undecided),
    )
    console.print("  ".join(f"{label}: {count}" for label, count in counts), highlight=False, markup=False)
    if rehearsal.requests:
        console.print(_table(rehearsal))
    if (more := len(rehearsal.requests) - SHOWN + rehearsal.not_named) > 0:
        console.print(f"另有{more}件未列出  {more} more; --json names them", highlight=False)
    what = "摘要 Digest" if rehearsal.what == "rules" else "摘要 Digest (confirms)"
    console.print(f"{what}: {rehearsal.digest}", highlight=False, markup=False)
    if rehearsal.needs_confirming:
        console.print("须以 confirms 确认后方可发布  To be posted it needs this digest as confirms", highlight=False)


def _table(rehearsal: Rehearsal) -> Table:
    table = Table()
    for head in ("申请 Request", "机关 Organ", "原期限 From", "新期限 To", "状态 Status"):
        table.add_column(head)
    for one in rehearsal.requests[:SHOWN]:
        states = [name("status", code, "zh") for code in (one.status, one.becomes)]
        table.add_row(
            one.request,
            one.organ,
            str(one.from_ or "—"),
            str(one.to or "—"),
            states[0] if states[0] == states[1] else " → ".join(states),
        )
    return table
