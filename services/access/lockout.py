"""Who guesses passwords is kept out, ever longer: of an account, whatever address the guesses come from."""

from collections import OrderedDict
from datetime import datetime, timedelta

FREE = 5
"""Wrong passwords before the first wait."""
FIRST, LAST = timedelta(minutes=1), timedelta(hours=1)
"""The wait doubles with each wrong password after that."""
FORGET = timedelta(hours=24)
MOST_TRIED, MOST_LOCKED = 10_000, 50_000
"""Names that are no accounts, remembered so that the answer does not tell which ones are: of those with fewer wrong
passwords than lock, and of those that are locked. Each guess costs a desk some hundredths of a second, and the first
lock of a name takes five: nobody fills the second within the hour that a lock lasts at most."""

_Failed = OrderedDict[str, tuple[int, datetime]]
"""By name: how many wrong passwords, and when the last one came; the oldest first."""


class Lockout:
    """The failures of one process.

    Accounts are apart from names that are none: those anybody can invent, and no number of them makes room by pushing
    an account out. There are no more accounts than the access file has.
    """

    def __init__(self) -> None:
        self._accounts = _Failed()
        self._tried = _Failed()
        self._locked = _Failed()

    def until(self, account: str, now: datetime) -> datetime | None:
        """Until when the account is locked; None where it is not."""
        count, last = self._found(account, now)
        if count < FREE or now - last > FORGET:
            return None
        end = last + min(LAST, FIRST * 2 ** min(count - FREE, 10))
        return end if end > now else None

    def failed(self, account: str, now: datetime, *, is_known: bool) -> bool:
        """Note a wrong password; ``is_known``: there is such an account. Whether that locks it."""
        count, last = self._found(account, now)
        self.passed(account)
        count = 1 if now - last > FORGET else count + 1
        kept = self._accounts if is_known else self._locked if count >= FREE else self._tried
        kept[account] = count, now
        for table, most in ((self._accounts, None), (self._tried, MOST_TRIED), (self._locked, MOST_LOCKED)):
            _forget(table, now, most)
        return count >= FREE

    def passed(self, account: str) -> None:
        """The right password came."""
        for table in (self._accounts, self._tried, self._locked):
            table.pop(account, None)

    def _found(self, account: str, now: datetime) -> tuple[int, datetime]:
        for table in (self._accounts, self._tried, self._locked):
            if account in table:
                return table[account]
        return 0, now


def _forget(table: _Failed, now: datetime, most: int | None) -> None:
    """Take out what is too old, and the oldest of more than ``most``."""
    while table:
        _, last = next(iter(table.values()))
        if now - last <= FORGET and (most is None or len(table) <= most):
            return
        table.popitem(last=False)
