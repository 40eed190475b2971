"""One version of a statute: what its file says about time, read and checked as a whole."""

from collections.abc import Mapping
from datetime import date
from functools import cached_property
from typing import Any

from msgspec.structs import replace

from services.statute.data_file import Source, Text, Title, convert, parse
from services.statute.errors import BadData
from services.statute.profile_tables import (
    Agreed,
    Answer,
    Answered,
    Answering,
    Asking,
    AskingOthers,
    Change,
    Consultation,
    DutyRule,
    Extension,
    InForce,
    Receipt,
    ReceiptDates,
    Remedy,
    StatuteTable,
    Temporary,
    Unit,
    Volume,
    Warnings,
)
from services.statute.settings import KNOWN, Setting, Settings, by_name

_EMAIL: Mapping[str, ReceiptDates] = {
    "system": ("received_on", "submitted_on"),
    "confirmation": ("confirmed_on", "received_on"),
}


class Profile(StatuteTable, frozen=True, kw_only=True, dict=True):
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
