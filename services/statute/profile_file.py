"""The file format of statute profiles: TOML, read whole and checked key by key."""

import tomllib
from collections.abc import Mapping
from datetime import date
from typing import Any, get_args

from services.statute import profile as p
from services.statute.errors import BadData
from services.statute.profile import Extension, Limit, Pause, Profile, Remedy
from services.statute.settings import KNOWN, Setting, defaults

LAPSES = {"clarification": "clarification-lapsed", "fee": "fee-lapsed"}
EMAIL = {"system": ("received_on", "submitted_on"), "confirmation": ("confirmed_on", "received_on")}


class Reader:
    """Takes keys out of one table of a file; what is left over at the end is an unknown key."""

    def __init__(self, file: str, data: Mapping[str, Any], path: str = "") -> None:
        self.file, self.data, self.path, self.seen = file, data, path, set[str]()
        self.inner: list[Reader] = []

    def fail(self, key: str, reason: str) -> BadData:
        return BadData(self.file, f"{self.path}{key}", reason)

    def get(self, key: str, kind: type, default: Any = None) -> Any:
        self.seen.add(key)
        value = self.data.get(key, default)
        if value is None:
            raise self.fail(key, "is missing")
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.fail(key, f"expected {kind.__name__}, got {value!r}")
        return value

    def text(self, key: str) -> str:
        value: str = self.get(key, str)
        if not value.strip():
            raise self.fail(key, "expected some text, got none")
        return value

    def choice(self, key: str, choices: tuple[str, ...], default: str | None = None) -> Any:
        value = self.get(key, str, default)
        if value not in choices:
            raise self.fail(key, f"expected one of {', '.join(choices)}, got {value!r}")
        return value

    def choices(self, key: str, choices: tuple[str, ...]) -> tuple[Any, ...]:
        value = self.get(key, list)
        if not value or not all(isinstance(v, str) and v in choices for v in value):
            raise self.fail(key, f"expected a list of {', '.join(choices)}, got {value!r}")
        return tuple(value)

    def count(self, key: str, least: int = 0, default: int | None = None) -> int:
        value: int = self.get(key, int, default)
        if not least <= value <= 3660:
            raise self.fail(key, f"expected a number from {least} to 3660, got {value}")
        return value

    def table(self, key: str) -> "Reader":
        found = Reader(self.file, self.get(key, dict), f"{self.path}{key}.")
        self.inner.append(found)
        return found

    def maybe(self, key: str) -> "Reader | None":
        self.seen.add(key)
        return self.table(key) if key in self.data else None

    def end(self) -> None:
        for key in self.data:
            if key not in self.seen:
                raise self.fail(key, f"unknown key; known are {', '.join(sorted(self.seen))}")
        for reader in self.inner:
            reader.end()


