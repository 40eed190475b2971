"""Who guesses passwords is kept out, ever longer: of an account, whatever address the guesses come from."""

from collections import OrderedDict
from datetime import datetime, timedelta

FREE = 5
"""Wrong passwords before the first wait."""
FIRST, LAST = timedelta(minutes=1), timedelta(hours=1)
"""The wait doubles with each wrong password after that."""
FORGET = timedelta(hours=24)
MOST = 10_000
"""Accounts remembered: names that are no accounts count as well, or the answer would tell which ones are."""


class Lockout:
    """The failures of one process."""

    def __init__(self) -> None:
        self._failed: OrderedDict[str, tuple[int, datetime]] = OrderedDict()

    def until(self, account: str, now: datetime) -> datetime | None:
        """Until when the account is locked; None where it is not."""
        count, last = self._failed.get(account, (0, now))
        if count < FREE or now - last > FORGET:
            return None
        end = last + min(LAST, FIRST * 2 ** min(count - FREE, 10))
        return end if end > now else None

    def failed(self, account: str, now: datetime) -> bool:
        """Note a wrong password; whether it locks the account."""
        count, last = self._failed.pop(account, (0, now))
        count = 1 if now - last > FORGET else count + 1
        self._failed[account] = count, now
        if len(self._failed) > MOST:
            self._failed.popitem(last=False)
        return count >= FREE

    def passed(self, account: str) -> None:
        """The right password came."""
        self._failed.pop(account, None)
