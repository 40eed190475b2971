"""The first response: when the organ first informed the applicant of how the request is handled.

That is a notice to clarify, to pay, of an extension or of a deferral, or else the answer itself. A question to
third parties does not reach the applicant, and a withdrawal is the applicant's own act; neither is a response. A notice
that has no effect in law is one all the same: the applicant had it.
"""

from datetime import date

from msgspec.structs import replace

from services.statute import clock as clocks
from services.statute.answer_clock import AnswerClock, limit_clock
from services.statute.timeline import legal_date

NOTICES = frozenset({"clarification-requested", "fee-notified", "extension-granted", "volume-deferred"})


def first_response(run: AnswerClock, used: int | None) -> tuple[date | None, int | None]:
    """The day of the first response, and the days of the limit's unit used by its end, counted from the receipt.

    Days on which others were asked are left out as they are until the final response; what a notice itself stops or
    sets anew begins with it, so it bears on nothing before. ``used`` are the days until the end, if there is one.
    """
    end = run.end
    days = [legal_date(f) for f in run.timeline.moves if f.name in NOTICES]
    notified = [on for on in days if end is None or on <= end.on]
    if end is not None and end.how == "answered" and all(on >= end.on for on in notified):
        return end.on, used
    if not notified:
        return None, None
    first = min(notified)
    gaps = tuple(s.days for s in run.steps if s.days and s.fact.name not in NOTICES)
    clock = replace(limit_clock(run.profile.answer, run.received_on, run.profile, run.calendar), excluded=gaps)
    return first, max(0, clocks.used(clock, run.calendar, first))
