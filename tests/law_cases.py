"""Cases for the tests of the law in the tracker: real facts of the contract, decided one by one."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from services.events import facts as f
from services.events.codec import FACT_TYPES
from services.events.envelope import type_of
from services.events.facts import RequestFact
from services.events.vocabulary import Label
from services.tracker.core.case import Case
from services.tracker.core.decide import decide, tick
from services.tracker.core.reference_data import ReferenceData

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SOURCE = "urn:test"


def make(name: str, number: int, on: date, **values: Any) -> Any:
    shape: Any = FACT_TYPES[type_of(name)]
    data = {x: y for x, y in shape.__annotations__.items() if x == "data"}["data"](**values)
    return shape(
        specversion="1.0",
        id=f"{name}/{number}",
        source=SOURCE,
        subject="r",
        time=datetime.combine(on, time(4), UTC),
        data=data,
    )


def world() -> ReferenceData:
    organ = f.OrganData(
        code="o", name=Label(zh="机关", en="Organ"), timezone="Asia/Shanghai", calendar="CN", statute="CN"
    )
    return ReferenceData([f.OrganRegistered(specversion="1.0", id="o", source=SOURCE, subject="o", data=organ)])


WORLD = world()


def played(facts: Sequence[RequestFact]) -> Case:
    case = Case(subject="r")
    for fact in facts:
        case, _ = decide(case, fact, WORLD, NOW, {})
    return tick(case, WORLD, NOW)[0]
