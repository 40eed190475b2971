"""Which versions of statutes are in force, and which one a request is under."""

from collections.abc import Mapping
from datetime import date
from functools import cache

from services.statute import rules
from services.statute.data_file import text_of
from services.statute.errors import NoVersion, UnknownStatute
from services.statute.profile import Profile, read


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
