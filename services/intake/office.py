"""Units and service items that a call registers: refused where their organ does not exist, or has not the code."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from services.events.facts import Fact
from services.events.office_facts import ItemData, ItemRegistered, UnitData, UnitRegistered
from services.events.refusals import FieldError

Parents = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Office:
    """What the reference topic has registered."""

    units: Callable[[], Mapping[str, UnitData]]
    items: Callable[[], Mapping[str, ItemData]]

    def as_known(self) -> "KnownOffice":
        """The same at this moment, to which a call's own registrations are added one by one."""
        return KnownOffice(dict(self.units()), dict(self.items()))


@dataclass(frozen=True, slots=True)
class KnownOffice:
    """Units and items by their codes."""

    units: dict[str, UnitData]
    items: dict[str, ItemData]

    def wrong(self, fact: Fact, parents: Parents) -> FieldError | None:
        """What is wrong with a unit or an item, if the fact registers one; it counts for those after it."""
        match fact:
            case UnitRegistered(data=unit):
                wrong = _owner(unit.organ, self.units.get(unit.code), parents) or self._above(unit)
                if wrong is None:
                    self.units[unit.code] = unit
                return wrong
            case ItemRegistered(data=item):
                wrong = _owner(item.organ, self.items.get(item.code), parents)
                if wrong is None:
                    self.items[item.code] = item
                return wrong
            case _:
                return None

    def _above(self, unit: UnitData) -> FieldError | None:
        if unit.parent is None:
            return None
        above, values = self.units.get(unit.parent), {"value": unit.parent}
        if above is None:
            problem = f"is {unit.parent!r}, which is not registered"
            return FieldError("$.data.parent", problem, "a registered unit", "parent-unknown", {**values})
        if above.organ != unit.organ:
            problem = f"is {unit.parent!r}, a unit of {above.organ!r}"
            values["organ"] = above.organ
            return FieldError("$.data.parent", problem, "a unit of the same organ", "parent-of-another", {**values})
        return None


def _owner(organ: str, known: Any, parents: Parents) -> FieldError | None:
    """What is wrong with the organ that registers a code: it must be one, and the first that registered it."""
    if organ not in parents:
        problem = f"is {organ!r}, which is not registered"
        return FieldError("$.data.organ", problem, "a registered organ", "organ-unknown", {"value": organ})
    if known is not None and known.organ != organ:
        problem = f"is {organ!r}, but the code is {known.organ!r}'s"
        return FieldError("$.data.organ", problem, repr(known.organ), "code-taken", {"organ": known.organ})
    return None
