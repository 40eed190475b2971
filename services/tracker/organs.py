"""The organs as the tracker knows them: what a list of requests is read and filtered with."""

from collections.abc import Collection

from msgspec import Struct

from services.events.vocabulary import Label
from services.tracker.core.reference_data import ReferenceData


class OrganItem(Struct, frozen=True, kw_only=True):
    """A registered organ."""

    code: str
    name: Label
    parent: str | None = None
    timezone: str
    statute: str


class OrganPage(Struct, frozen=True, kw_only=True):
    """Organs by code; ``next`` is the code that the page after it goes on behind, if there is one."""

    organs: list[OrganItem]
    total: int
    """How many are registered."""
    timezone: str | None = None
    """The zone that all registered organs have, where they have one in common."""
    next: str | None = None


def page(
    reference_data: ReferenceData,
    codes: Collection[str] | None,
    after: str,
    limit: int,
    readable: frozenset[str] | None = None,
    *,
    sought: str = "",
    parent: str | None = None,
) -> OrganPage:
    """Organs behind the code ``after``, of ``codes`` only where these are given; ``readable``: the organs that the
    caller may read, where these are not all; ``sought``: a part of the name, in either language, or of the code, in
    capitals or not; ``parent``: those right under an organ."""
    known = reference_data.organs
    if readable is not None:
        known = {code: organ for code, organ in known.items() if code in readable}
    fitting = sorted(code for code in (known if codes is None else set(codes)) if code in known and code > after)
    zones = {organ.timezone for organ in known.values()}
    parents = reference_data.parents()
    if parent is not None:
        fitting = [code for code in fitting if parents.get(code) == parent]
    if wanted := sought.strip().casefold():
        fitting = [code for code in fitting if _has(wanted, code, known[code].name)]
    return OrganPage(
        organs=[
            OrganItem(
                code=code,
                name=known[code].name,
                parent=parents.get(code),
                timezone=known[code].timezone,
                statute=known[code].statute,
            )
            for code in fitting[:limit]
        ],
        total=len(known),
        timezone=zones.pop() if len(zones) == 1 else None,
        next=fitting[limit - 1] if len(fitting) > limit else None,
    )


def _has(wanted: str, code: str, name: Label) -> bool:
    return any(wanted in text.casefold() for text in (code, name.zh, name.en))
