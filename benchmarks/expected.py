"""What every part over a topic has to come to, worked out from the topic in plain Python."""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from benchmarks.measuring import Figures
from benchmarks.peers.fold import moves


@dataclass
class Expected:
    """Of one topic."""

    records: int
    bytes_each: int
    keys: int
    """Different keys: requests, and organs with facts of their own."""
    facts: int = 0
    """Different facts, by source and id."""
    cells: dict[str, int] = field(default_factory=dict)
    moved: int = 0
    """Moves from cell to cell."""

    def compare(self, figures: Figures, label: str, found: dict[str, Any]) -> None:
        """Note each answer that differs."""
        wanted = {"sum": self.records, "cases": self.keys, "facts": self.facts, "keys": self.keys}
        for name in wanted.keys() & found.keys():
            if found[name] != wanted[name]:
                figures.problem(label, f"{name} is {found[name]}, not {wanted[name]}")
        if "cells" in found and found["cells"] != self.cells:
            keys = sorted(found["cells"].keys() | self.cells.keys())
            wrong = [k for k in keys if found["cells"].get(k, 0) != self.cells.get(k, 0)]
            examples = ", ".join(f"{k}: {found['cells'].get(k, 0)} not {self.cells.get(k, 0)}" for k in wrong[:3])
            figures.problem(label, f"{len(wrong)} of {len(keys)} counters differ ({examples})")


def of_facts(records: list[Any]) -> Expected:
    """For the fact topic."""
    decode = msgspec.json.Decoder().decode
    names = {(fact["source"], fact["id"]) for fact in map(decode, (r.value for r in records))}
    return Expected(len(records), _mean(records), len({r.key for r in records}), len(names))


def of_cases(records: list[Any]) -> Expected:
    """For the case topic: the annual count, folded event by event."""
    decode = msgspec.json.Decoder().decode
    rows: dict[bytes, tuple[int, Any]] = {}
    cells: dict[str, int] = {}
    moved = 0
    for record in records:
        event = decode(record.value)
        row = rows.get(record.key)
        if row is not None and event["sequence"] <= row[0]:
            continue
        request = event["data"].get("request")
        for cell, by in moves(row and row[1], request):
            cells[cell] = cells.get(cell, 0) + by
            moved += 1
        rows[record.key] = (event["sequence"], request)
    return Expected(
        len(records),
        _mean(records),
        len(rows),
        cells={cell: count for cell, count in cells.items() if count},
        moved=moved,
    )


def _mean(records: list[Any]) -> int:
    return sum(len(r.value) for r in records) // max(1, len(records))
