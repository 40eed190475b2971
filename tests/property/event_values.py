"""Hypothesis strategies for every event type, built from the types themselves."""

import string
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from functools import cache
from typing import Any, cast

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

from services.events import facts as f
from services.events.codec import CASE_TYPES, FACT_TYPES
from services.events.codec import zones as known_zones
from services.events.envelope import Event
from services.events.office_facts import ItemRegistered, UnitRegistered
from services.events.vocabulary import DECIMAL_MEASURES, DECIMALS, FIRST_DAY, LAST_DAY, MOST

Strategy = st.SearchStrategy[Any]

_LINES = {*map(chr, range(0x20)), "\x7f"}
plain = st.characters(codec="utf-8", exclude_characters=_LINES)
days = st.dates(FIRST_DAY, LAST_DAY)
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
instants = st.datetimes(datetime(1951, 1, 1), datetime(2198, 12, 31), timezones=zones)  # noqa: DTZ001  # zones are added
whole = st.integers(0, int(MOST)).map(Decimal)
exact = st.tuples(st.integers(0, int(MOST) * 10**DECIMALS), st.integers(0, DECIMALS)).map(
    lambda pair: min(Decimal(pair[0]).scaleb(-pair[1]), MOST)
)
json_values: Strategy = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(plain) | exact,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(plain), inner, max_size=3),
    max_leaves=8,
).filter(lambda value: _depth(value) < 7)


def _depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0


def values(of: inspect.Type) -> Strategy:
    """Values of a type as msgspec describes it. Raises ``TypeError`` for one that no event has used so far."""
    match of:
        case inspect.Metadata():
            return values(of.type)
        case inspect.LiteralType():
            return st.sampled_from(of.values)
        case inspect.NoneType():
            return st.none()
        case inspect.BoolType():
            return st.booleans()
        case inspect.IntType():
            return st.integers(of.ge, of.le)
        case inspect.StrType():
            return _texts(of.pattern or "", of.min_length or 0, of.max_length)
        case inspect.DateType():
            return days
        case inspect.DateTimeType():
            return instants
        case inspect.DecimalType():
            return exact
        case inspect.VarTupleType():
            return st.lists(values(of.item_type), max_size=4).map(tuple)
        case inspect.DictType():
            return _json_objects
        case inspect.UnionType():
            return st.one_of([values(item) for item in of.types])
        case inspect.StructType():
            if of.cls not in _structs:
                fields = {field.name: values(field.type) for field in of.fields}
                _structs[of.cls] = st.builds(cast(Callable[..., Any], of.cls), **fields)
            return _structs[of.cls]
    raise TypeError(f"no strategy for {of}")


_structs: dict[type, Strategy] = {}
"""Made once: most of the time would go into making the same strategies again for each example."""
_json_objects = st.dictionaries(st.text(plain), json_values, max_size=3)


@cache
def _texts(pattern: str, min_size: int, max_size: int | None) -> Strategy:
    if "{32}" in pattern:
        return st.from_regex(pattern, fullmatch=True, alphabet=string.hexdigits.lower() + "-")
    # A request's id stands in web addresses, where these two mean something else.
    return st.text(plain, min_size=min_size, max_size=max_size).filter(lambda text: text not in (".", ".."))


@cache
def _described() -> dict[type[Event], inspect.Type]:
    """All classes of events at once: described one by one, what they share would be described for each."""
    classes = [*FACT_TYPES.values(), *CASE_TYPES.values()]
    return dict(zip(classes, inspect.multi_type_info(classes), strict=True))


def _made_valid(fact: Event, zone: str, count: Decimal) -> Event:
    """What a fact must keep to beyond its types (``codec.check``)."""
    put = msgspec.structs.replace
    match fact:
        case f.OrganRegistered():
            return put(fact, subject=fact.data.code, data=put(fact.data, timezone=zone))
        case UnitRegistered():
            parent = None if fact.data.parent == fact.data.code else fact.data.parent
            return put(fact, subject=fact.data.code, data=put(fact.data, parent=parent))
        case ItemRegistered():
            steps = {step.code: step for step in fact.data.special_steps}
            return put(fact, subject=fact.data.code, data=put(fact.data, special_steps=tuple(steps.values())))
        case f.CalendarPublished():
            free = tuple(day for day in fact.data.working_days if day not in fact.data.days_off)
            return put(fact, subject=fact.data.calendar, data=put(fact.data, working_days=free))
        case f.TallyRecorded():
            kept = fact.data.count if fact.data.measure in DECIMAL_MEASURES else count
            return put(fact, subject=fact.data.organ, data=put(fact.data, count=kept))
        case f.RequestReceived() if fact.data.mail is not None:
            return put(fact, data=put(fact.data, channel="post"))
        case f.FactCorrected() | f.FactRetracted() if fact.data.amends == fact.ref:
            return put(fact, id=f"not-{fact.id}"[:200])
        case _:
            return fact


_zone_names = st.sampled_from(sorted(known_zones()))


@cache
def facts_of(cls: type[Event]) -> Strategy:
    """Valid facts of one class."""
    return st.builds(_made_valid, values(_described()[cls]), _zone_names, whole)


@cache
def case_events_of(cls: type[Event]) -> Strategy:
    """Valid case events of one class."""
    return values(_described()[cls])


facts = st.sampled_from(list(FACT_TYPES.values())).flatmap(facts_of)
case_events = st.sampled_from(list(CASE_TYPES.values())).flatmap(case_events_of)
