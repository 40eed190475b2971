"""Whose facts a caller may post, as far as the facts say whose they are; about the others the tracker decides."""

from services.access.principal import Principal
from services.events.facts import Fact, ReferenceFact
from services.intake.reading import MAX_ERRORS, Reading
from services.runtime.problems import FieldProblem, ProblemError

_REQUESTS_ONLY = "a fact about a request; organs, units, items and calendars are an admin's"


def require_own(reading: Reading, principal: Principal) -> None:
    """Raises :class:`ProblemError` (403), with nothing written, for a fact that names another organ, and for organs,
    units, items and calendars, which admins register. Most facts name no organ: of those the tracker rejects what is
    about another's."""
    wrong = [
        FieldProblem(field=field, problem=problem, expected=expected, index=each.index)
        for each in reading.taken
        for field, problem, expected in _foreign(each.fact, principal)
    ]
    if wrong:
        detail = f"{principal.account} may not post {len(wrong)} of {len(reading.facts)} facts; nothing was written"
        raise ProblemError(403, detail, kind="foreign-organ", errors=wrong[:MAX_ERRORS])


def _foreign(fact: Fact, principal: Principal) -> list[tuple[str, str, str]]:
    if isinstance(fact, ReferenceFact) and not principal.may("admin"):
        return [("$.type", "registers what others count on", _REQUESTS_ONLY)]
    organ = getattr(fact.data, "organ", None)
    if not isinstance(organ, str) or principal.speaks_for(organ):
        return []
    organs = ", ".join(sorted(principal.organs or ()))
    expected = f"one of {organs}"[:200] if organs else "an account that may speak for it: this one may for no organ"
    return [("$.data.organ", f"is {organ!r}", expected)]
