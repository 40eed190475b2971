"""The organs as the stats service sees them: their names, and what day it is there."""

from collections.abc import Collection
from datetime import date, datetime
from zoneinfo import ZoneInfo

from services.events.facts import OrganData
from services.events.office_facts import ItemData
from services.events.vocabulary import Label
from services.runtime.clock import Clock
from services.runtime.reference import Reference

UNKNOWN_ZONE = "UTC"
"""For an organ that no reference fact has named."""


class Organs:
    """What the reference topic says of the organs, with the service's clock.

    A thread may ask while more is learned, so whatever is gone through is listed first.
    """

    def __init__(self, reference: Reference, clock: Clock) -> None:
        self._reference = reference
        self._clock = clock

    def codes(self) -> list[str]:
        """All that are registered, by code."""
        return sorted(self._reference.organs)

    def data(self, organ: str) -> OrganData | None:
        known = self._reference.organs.get(organ)
        return known.data if known else None

    def parents(self) -> dict[str, str | None]:
        """Each registered organ's parent that counts, if it names one."""
        return self._reference.parents()

    def items(self, organs: Collection[str]) -> list[ItemData]:
        """The service items of organs."""
        return [item for item in list(self._reference.items.values()) if item.organ in organs]

    def unit_name(self, unit: str) -> Label:
        """A unit's name; its code where the name is not known."""
        data = self._reference.units.get(unit)
        return data.name if data else Label(unit, unit)

    def units(self, organ: str) -> list[str]:
        """The units of an organ, by code."""
        return sorted(code for code, unit in list(self._reference.units.items()) if unit.organ == organ)

    def statutes(self) -> dict[str, str]:
        """The law of each registered organ."""
        return {code: known.data.statute for code, known in list(self._reference.organs.items())}

    def name(self, organ: str) -> Label:
        """The organ's name; its code where the name is not known."""
        data = self.data(organ)
        return data.name if data else Label(organ, organ)

    def zone(self, organ: str) -> ZoneInfo:
        data = self.data(organ)
        return ZoneInfo(data.timezone if data else UNKNOWN_ZONE)

    def today(self, organ: str) -> date:
        """The date in the organ's zone."""
        return self.now(organ).date()

    def now(self, organ: str) -> datetime:
        """The instant, in the organ's zone."""
        return self._clock.now().astimezone(self.zone(organ))
