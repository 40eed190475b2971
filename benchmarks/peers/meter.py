"""What each peer reports to the bench: FIRST at its first record, DONE with its figures; then it waits for the end."""

import json
import sys
import time


def report(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class Meter:
    """Counts to a number. The clock runs from the first records on, which are not counted themselves."""

    def __init__(self, total: int) -> None:
        self.total, self.seen = total, 0
        self.first = self.half = 0
        self.first_at = self.half_at = 0.0

    def add(self, count: int) -> bool:
        """``count`` records more; True once all have been seen."""
        self.seen += count
        if not self.first_at:
            self.first, self.first_at = self.seen, time.perf_counter()
            report("FIRST")
        if not self.half_at and 2 * self.seen >= self.total:
            self.half, self.half_at = self.seen, time.perf_counter()
        return self.seen >= self.total

    def done(self, **answer: object) -> None:
        """Say the figures and the answer; call it when what was counted is durable."""
        now = time.perf_counter()
        report(
            "DONE "
            + json.dumps(
                {
                    "records": self.seen,
                    "rate": (self.seen - self.first) / max(1e-9, now - self.first_at),
                    "second_half": (self.seen - self.half) / max(1e-9, now - self.half_at),
                    **answer,
                }
            )
        )
        sys.stdin.readline()
