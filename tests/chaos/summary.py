"""What a chaos run came to, in figures and in words."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.chaos.commands import Verdicts
from tests.chaos.oracle import Findings
from tests.chaos.stalls import Stalls


@dataclass
class Summary:
    """What a run came to."""

    seed: int
    faults: Counter[str] = field(default_factory=Counter)
    findings: Findings = field(default_factory=Findings)
    seconds: float = 0.0
    stalls: Stalls = field(default_factory=Stalls)
    verdicts: Verdicts = field(default_factory=Verdicts)
    restarts: int = 0
    ended_by_themselves: list[str] = field(default_factory=list)
    last_words: list[str] = field(default_factory=list)
    """What the logs of those ended with."""
    unclean_ends: list[str] = field(default_factory=list)
    figures: dict[str, int] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    """Faults that could not happen here, each with the reason."""
    restarted_servers: int = 0
    """Servers that ended over a full disk and were started again when there was room."""

    @property
    def good(self) -> bool:
        return not self.findings.counts

    def lines(self) -> list[str]:
        """The summary in words; the last line says it all."""
        by_kind = ", ".join(f"{kind} {n}" for kind, n in sorted(self.faults.items()))
        figures = ", ".join(f"{name} {n}" for name, n in self.figures.items())
        lost = sum(n for kind, n in self.findings.counts.items() if "lost" in kind or "missing" in kind)
        doubled = sum(n for kind, n in self.findings.counts.items() if "doubled" in kind)
        cells = sum(n for kind, n in self.findings.counts.items() if kind.startswith("counter"))
        other = sum(self.findings.counts.values()) - lost - doubled - cells
        return [
            *self.findings.lines,
            f"faults: {by_kind}",
            f"recoveries: {self.restarts} restarts; ended by themselves: {_listed(self.ended_by_themselves)}",
            f"left out: {_listed(self.left_out)}; servers that ended over a full disk: {self.restarted_servers}",
            f"ends that were not clean: {_listed(self.unclean_ends)}",
            f"longest stalls: {self.stalls.line()}",
            f"totals: {figures}",
            f"chaos: {'ok' if self.good else 'FAILED'} seed={self.seed} faults={self.faults.total()} "
            f"facts={self.figures.get('accepted', 0)} lost={lost} doubled={doubled} differing_cells={cells} "
            f"other={other} longest_stall_s={self.stalls.longest:.1f} seconds={self.seconds:.0f} "
            f"{self.verdicts.line()}",
        ]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
