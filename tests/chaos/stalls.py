"""How long each of the three, accepting, tracking and folding, stood still while it had work before it."""

from dataclasses import dataclass, field


@dataclass
class Stage:
    """One of the three. Times are seconds of a monotonic clock."""

    longest: float = 0.0
    """The longest time for which it stood still with work before it, as far as the looks can tell; rather too long."""
    _done: int = 0
    _since: float = 0.0
    _had_work: bool = False

    def look(self, done: int, work: bool, now: float) -> float:
        """Note how much is done, and whether there is more to do; how long it has stood still by now."""
        if self._had_work:  # it may have stood still until just before this look
            self.longest = max(self.longest, now - self._since)
        if done != self._done or not work or not self._had_work:
            self._done, self._since = done, now
        self._had_work = work
        return now - self._since


@dataclass
class Stalls:
    """All three."""

    accepted: Stage = field(default_factory=Stage)
    tracked: Stage = field(default_factory=Stage)
    folded: Stage = field(default_factory=Stage)

    @property
    def longest(self) -> float:
        """The longest of the three, in seconds."""
        return max(self.accepted.longest, self.tracked.longest, self.folded.longest)

    def line(self) -> str:
        """In words."""
        each = (("accepted", self.accepted), ("tracked", self.tracked), ("folded", self.folded))
        return ", ".join(f"{name} {stage.longest:.1f} s" for name, stage in each)
