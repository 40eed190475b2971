"""What a hostile run came to: a line for each demand, and all of it as JSON."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Demand:
    """Something that has to hold."""

    name: str
    ok: bool
    figures: str
    """What was found, in words and numbers."""

    def line(self) -> str:
        return f"{'OK    ' if self.ok else 'FAILED'} {self.name}: {self.figures}"


@dataclass
class Verdict:
    """All demands of a run."""

    seed: int
    demands: list[Demand] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, name: str, ok: bool, figures: str) -> None:
        """Note one."""
        self.demands.append(Demand(name, ok, figures))

    @property
    def good(self) -> bool:
        return bool(self.demands) and all(demand.ok for demand in self.demands)

    @property
    def failed(self) -> list[str]:
        """The lines of those that do not hold."""
        return [demand.line() for demand in self.demands if not demand.ok]

    def lines(self) -> list[str]:
        """All of it; the last line says whether all was well."""
        kept = sum(demand.ok for demand in self.demands)
        last = f"hostile: {'ok' if self.good else 'FAILED'} {kept} of {len(self.demands)} demands"
        return [*(d.line() for d in self.demands), f"{last} seed={self.seed} seconds={self.seconds:.0f}"]

    def as_json(self) -> str:
        """The same for programs."""
        demands: list[Mapping[str, object]] = [
            {"demand": d.name, "ok": d.ok, "figures": d.figures} for d in self.demands
        ]
        return json.dumps({"ok": self.good, "seed": self.seed, "seconds": self.seconds, "demands": demands})


def some(lines: list[str], most: int = 3) -> str:
    """The first few of many, in one line."""
    rest = f" and {len(lines) - most} more" if len(lines) > most else ""
    return "; ".join(lines[:most]) + rest
