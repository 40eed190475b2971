"""Statute profiles: what one version of a statute says about time, as plain values. The files are read in
:mod:`services.statute.profile_file`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from importlib import resources
from typing import Literal

from services.statute.errors import BadData, UnknownStatute
from services.statute.settings import KNOWN, Setting

Unit = Literal["working-day", "calendar-day", "week", "working-week", "month"]
"""``week`` is seven calendar days, ``working-week`` five working days; a month ends on the day of the same number as
the day that it is counted from, or on the month's last day where there is none."""
Start = Literal["next-day", "same-day", "next-working-day"]
Roll = Literal["none", "next-working-day"]
Effect = Literal["none", "exclude", "suspend", "restart", "extend"]
"""What asking someone does to the answer clock. ``exclude``: the days until the reply don't count (the setting
``exclusion-cap`` can bound them); ``suspend``: the same without any bound; ``restart``: the clock stands still, and the
whole limit is counted anew from the reply; ``extend``: the limit grows once by a fixed amount; ``none``: nothing."""
Silence = Literal["none", "deemed-refusal", "deemed-consent"]
After = Literal["answer", "silence", "reconsideration"]

CHANNELS = ("in-person", "post", "fax", "email", "online", "other")
RECEIPT_FIELDS = ("submitted_on", "received_on", "confirmed_on")
PARTIES = ("third-party", "other-organ")
SERVICES = ("posted", "handed", "electronic")
ANSWERED = ("day-posted", "day-sent", "day-signed", "day-received", "day-decided")
REMEDIES = ("reconsideration", "litigation")


@dataclass(frozen=True, slots=True)
class Limit:
    """So many units from an event. ``start`` is None where the setting ``start-day`` holds."""

    amount: int
    unit: Unit
    roll: Roll
    article: str
    start: Start | None = None
    confirmed: bool = True


@dataclass(frozen=True, slots=True)
class Extension:
    """How far the answer's limit can be extended; amounts are in ``unit``."""

    cap: int
    count: int
    notify: Literal["inside-limit", "any-time"]
    counts_from: Literal["budget", "expiry"]
    """``budget``: added to the limit's own units; ``expiry``: counted from the last day of the limit before it."""
    unit: Unit
    article: str
    confirmed: bool = True


@dataclass(frozen=True, slots=True)
class Pause:
    """What asking someone (the applicant, a third party, another organ, for a fee) does."""

    effect: Effect
    article: str
    limit: Limit | None = None
    """The asked one's own limit; for a clarification it is the date in the notice."""
    notice: Limit | None = None
    """How soon after the receipt the asking has to happen."""
    extend_by: int = 0
    """Units of the answer's limit, for the effect ``extend``."""
    silence: Silence = "none"
    """What it means that no reply comes within ``limit``."""
    lapse: str = ""
    """The outcome with which the request is closed by the clock if no reply comes in time; empty for none."""
    confirmed: bool = True


@dataclass(frozen=True, slots=True)
class Remedy:
    """A window that opens when the organ has answered, has stayed silent, or a reconsideration was decided."""

    kind: Literal["reconsideration", "litigation"]
    after: tuple[After, ...]
    limit: Limit
    from_: date = date.min
    through: date = date.max


@dataclass(frozen=True)
class Profile:
    """One version of a statute."""

    id: str
    statute: str
    title: Mapping[str, str]
    source: str
    calendar: str
    in_force_from: date
    in_force_through: date
    answer: Limit
    silence: Silence
    extension: Extension
    receipt: Mapping[str, tuple[str, ...]]
    receipt_article: str
    clarification: Pause
    consultation: Mapping[str, Pause]
    fee: Pause
    volume: Literal["none", "defer"]
    volume_article: str
    remedies: tuple[Remedy, ...]
    answering: Mapping[str, str]
    """The day that ``answered_on`` has to be, for each way of service."""
    answering_article: str
    ladder: tuple[int, ...]
    settings: Mapping[str, Setting]

    def says(self, setting: str) -> str:
        """The value of a setting."""
        return self.settings[setting].value

    def with_settings(self, values: Mapping[str, str], source: str) -> "Profile":
        """The same profile read another way. Raises :class:`BadData` for an unknown setting or value."""
        for name, value in values.items():
            if name not in KNOWN:
                raise BadData(self.id, f"settings.{name}", f"unknown setting; known are {', '.join(sorted(KNOWN))}")
            if value not in KNOWN[name].allowed:
                raise BadData(self.id, f"settings.{name}.value", f"expected one of {', '.join(KNOWN[name].allowed)}")
        changed = {name: Setting(value, source, False) for name, value in values.items()}
        return replace(self, settings={**self.settings, **changed})


@cache
def profiles() -> Mapping[str, Profile]:
    """All profiles that ship, by id. Raises :class:`BadData` for the first bad one."""
    from services.statute.profile_file import read

    folder = resources.files("services.statute") / "profiles"
    found = {}
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if file.name.endswith(".toml"):
            profile = read(file.name, file.read_text("utf-8"))
            found[profile.id] = profile
    return found


def statute_ids() -> tuple[str, ...]:
    """What a request or an organ may name: statutes and single versions of them."""
    return tuple(sorted({p.statute for p in profiles().values()} | set(profiles())))


@cache
def versions(statute: str) -> tuple[Profile, ...]:
    """The versions of a statute, the oldest first; of a version's own id, that one. Raises :class:`UnknownStatute`."""
    known = profiles()
    if statute in known and known[statute].statute != statute:
        return (known[statute],)
    found = sorted((p for p in known.values() if p.statute == statute), key=lambda p: p.in_force_from)
    if not found:
        raise UnknownStatute(f"statute {statute!r} is unknown; known are {', '.join(statute_ids())}")
    return tuple(found)


def profile_for(statute: str, received_on: date) -> Profile:
    """The version of ``statute`` for a request received on that day (a version's own id forces it).

    Raises :class:`UnknownStatute`.
    """
    known = versions(statute)
    if known[0].id == statute and known[0].statute != statute:
        return known[0]
    for profile in known:
        if profile.in_force_from <= received_on <= profile.in_force_through:
            return profile
    raise UnknownStatute(f"no version of {statute} in force on {received_on} is known")


def successor(profile: Profile) -> Profile | None:
    """The version that ships and came into force after this one, if one did."""
    return _after(profile.statute, profile.in_force_from)


@cache
def _after(statute: str, day: date) -> Profile | None:
    later = [p for p in profiles().values() if p.statute == statute and p.in_force_from > day]
    return min(later, key=lambda p: p.in_force_from, default=None)
