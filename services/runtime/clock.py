"""The service's clock: real time, moved by the setting ``now`` so that another year can be lived through."""

from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo


def day_of(text: str) -> date:
    """The day that ``text`` names as YYYY-MM-DD, the one way that the contract has; ``date.fromisoformat`` also takes
    20250120 and 2025-W04-1. Raises ``ValueError``."""
    day = date.fromisoformat(text)
    if day.isoformat() != text:
        raise ValueError(f"expected a date YYYY-MM-DD, got {text!r}")
    return day


class Clock(Protocol):
    """What code that needs the time asks for."""

    def now(self) -> datetime:
        """The instant, in UTC."""
        ...

    def today(self, zone: str) -> date:
        """The date that it now is in the time zone ``zone`` (an IANA name)."""
        ...


class SystemClock:
    """Real time; if ``start`` is given, time that was ``start`` when this object was made and has run on since."""

    def __init__(self, start: datetime | None = None) -> None:
        self._offset = timedelta(0) if start is None else start.astimezone(UTC) - datetime.now(UTC)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._offset

    def today(self, zone: str) -> date:
        return self.now().astimezone(ZoneInfo(zone)).date()


class ManualClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime) -> None:
        self.set(now)

    def set(self, now: datetime) -> None:
        if now.tzinfo is None:
            raise ValueError("a clock needs an instant with a time zone")
        self._now = now.astimezone(UTC)

    def advance(self, by: timedelta) -> None:
        self._now += by

    def now(self) -> datetime:
        return self._now

    def today(self, zone: str) -> date:
        return self._now.astimezone(ZoneInfo(zone)).date()
