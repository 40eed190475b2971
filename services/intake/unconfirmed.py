"""The requests whose receipt a register leaves open: no limit runs for them, and no report counts them, until it is
confirmed. An office that imports a register should see how many they are before it wonders at its report."""

from collections import defaultdict
from collections.abc import Callable, Iterable

from services.events.facts import Fact, ReceiptConfirmed, ReceivedData, RequestReceived
from services.statute import state
from services.statute.assessment import read, receipt
from services.statute.errors import NoVersion, UnknownStatute
from services.statute.versions import profile_for

_NAMES = {RequestReceived: "request-received", ReceiptConfirmed: "receipt-confirmed"}
LawOf = Callable[[ReceivedData], str | None]
"""The statute of a request; None where it is not known."""


def number(facts: Iterable[Fact], law_of: LawOf) -> int:
    """How many of the requests that facts bring in have no day of receipt by these facts alone.

    A request whose law is not known, or was not in force on its day, is none of them: it is told elsewhere.
    """
    about: dict[str, list[state.Fact]] = defaultdict(list)
    for fact in facts:
        if isinstance(fact, RequestReceived | ReceiptConfirmed):
            about[fact.subject].append(state.Fact(_NAMES[fact.__class__], fact.source, fact.id, fact.data))
    return sum(_waits(of_one, law_of) for of_one in about.values())


def _waits(facts: list[state.Fact], law_of: LawOf) -> bool:
    timeline = read(facts)
    law = law_of(timeline.received.data) if timeline.received is not None else None
    if timeline.received is None or law is None:
        return False
    try:
        profile = profile_for(law, timeline.received.data.submitted_on)
    except (NoVersion, UnknownStatute):
        return False
    return receipt(timeline, profile) is None
