"""Calendar notices of a call: one that drops days is refused unless it confirms what a rehearsal showed."""

from collections.abc import Sequence

from services.events.facts import CalendarPublished, Fact, ReferenceFact
from services.events.refusals import FieldError
from services.events.registrations import Check
from services.statute.notice_check import CONFIRMED
from services.statute.notices import Notices
from services.words.catalogue import Said, said


class KnownNotices:
    """The notices of the reference topic, followed in memory; those of one call count for the ones behind them."""

    def __init__(self, check: Check) -> None:
        self._check = check
        self._notices = Notices()

    def learn(self, fact: ReferenceFact, offset: int) -> None:
        """Take in a record of the reference topic, as the tracker does."""
        if isinstance(fact, CalendarPublished) and self._check(fact) is None:
            self._notices.read(fact, offset)

    def judging(self, remarks: dict[int, Sequence[Said]]) -> Check:
        """A check of one call's facts in their order; what looks wrong about those that may be posted goes into
        ``remarks``, by the ``id()`` of the fact."""
        notices, place = self._notices.copied(), 0

        def check(fact: Fact) -> FieldError | None:
            nonlocal place
            if not isinstance(fact, CalendarPublished):
                return None
            if (why := notices.refusal(fact)) is not None:
                return FieldError("$.data.confirms", why[:500], CONFIRMED, "notice-unconfirmed")
            remarks[id(fact)] = [said(each) for each in notices.examined(fact.data).remarks]
            place += 1
            notices.take(fact, 2**62 + place)
            return None

        return check