def read(file: str, text: str) -> Profile:
    """The profile in a file named after it. Raises :class:`BadData` that names file, key and reason."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadData(file, "$", f"no TOML: {error}") from None
    profile = from_data(file, data)
    if f"{profile.id}.toml" != file:
        raise BadData(file, "id", f"expected the file's name, got {profile.id!r}")
    return profile


def _limit(table: Reader) -> Limit:
    start = table.choice("start", get_args(p.Start)) if "start" in table.data else None
    return Limit(
        amount=table.count("amount", 1),
        unit=table.choice("unit", get_args(p.Unit)),
        roll=table.choice("roll", get_args(p.Roll), "none"),
        article=table.text("article"),
        start=start,
        confirmed=table.get("confirmed", bool, True),
    )


def _pause(table: Reader, name: str) -> Pause:
    limit, notice = table.maybe("limit"), table.maybe("notice")
    effect = table.choice("effect", get_args(p.Effect))
    lapse = LAPSES[name] if name in LAPSES and table.get("lapse", bool, False) else ""
    if name == "clarification" and limit:
        raise table.fail("limit", "the applicant's limit is the date in each notice; unknown here")
    if lapse and name == "fee" and limit is None:
        raise table.fail("limit", "is missing: without a limit nothing can lapse")
    if effect == "extend" and "extend_by" not in table.data:
        raise table.fail("extend_by", "is missing")
    if effect == "restart" and name in p.PARTIES:
        raise table.fail("effect", "asking others can't start the limit anew")
    return Pause(
        effect=effect,
        article=table.text("article"),
        limit=_limit(limit) if limit else None,
        notice=_limit(notice) if notice else None,
        extend_by=table.count("extend_by", 1) if effect == "extend" else 0,
        silence=table.choice("silence", get_args(p.Silence), "none"),
        lapse=lapse,
        confirmed=table.get("confirmed", bool, True),
    )


def _extension(table: Reader, answer: Limit) -> Extension:
    unit = table.choice("unit", get_args(p.Unit), answer.unit)
    counts_from = table.choice("counts_from", ("budget", "expiry"), "budget")
    if unit != answer.unit and counts_from == "budget":
        raise table.fail("unit", f"{unit} can't be added to a budget of {answer.unit}; use counts_from = 'expiry'")
    return Extension(
        cap=table.count("cap"),
        count=table.count("count"),
        notify=table.choice("notify", ("inside-limit", "any-time")),
        counts_from=counts_from,
        unit=unit,
        article=table.text("article"),
        confirmed=table.get("confirmed", bool, True),
    )


def _settings(table: Reader | None) -> dict[str, Setting]:
    found = defaults()
    for name in table.data if table else ():
        assert table is not None
        if name not in KNOWN:
            raise table.fail(name, f"unknown setting; known are {', '.join(sorted(KNOWN))}")
        one = table.table(name)
        value = one.choice("value", tuple(KNOWN[name].allowed))
        found[name] = Setting(value, one.text("source"), one.get("confirmed", bool))
    return found


def _receipt(table: Reader, settings: Mapping[str, Setting]) -> dict[str, tuple[str, ...]]:
    found = {c: table.choices(c, p.RECEIPT_FIELDS) for c in p.CHANNELS if c != "email" or c in table.data}
    by_setting = EMAIL.get(settings["email-receipt"].value)
    if by_setting is None and "email" not in found:
        raise table.fail("email", "is missing (or set settings.email-receipt)")
    if by_setting is not None and "email" in found:
        raise table.fail("email", "settings.email-receipt decides already")
    return found if by_setting is None else found | {"email": by_setting}


def _remedies(file: str, top: Reader) -> tuple[Remedy, ...]:
    found = []
    for place, data in enumerate(top.get("remedies", list, [])):
        if not isinstance(data, dict):
            raise top.fail(f"remedies[{place}]", f"expected a table, got {data!r}")
        one = Reader(file, data, f"remedies[{place}].")
        top.inner.append(one)
        found.append(
            Remedy(
                one.choice("kind", p.REMEDIES),
                one.choices("after", get_args(p.After)),
                _limit(one),
                one.get("from", date, date.min),
                one.get("through", date, date.max),
            )
        )
    return tuple(found)


def _ladder(table: Reader) -> tuple[int, ...]:
    ladder = table.get("ladder", list)
    if any(not isinstance(n, int) or isinstance(n, bool) or not 0 <= n <= 365 for n in ladder):
        raise table.fail("ladder", f"expected numbers from 0 to 365, got {ladder!r}")
    return tuple(sorted(set(ladder), reverse=True))


def from_data(file: str, data: Mapping[str, Any]) -> Profile:
    """A profile from its file's content. Raises :class:`BadData` that names file, key and reason."""
    top = Reader(file, data)
    title, force, answer_table = top.table("title"), top.table("in_force"), top.table("answer")
    receipt, volume, answering = top.table("receipt"), top.table("volume"), top.table("answering")
    consultation = top.table("consultation")
    settings = _settings(top.maybe("settings"))
    answer = _limit(answer_table)
    profile = Profile(
        id=top.text("id"),
        statute=top.text("statute"),
        title={language: title.text(language) for language in ("zh", "en")},
        source=top.text("source"),
        calendar=top.text("calendar"),
        in_force_from=force.get("from", date),
        in_force_through=force.get("through", date, date.max),
        answer=answer,
        silence=answer_table.choice("silence", get_args(p.Silence), "none"),
        extension=_extension(top.table("extension"), answer),
        receipt=_receipt(receipt, settings),
        receipt_article=receipt.text("article"),
        clarification=_pause(top.table("clarification"), "clarification"),
        consultation={party: _pause(consultation.table(party), party) for party in p.PARTIES},
        fee=_pause(top.table("fee"), "fee"),
        volume=volume.choice("effect", ("none", "defer")),
        volume_article=volume.text("article"),
        remedies=_remedies(file, top),
        answering={service: answering.choice(service, p.ANSWERED) for service in p.SERVICES},
        answering_article=answering.text("article"),
        ladder=_ladder(top.table("warnings")),
        settings=settings,
    )
    top.end()
    if profile.in_force_from > profile.in_force_through:
        raise force.fail("through", f"is before from ({profile.in_force_from})")
    return profile
