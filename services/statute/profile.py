"""The file format of statutes: what one version of a statute says about time, and which versions ship."""

from collections.abc import Mapping
from datetime import date
from fnmatch import fnmatchcase
from functools import cache, cached_property
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta, Struct
from msgspec.structs import force_setattr, replace

from services.statute import rules
from services.statute.data_file import Confirmed, Source, Text, Title, convert, parse, text_of
from services.statute.errors import BadData, NoVersion, UnknownStatute
from services.statute.settings import KNOWN, Setting, Settings, by_name

Count = Annotated[int, Meta(ge=0, le=3660, description="a number")]
Amount = Annotated[int, Meta(ge=1, le=3660, description="a number")]
Unit = Literal["working-day", "calendar-day", "week", "working-week", "month"]
"""``week`` is seven calendar days, ``working-week`` five working days; a month ends on the day of the same number as
the day that it is counted from, or on the month's last day where there is none."""
Start = Literal["next-day", "same-day", "next-working-day"]
Roll = Literal["none", "next-working-day"]
Effect = Literal["none", "exclude", "suspend", "restart", "extend"]
Silence = Literal["none", "deemed-refusal", "deemed-consent"]
After = Literal["answer", "silence", "reconsideration"]
ReviewKind = Literal["reconsideration", "litigation-direct", "litigation-after-reconsideration", "complaint"]
ReceiptDate = Literal["submitted_on", "received_on", "confirmed_on"]
ReceiptDates = Annotated[tuple[ReceiptDate, ...], Meta(min_length=1)]
Answered = Literal["day-posted", "day-sent", "day-signed", "day-received", "day-decided"]
LAPSED = {"clarification": "clarification-lapsed", "fee": "fee-lapsed"}
"""The outcome with which the clock closes a request, by what was not done in time."""
_EMAIL: Mapping[str, ReceiptDates] = {
    "system": ("received_on", "submitted_on"),
    "confirmation": ("confirmed_on", "received_on"),
}


class _Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file: its keys, and no other."""


class InForce(_Table, frozen=True, kw_only=True, rename={"from_": "from"}):
    """The days of receipt that the version holds for, both ends included."""

    from_: date
    through: date = date.max


class Limit(_Table, frozen=True, kw_only=True):
    """So many units from an event."""

    amount: Amount
    unit: Unit
    article: Text
    roll: Roll = "none"
    """What becomes of a last day that is no working day."""
    start: Start | None = None
    """Which day is day 1; left out: as the setting ``start-day`` says."""
    confirmed: Confirmed = True


class Answer(Limit, frozen=True, kw_only=True):
    """The limit for the answer."""

    silence: Silence = "none"
    """What it means in law that no answer comes in time."""


class Extension(_Table, frozen=True, kw_only=True):
    """How far the answer's limit can be extended."""

    cap: Count
    """The most that can be added, in ``unit``; 0: none."""
    count: Count
    """How many extensions there can be."""
    notify: Literal["inside-limit", "any-time"]
    """``inside-limit``: the applicant has to be notified within the limit, a later notice cures nothing."""
    article: Text
    counts_from: Literal["budget", "expiry"] = "budget"
    """``budget``: added to the limit's own units; ``expiry``: counted from the last day of the limit before it."""
    unit: Unit | None = None
    """Left out: the answer's."""
    confirmed: Confirmed = True


class Pause(_Table, frozen=True, kw_only=True, tag_field="effect"):
    """What asking someone (the applicant, a third party, another organ, for a fee) does to the answer's clock."""

    effect: ClassVar[Effect]
    extend_by: ClassVar[int] = 0

    article: Text
    limit: Limit | None = None
    """The asked one's own limit; for a clarification it is the date in the notice."""
    notice: Limit | None = None
    """How soon after the receipt the asking has to happen."""
    silence: Silence = "none"
    """What it means that no reply comes within ``limit``."""
    lapse: bool = False
    """Whether the clock closes the request if no reply comes in time."""
    confirmed: Confirmed = True


class Nothing(Pause, frozen=True, kw_only=True, tag="none"):
    """The clock runs on."""

    effect: ClassVar[Effect] = "none"


class Exclude(Pause, frozen=True, kw_only=True, tag="exclude"):
    """The days until the reply don't count; the setting ``exclusion-cap`` can bound them."""

    effect: ClassVar[Effect] = "exclude"


class Suspend(Pause, frozen=True, kw_only=True, tag="suspend"):
    """The days until the reply don't count, without any bound."""

    effect: ClassVar[Effect] = "suspend"


