"""The notices that count, as far as the log was read. Intake refuses by them what drops days unconfirmed; the tracker
passes over what others wrote to the log in spite of that. Pure.

Facts are taken as they are (anything with ``ref``, ``recordedtime`` and ``data``); the law part knows no events.
"""

from collections import defaultdict
from typing import Any

from services.statute.calendar import Notice
from services.statute.notice_check import Findings, check_data, notice_of


class Notices:
    """The notices that count, by calendar, in the order of the log."""

    def __init__(self) -> None:
        self._of: defaultdict[str, list[Notice]] = defaultdict(list)
        self._named: dict[Any, Any] = {}
        """The data of each by what names it: a sender may repeat it, and the first of a name is the one that counts."""

    def of(self, calendar_id: str) -> list[Notice]:
        """A calendar's notices."""
        return self._of[calendar_id]

    def examined(self, data: Any) -> Findings:
        """What there is to say about a notice that would come next. Raises ``UnknownCalendar``."""
        return check_data(data, self._of[data.calendar])

    def refusal(self, fact: Any) -> str | None:
        """Why a fact that would come next must not count, in words; None where it may. Raises ``UnknownCalendar``."""
        if self._named.get(fact.ref) == fact.data:
            return None  # a repetition
        return self.examined(fact.data).refusal(fact.data.confirms)

    def take(self, fact: Any, order: int) -> None:
        """Let a notice count; ``order`` is its place in the log. One whose name counts already changes nothing."""
        if fact.ref in self._named:
            return
        self._of[fact.data.calendar].append(notice_of(fact.data, order))
        self._named[fact.ref] = fact.data

    def read(self, fact: Any, order: int) -> str | None:
        """Take a notice from the log, or say why it does not count.

        One that came by intake (it has ``recordedtime``) was judged there, once. Whoever else writes to the log is
        asked each time the log is read, by what stands before it there. Of a name that counts already it takes none.
        """
        if fact.ref in self._named:
            return None
        if fact.recordedtime is None and (why := self.refusal(fact)) is not None:
            return why
        self.take(fact, order)
        return None

    def copied(self) -> "Notices":
        """A copy that goes its own way."""
        copy = Notices()
        copy._of = defaultdict(list, {name: list(notices) for name, notices in self._of.items()})
        copy._named = dict(self._named)
        return copy
