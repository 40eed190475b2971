"""What goes into the log comes out of it the same, and nothing that is put there can hurt a reader."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.events.codec import CASE_TYPES, FACT_TYPES, decode_case_event, decode_fact, encode
from services.events.envelope import Event
from services.events.examples import FOLDER
from services.events.refusals import Refused
from tests.property.event_values import case_events, case_events_of, facts, facts_of, json_values

EXAMPLES = [path.read_bytes() for path in sorted(FOLDER.glob("*/*.json"))]


def _returns(decode: Any, event: Event) -> None:
    raw = encode(event)
    again = decode(raw)
    assert again == event
    assert encode(again) == raw


def _only_refuses(raw: bytes) -> None:
    for decode in (decode_fact, decode_case_event):
        try:
            event = decode(raw)
        except Refused as refused:
            assert refused.error.field.startswith("$")
            assert refused.error.problem
            assert refused.error.expected
        else:
            _returns(decode, event)


@pytest.mark.parametrize("type_", FACT_TYPES)
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_a_fact_comes_back_as_it_was(type_: str, data: st.DataObject) -> None:
    _returns(decode_fact, data.draw(facts_of(FACT_TYPES[type_])))


@pytest.mark.parametrize("type_", CASE_TYPES)
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_a_case_event_comes_back_as_it_was(type_: str, data: st.DataObject) -> None:
    _returns(decode_case_event, data.draw(case_events_of(CASE_TYPES[type_])))


@given(raw=st.binary(max_size=300))
def test_any_bytes_are_an_event_or_refused(raw: bytes) -> None:
    _only_refuses(raw)


@given(data=st.data(), raw=st.sampled_from(EXAMPLES))
@settings(max_examples=300, deadline=None)
def test_an_example_with_bytes_changed_is_an_event_or_refused(data: st.DataObject, raw: bytes) -> None:
    start = data.draw(st.integers(0, len(raw)))
    end = data.draw(st.integers(start, min(len(raw), start + 20)))
    _only_refuses(raw[:start] + data.draw(st.binary(max_size=12)) + raw[end:])


@given(data=st.data(), raw=st.sampled_from(EXAMPLES))
@settings(max_examples=300, deadline=None)
def test_an_example_with_a_value_changed_is_an_event_or_refused(data: st.DataObject, raw: bytes) -> None:
    event = json.loads(raw)
    at = event
    while True:
        key = data.draw(st.sampled_from(list(at) if isinstance(at, dict) else range(len(at))))
        if not (isinstance(at[key], dict | list) and at[key] and data.draw(st.booleans())):
            break
        at = at[key]
    at[key] = data.draw(json_values.map(lambda value: json.loads(json.dumps(value, default=str))))
    _only_refuses(json.dumps(event).encode())


@given(event=facts | case_events, cut=st.integers(1, 200))
@settings(max_examples=100, deadline=None)
def test_a_truncated_event_is_refused(event: Event, cut: int) -> None:
    raw = encode(event)[:-cut]
    for decode in (decode_fact, decode_case_event):
        with pytest.raises(Refused):
            decode(raw)