class Restart(Pause, frozen=True, kw_only=True, tag="restart"):
    """The clock stands still, and the whole limit is counted anew from the reply."""

    effect: ClassVar[Effect] = "restart"


class Extend(Pause, frozen=True, kw_only=True, tag="extend"):
    """The limit grows once by a fixed number of its units."""

    effect: ClassVar[Effect] = "extend"
    extend_by: Amount  # type: ignore[misc]  # a number of the file's here, 0 for all other effects


EFFECTS = (Nothing, Exclude, Suspend, Restart, Extend)
Asking = Nothing | Exclude | Suspend | Restart | Extend
AskingOthers = Nothing | Exclude | Suspend | Extend
"""Asking others can't start the limit anew."""


class Consultation(_Table, frozen=True, kw_only=True, rename="kebab"):
    """What asking others does, by whom is asked."""

    third_party: AskingOthers
    other_organ: AskingOthers


class Receipt(_Table, frozen=True, kw_only=True, rename={"in_person": "in-person"}):
    """For each channel the dates that can be the day of receipt: the first one that the facts give is it."""

    in_person: ReceiptDates
    post: ReceiptDates
    fax: ReceiptDates
    online: ReceiptDates
    other: ReceiptDates
    article: Text
    ordinary: ReceiptDates | None = None
    """A letter that nobody signed for; left out: as ``post``."""
    email: ReceiptDates | None = None
    """Left out where the setting ``email-receipt`` says it."""


class Volume(_Table, frozen=True, kw_only=True):
    effect: Literal["none", "defer"]
    """``defer``: the organ may put the answer off because of an abnormal volume."""
    article: Text


class Agreed(_Table, frozen=True, kw_only=True):
    """A last day agreed with the applicant, where the statute knows that."""

    article: Text
    confirmed: Confirmed = True


class Temporary(_Table, frozen=True, kw_only=True, rename={"from_": "from"}):
    """Temporary law: an answer given from the one day through the other has so many units instead."""

    from_: date
    through: date
    amount: Amount
    article: Text
    confirmed: Confirmed = True


class Change(_Table, frozen=True, kw_only=True, rename={"from_": "from"}):
    """What a document that came later says, laid over the file for requests of the days from which it holds."""

    from_: date
    set: dict[str, Any]
    """Tables and keys of the file itself."""


class Answering(_Table, frozen=True, kw_only=True):
    """Which day ``answered_on`` has to be, for each way of service."""

    posted: Answered
    handed: Answered
    electronic: Answered
    article: Text


class Remedy(Limit, frozen=True, kw_only=True, rename={"from_": "from", "except_": "except"}):
    """A window that opens when the organ has answered, has stayed silent, or a reconsideration was decided."""

    kind: Literal["reconsideration", "litigation"]
    after: Annotated[tuple[After, ...], Meta(min_length=1)]
    from_: date = date.min
    through: date = date.max
    """It opens for events of these days, both ends included."""
    except_: tuple[Text, ...] = ()
    """Outcomes that open no such window; ``refused-*`` stands for all that begin so."""

    def opens_for(self, outcome: str) -> bool:
        """Whether an answer of that outcome opens it."""
        return not any(fnmatchcase(outcome, each) for each in self.except_)


