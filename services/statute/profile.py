"""Statute profiles: one TOML file a statute version, read whole and checked key by key when it is loaded."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any, Literal, get_args

from services.statute.errors import BadData, UnknownStatute

Unit = Literal["working-day", "calendar-day"]
Start = Literal["next-day", "same-day"]
Effect = Literal["none", "exclude", "restart"]

CHANNELS = ("in-person", "post", "fax", "email", "online", "other")
RECEIPT_FIELDS = ("submitted_on", "received_on", "confirmed_on")
PARTIES = ("third-party", "other-organ")


@dataclass(frozen=True, slots=True)
class Profile:
    """One version of a statute. Amounts are in ``unit``; ``articles`` names the basis of each part."""

    id: str
    statute: str
    title: Mapping[str, str]
    source: str
    calendar: str
    in_force_from: date
    in_force_through: date
    amount: int
    unit: Unit
    start: Start
    extension_cap: int
    extension_count: int
    extension_inside_limit: bool
    receipt: Mapping[str, tuple[str, ...]]
    consultation: Mapping[str, Effect]
    clarification: Effect
    fee: Effect
    volume: Effect
    ladder: tuple[int, ...]
    articles: Mapping[str, str]


class _Reader:
    """Takes keys out of one file's tables; what is left over at the end is an unknown key."""

    def __init__(self, file: str, data: Mapping[str, Any], path: str = "") -> None:
        self.file, self.data, self.path, self.seen = file, data, path, set[str]()

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

    def choice(self, key: str, choices: tuple[str, ...]) -> Any:
        value = self.get(key, str)
        if value not in choices:
            raise self.fail(key, f"expected one of {', '.join(choices)}, got {value!r}")
        return value

    def count(self, key: str) -> int:
        value: int = self.get(key, int)
        if not 0 <= value <= 3660:
            raise self.fail(key, f"expected a number from 0 to 3660, got {value}")
        return value

    def table(self, key: str) -> "_Reader":
        return _Reader(self.file, self.get(key, dict), f"{self.path}{key}.")

    def end(self) -> None:
        for key in self.data:
            if key not in self.seen:
                raise self.fail(key, f"unknown key; known are {', '.join(sorted(self.seen))}")


def from_data(file: str, data: Mapping[str, Any]) -> Profile:
    """A profile from its file's content. Raises :class:`BadData` that names file, key and reason."""
    top = _Reader(file, data)
    names = ("in_force", "answer", "extension", "receipt", "consultation", "clarification", "fee", "volume", "warnings")
    part = {name: top.table(name) for name in names}
    force, answer, extension, receipt = part["in_force"], part["answer"], part["extension"], part["receipt"]
    effects = get_args(Effect)
    channels = {}
    for channel in CHANNELS:
        wanted = tuple(receipt.get(channel, list))
        if not wanted or not set(wanted) <= set(RECEIPT_FIELDS):
            raise receipt.fail(channel, f"expected a list of {', '.join(RECEIPT_FIELDS)}, got {list(wanted)!r}")
        channels[channel] = wanted
    ladder = part["warnings"].get("ladder", list)
    if any(not isinstance(n, int) or isinstance(n, bool) or not 0 <= n <= 365 for n in ladder):
        raise part["warnings"].fail("ladder", f"expected numbers from 0 to 365, got {ladder!r}")
    profile = Profile(
        id=top.get("id", str),
        statute=top.get("statute", str),
        title=top.get("title", dict),
        source=top.get("source", str),
        calendar=top.get("calendar", str),
        in_force_from=force.get("from", date),
        in_force_through=force.get("through", date, date.max),
        amount=answer.count("amount"),
        unit=answer.choice("unit", get_args(Unit)),
        start=answer.choice("start", get_args(Start)),
        extension_cap=extension.count("cap"),
        extension_count=extension.count("count"),
        extension_inside_limit=extension.get("inside_limit", bool),
        receipt=channels,
        consultation={p: part["consultation"].choice(p, effects) for p in PARTIES},
        clarification=part["clarification"].choice("effect", effects),
        fee=part["fee"].choice("effect", effects),
        volume=part["volume"].choice("effect", effects),
        ladder=tuple(sorted(set(ladder), reverse=True)),
        articles={n: part[n].get("article", str) for n in names if n not in ("in_force", "warnings")},
    )
    for reader in (top, *part.values()):
        reader.end()
    if profile.in_force_from > profile.in_force_through:
        raise force.fail("through", f"is before from ({profile.in_force_from})")
    return profile


@cache
def profiles() -> Mapping[str, Profile]:
    """All profiles that ship, by id. Raises :class:`BadData` for the first bad one."""
    folder = resources.files("services.statute") / "profiles"
    found = {}
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if file.name.endswith(".toml"):
            profile = from_data(file.name, tomllib.loads(file.read_text("utf-8")))
            if f"{profile.id}.toml" != file.name:
                raise BadData(file.name, "id", f"expected the file's name, got {profile.id!r}")
            found[profile.id] = profile
    return found


def statute_ids() -> tuple[str, ...]:
    """What a request or an organ may name: statutes and single versions of them."""
    return tuple(sorted({p.statute for p in profiles().values()} | set(profiles())))


def profile_for(statute: str, received_on: date) -> Profile:
    """The version of ``statute`` for a request received on that day (a version's own id forces it).

    Raises :class:`UnknownStatute`.
    """
    known = profiles()
    if statute in known:
        return known[statute]
    versions = [p for p in known.values() if p.statute == statute]
    for profile in versions:
        if profile.in_force_from <= received_on <= profile.in_force_through:
            return profile
    if not versions:
        raise UnknownStatute(f"statute {statute!r} is unknown; known are {', '.join(statute_ids())}")
    raise UnknownStatute(f"no version of {statute} in force on {received_on} is known")
