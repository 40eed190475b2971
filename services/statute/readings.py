"""The other readings of what a law leaves open: the due date by each, one setting changed at a time."""

from collections.abc import Callable
from datetime import date
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from services.statute.answer_clock import AnswerClock, limit_due
from services.statute.assessment import Assessment
from services.statute.data_file import Source, in_both
from services.statute.profile import Profile
from services.statute.settings import KNOWN
from services.statute.timeline import Timeline

_LEAVING_OUT = ("exclude", "suspend")
"""Effects of a pause whose first and last day the law may leave open."""


class Reading(Struct, frozen=True):
    """One setting read another way than the statute's file reads it."""

    setting: str
    value: str
    due_on: date | None
    source: Source
    """The basis of the reading that holds; why it does."""

    def plain(self) -> dict[str, Any]:
        """The contract's form of it."""
        return {"setting": self.setting, "value": self.value, "due_on": self.due_on, "source": in_both(self.source).en}

    def in_words(self) -> dict[str, Any]:
        """The same with what is read how, and the basis, in Chinese and English."""
        known, basis = KNOWN[self.setting], in_both(self.source)
        value = known.allowed[self.value]
        words = {"zh": f"{known.zh}：{value.zh}", "en": f"{known.en}: {value.en}"}
        return self.plain() | words | {"basis": {"zh": basis.zh, "en": basis.en}}


def bearing(timeline: Timeline, profile: Profile) -> list[str]:
    """The settings that bear on a request with these facts."""
    asked = ["start-day"]
    data = timeline.received.data if timeline.received else None
    if data is not None and data.channel == "email":
        asked.append("email-receipt")
    if data is not None and data.channel == "online":
        asked.append("online-receipt")
    kinds = {fact.name for fact in timeline.moves}
    if "consultation-opened" in kinds:
        asked += ["excluded-boundary", "exclusion-cap"]
    if "clarification-requested" in kinds and profile.clarification.effect != "none":
        asked += ["clarification-rounds", "late-clarification-notice", "late-correction"]
        if profile.clarification.lapse:
            asked.append("named-date")
        if profile.clarification.effect in _LEAVING_OUT:
            asked.append("excluded-boundary")
    if "fee-notified" in kinds and profile.fee.effect in _LEAVING_OUT:
        asked.append("excluded-boundary")
    if "extension-granted" in kinds:
        asked.append("extension-cap")
    return list(dict.fromkeys(asked))


def readings(assessed: Assessment, again: Callable[[str, str], date | None]) -> tuple[Reading, ...]:
    """The readings that give another due date; ``again`` judges the case with a setting read another way.

    A setting whose source settles it (``confirmed``) has no other reading; nor has a request that has ended, of which
    nobody has to keep a date any more.
    """
    if assessed.state.state in ("answered", "closed"):
        return ()
    run, profile = assessed.run, assessed.profile
    others = []
    for setting in bearing(assessed.timeline, profile):
        one = profile.read_as[setting]
        if one.confirmed:
            continue
        for value in KNOWN[setting].allowed:
            if value == one.value or (setting == "email-receipt" and value == "listed"):
                continue
            due = _bare(run, value) if setting == "start-day" and _is_bare(assessed) else again(setting, value)
            if due != assessed.state.due_on:
                others.append(Reading(setting, value, due, one.source))
    return tuple(others)


def _is_bare(assessed: Assessment) -> bool:
    """Whether nothing has moved the clock or can have moved it."""
    run, state, profile = assessed.run, assessed.state, assessed.profile
    return run is not None and not run.steps and not state.ordered_by and not profile.temporary


def _bare(run: AnswerClock | None, value: str) -> date:
    """The last day of the plain limit by another start, without going through the case."""
    assert run is not None
    profile = run.profile
    if profile.answer.start is not None:
        return limit_due(profile.answer, run.received_on, profile, run.calendar)
    rule: Any = value
    asked = (run.received_on, profile.answer.amount, profile.answer.unit, profile.answer.roll, rule)
    known: date | None = run.calendar.memory.get(asked)
    if known is not None:
        return known
    started = replace(profile.answer, start=rule)
    return run.calendar.remember(asked, limit_due(started, run.received_on, profile, run.calendar))