class DutyRule(_Table, frozen=True, kw_only=True, rename={"from_": "from"}):
    """A limit that the organ has besides the answer's: so many units from an event, or up to a day of the year."""

    kind: Text
    title: Title
    article: Text
    confirmed: Confirmed = True
    amount: Amount | None = None
    unit: Unit | None = None
    roll: Roll = "none"
    start: Start | None = None
    by: Annotated[str, Meta(pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$", description="a day MM-DD")] | None = (
        None
    )
    """In the place of ``amount``: the first such day after the event, itself the last one."""
    yearly: bool = False
    """Whether there is one each year, for the year before; the event is the year's last day."""
    reviews: tuple[ReviewKind, ...] = ()
    """The reviews that open it, from the day on which the organ is served."""
    from_: date = date.min
    through: date = date.max
    """It holds for events of these days, both ends included."""

    @property
    def month_and_day(self) -> tuple[int, int]:
        """``by`` in numbers."""
        month, day = (self.by or "").split("-")
        return int(month), int(day)


class Warnings(_Table, frozen=True, kw_only=True):
    """In files of an earlier release; a ladder says it now (:mod:`services.statute.office.ladder`)."""

    ladder: tuple[Annotated[int, Meta(ge=0, le=365, description="a number from 0 to 365")], ...]
    """Units before the due date at which a warning goes out; the furthest first once it is read."""

    def __post_init__(self) -> None:
        force_setattr(self, "ladder", tuple(sorted(set(self.ladder), reverse=True)))


class Profile(_Table, frozen=True, kw_only=True, dict=True):
    """One version of a statute, as its file says it."""

    id: Text
    statute: Text
    """What its versions have in common."""
    title: Title
    source: Source
    """The act itself, as one cites it."""
    calendar: Text
    in_force: InForce
    answer: Answer
    extension: Extension
    receipt: Receipt
    clarification: Asking
    consultation: Consultation
    fee: Asking
    volume: Volume
    answering: Answering
    warnings: Warnings | None = None
    """In place of the warnings for the answer that the ladder has."""
    remedies: tuple[Remedy, ...] = ()
    duties: tuple[DutyRule, ...] = ()
    agreed: Agreed | None = None
    temporary: tuple[Temporary, ...] = ()
    settings: Settings = Settings()
    changes: tuple[Change, ...] = ()
    """In the order of their days; a later one is laid over those before it."""

    @cached_property
    def dated(self) -> "tuple[tuple[date, Profile], ...]":
        """The profile as it is from the day of each change on, the oldest first."""
        return ()

    def on(self, day: date) -> "Profile":
        """The profile for a request of that day: a document counts from when it held, and is not cited before."""
        profile = self
        for since, changed in self.dated:
            if since <= day:
                profile = changed
        return profile

    @cached_property
    def read_as(self) -> Mapping[str, Setting[str]]:
        """Every setting by its name."""
        return by_name(self.settings)

    def says(self, setting: str) -> str:
        """The value of a setting."""
        return self.read_as[setting].value

    @cached_property
    def receipt_dates(self) -> Mapping[str, ReceiptDates]:
        """By channel, the dates that can be the day of receipt."""
        r = self.receipt
        email = _EMAIL.get(self.says("email-receipt")) or r.email
        assert email is not None  # :func:`check` saw to it
        return {
            "in-person": r.in_person,
            "post": r.post,
            "fax": r.fax,
            "email": email,
            "online": ("submitted_on",) if self.says("online-receipt") == "submission" else r.online,
            "other": r.other,
        }

    def receipt_rule(self, channel: str, mail: str | None) -> ReceiptDates:
        """The dates that can be the day of receipt of a request by that channel; a letter may say how it was mailed."""
        if mail == "ordinary" and self.receipt.ordinary is not None:
            return self.receipt.ordinary
        return self.receipt_dates[channel]

    @cached_property
    def consulting(self) -> Mapping[str, AskingOthers]:
        """By whom is asked, what that does."""
        return {"third-party": self.consultation.third_party, "other-organ": self.consultation.other_organ}

    @cached_property
    def answered_by(self) -> Mapping[str, Answered]:
        """By way of service, which day is the answer's."""
        a = self.answering
        return {"posted": a.posted, "handed": a.handed, "electronic": a.electronic}

    @cached_property
    def extension_unit(self) -> Unit:
        return self.extension.unit or self.answer.unit

    def with_settings(self, values: Mapping[str, str], source: str) -> "Profile":
        """The same profile read another way. Raises :class:`BadData` for an unknown setting or value."""
        for name, value in values.items():
            if name not in KNOWN:
                raise BadData(self.id, f"settings.{name}", f"unknown setting; known are {', '.join(sorted(KNOWN))}")
            if value not in KNOWN[name].allowed:
                raise BadData(self.id, f"settings.{name}.value", f"expected one of {', '.join(KNOWN[name].allowed)}")
        changed = {name.replace("-", "_"): Setting(value, source, False) for name, value in values.items()}
        return replace(self, settings=replace(self.settings, **changed))


def read(file: str, text: str) -> Profile:
    """The profile in a file named after it. Raises :class:`BadData` that names file, key and reason."""
    profile = from_data(file, parse(file, text))
    if f"{profile.id}.toml" != file:
        raise BadData(file, "id", f"expected the file's name, got {profile.id!r}")
    return profile


def from_data(file: str, data: object) -> Profile:
    """A profile from its file's content. Raises :class:`BadData` that names file, key and reason."""
    profile = convert(file, data, Profile)
    for key, reason in _contradictions(profile):
        raise BadData(file, key, reason)
    if profile.changes:
        assert isinstance(data, dict)
        laid = {key: value for key, value in data.items() if key != "changes"}
        dated = []
        for place, change in enumerate(profile.changes):
            if place and change.from_ <= profile.changes[place - 1].from_:
                raise BadData(file, f"changes[{place}].from", "is not after the change before it")
            if {"id", "statute", "in_force", "changes"} & change.set.keys():
                raise BadData(file, f"changes[{place}].set", "can't change what the file is")
            laid = _laid_over(laid, change.set)
            dated.append((change.from_, from_data(file, laid)))
        profile.__dict__["dated"] = tuple(dated)
    return profile


def _laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Tables laid over one another key by key; a list, or a table that another kind of asking replaces, is whole."""
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        merged[key] = _laid_over(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return merged


def _contradictions(p: Profile) -> list[tuple[str, str]]:
    """What no key can say by itself: key and reason."""
    by_setting = p.says("email-receipt") in _EMAIL
    unit, extension = p.extension_unit, p.extension
    added = "can't be added to a budget of"
    checks = {
        "in_force.through": (p.in_force.from_ > p.in_force.through, f"is before from ({p.in_force.from_})"),
        "receipt.email": (
            by_setting is (p.receipt.email is not None),
            "settings.email-receipt decides already" if by_setting else "is missing (or set settings.email-receipt)",
        ),
        "extension.unit": (
            unit != p.answer.unit and extension.counts_from == "budget",
            f"{unit} {added} {p.answer.unit}; use counts_from = 'expiry'",
        ),
        "clarification.limit": (
            p.clarification.limit is not None,
            "the applicant's limit is the date in each notice; unknown here",
        ),
        "fee.limit": (p.fee.lapse and p.fee.limit is None, "is missing: without a limit nothing can lapse"),
        "consultation.third-party.lapse": (p.consultation.third_party.lapse, "a consultation closes no request"),
        "consultation.other-organ.lapse": (p.consultation.other_organ.lapse, "a consultation closes no request"),
    }
    return [(key, reason) for key, (wrong, reason) in checks.items() if wrong] + _duties(p.duties)


def _duties(rules_: tuple[DutyRule, ...]) -> list[tuple[str, str]]:
    problems = []
    for place, rule in enumerate(rules_):
        at = f"duties[{place}]"
        counted = rule.amount is not None and rule.unit is not None
        if counted is (rule.by is not None) or (rule.amount is None) is not (rule.unit is None):
            problems.append((f"{at}.amount", "expected either amount and unit, or by"))
        if rule.by is not None and rule.month_and_day[1] > _MONTHS[rule.month_and_day[0] - 1]:
            problems.append((f"{at}.by", f"is {rule.by}; expected a day that every year has"))
        if rule.from_ > rule.through:
            problems.append((f"{at}.through", f"is before from ({rule.from_})"))
        if any(r.kind == rule.kind and r.from_ <= rule.through and rule.from_ <= r.through for r in rules_[:place]):
            problems.append((f"{at}.kind", f"{rule.kind!r} holds for some of these days already; expected another"))
    return problems


_MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@cache
def profiles() -> Mapping[str, Profile]:
    """All profiles in force, by id. Raises :class:`BadData` for the first bad one."""
    read_all = (read(name, text_of(name, file)) for name, file in rules.current().files("statutes").items())
    return {profile.id: profile for profile in read_all}


def statute_ids() -> tuple[str, ...]:
    """What a request or an organ may name: statutes and single versions of them."""
    return tuple(sorted({p.statute for p in profiles().values()} | set(profiles())))


@cache
def versions(statute: str) -> tuple[Profile, ...]:
    """The versions of a statute, the oldest first; of a version's own id, that one. Raises :class:`UnknownStatute`."""
    known = profiles()
    if statute in known and known[statute].statute != statute:
        return (known[statute],)
    known_versions = sorted((p for p in known.values() if p.statute == statute), key=lambda p: p.in_force.from_)
    if not known_versions:
        raise UnknownStatute(statute, statute_ids())
    return tuple(known_versions)


def profile_for(statute: str, received_on: date) -> Profile:
    """The version of ``statute`` for a request received on that day (a version's own id forces it).

    Raises :class:`UnknownStatute` and :class:`NoVersion`.
    """
    known = versions(statute)
    if known[0].id == statute and known[0].statute != statute:
        return known[0].on(received_on)
    for profile in known:
        if profile.in_force.from_ <= received_on <= profile.in_force.through:
            return profile.on(received_on)
    raise NoVersion("no-version", statute=statute, on=received_on)


def successor(profile: Profile) -> Profile | None:
    """The version that came into force after this one, if one did."""
    return _after(profile.statute, profile.in_force.from_)


@cache
def _after(statute: str, day: date) -> Profile | None:
    later = [p for p in profiles().values() if p.statute == statute and p.in_force.from_ > day]
    return min(later, key=lambda p: p.in_force.from_, default=None)


for _cached in (profiles, versions, _after):
    rules.remembered(_cached.cache_clear)
