"""A name that stands twice in an object: neither value is taken."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.events.refusals import Refused
from services.events.twice import refuse_twice
from services.intake.reading import BATCH, PLAIN, Reading, read
from tests.support import raw

FACT = json.dumps(raw("answer-delivered", "x", {"delivered_on": "2025-03-20"}))


async def taken(body: str, media: str = PLAIN) -> Reading:
    return await read([(b"content-type", media.encode())], body.encode())


@pytest.mark.parametrize(
    ("given", "twice", "field"),
    [
        ('"subject": "x"', '"subject": "x", "subject": "y"', "$.subject"),
        ('{"delivered_on"', '{"delivered_on": "2025-03-21", "delivered_on"', "$.data.delivered_on"),
        ('"subject": "x"', '"subject": "x", "subject": "x"', "$.subject"),
        ('"subject": "x"', '"subject": "x", "subj\\u0065ct": "y"', "$.subject"),
        ('"subject": "x"', '"subject": "x", "shop": "a", "shop": "b"', "$.shop"),
    ],
)  # fmt: skip
async def test_intake_refuses_it_and_names_it(given: str, twice: str, field: str) -> None:
    assert given in FACT and not (await taken(FACT)).errors
    reading = await taken(FACT.replace(given, twice))
    (error,) = reading.errors
    assert (error.field, error.code, reading.facts) == (field, "name-twice", [])
    assert error.expected == "each name once in an object"


async def test_one_of_a_batch_says_which() -> None:
    again = FACT.replace("{", '{"id": "again", ', 1)
    reading = await taken(f"[{FACT}, {again}]", BATCH)
    assert [(error.index, error.field) for error in reading.errors] == [(1, "$.id")] and len(reading.facts) == 1


def test_the_path_leads_through_lists() -> None:
    with pytest.raises(Refused) as refused:
        refuse_twice(b'{"data": {"a": [1, {"b": [[{"c": 1, "c": 2}]]}]}}')
    assert refused.value.error.field == "$.data.a[1].b[0][0].c"


def test_what_json_holds_beside_names_is_no_matter_and_a_long_name_is_cut() -> None:
    refuse_twice(b'{"a": ' + b"9" * 5000 + b', "b": "\xff"}')
    name = b"n" * 5000
    with pytest.raises(Refused) as refused:
        refuse_twice(b'{"' + name + b'": 1, "' + name + b'": 2}')
    assert len(str(refused.value)) < 400


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=15,
)


@given(VALUES)
def test_what_has_each_name_once_passes(value: Any) -> None:
    refuse_twice(json.dumps(value).encode())
