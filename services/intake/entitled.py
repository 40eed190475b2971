"""Whose facts a caller may post, as far as the facts say whose they are; about the others the tracker decides."""

from collections.abc import Iterator

from services.access.principal import Principal
from services.events.facts import Fact, FactCorrected, ReferenceFact
from services.events.refusals import FieldError
from services.intake.reading import MAX_ERRORS, Reading
from services.runtime.problems import FieldProblem, ProblemError

_REQUESTS_ONLY = "a fact about a request; organs, units, items and calendars are an admin's"


def require_own(reading: Reading, principal: Principal) -> None:
    """Raises :class:`ProblemError` (403), with nothing written, for a fact that names another organ, and for organs,
    units, items and calendars, which admins register. Most facts name no organ: of those the tracker rejects what is
    about another's."""
    wrong = [
        FieldProblem(field=error.field, problem=error.problem, expected=error.expected, index=each.index)
        for each in reading.taken
        for error in wrong_of(each.fact, principal)
    ]
    if wrong:
        detail = f"{principal.account} may not post {len(wrong)} of {len(reading.facts)} facts; nothing was written"
        raise ProblemError(403, detail, kind="foreign-organ", errors=wrong[:MAX_ERRORS])


def wrong_of(fact: Fact, principal: Principal) -> Iterator[FieldError]:
    """What is wrong with a fact that this principal posts."""
    if isinstance(fact, ReferenceFact) and not principal.may("admin"):
        yield FieldError("$.type", "registers what others count on", _REQUESTS_ONLY, "not-for-all")
        return
    at, organ = "$.data.organ", getattr(fact.data, "organ", None)
    if isinstance(fact, FactCorrected):  # a receipt that is corrected to another organ's is one for it
        at, organ = "$.data.data.organ", fact.data.data.get("organ")
    if not isinstance(organ, str) or principal.speaks_for(organ):
        return
    organs = ", ".join(sorted(principal.organs or ()))[:200]
    expected = f"one of {organs}" if organs else "an account that may speak for it: this one may for no organ"
    yield FieldError(at, f"is {organ!r}", expected, "organ-foreign", {"organ": organ, "organs": organs or "-"})
