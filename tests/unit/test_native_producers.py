"""What a producer writes to the log without intake is refused in the words in which intake would have refused it."""

import json
from typing import Any

import pytest

from services.events.codec import FACT_TYPES
from services.events.examples import example
from services.events.refusals import FieldError, Refused
from services.events.schema import short_name
from services.intake.reading import MAX_EVENT, STRUCTURED, read
from services.tracker.core import apply
from tests.unit.test_events_refusals import CASES

PAID = example("facts", "fee-paid")
SENT: list[tuple[str, bytes]] = [
    # What is too large for intake is measured there before it is read; the log's records hold a little more.
    *((name, raw) for name, raw, *_ in CASES if len(raw) <= MAX_EVENT),
    *((f"subject {s}", json.dumps({**PAID, "subject": s}).encode()) for s in (".", "..")),
    ("sequence", json.dumps({**PAID, "sequence": 1}).encode()),
    ("no scalar", json.dumps({**PAID, "colour": ["red"]}).encode()),
]


def in_the_log(raw: bytes) -> FieldError:
    with pytest.raises(Refused) as refused:
        apply.read(b"any", raw)
    return refused.value.error


@pytest.mark.parametrize("raw", [raw for _, raw in SENT], ids=[name for name, _ in SENT])
async def test_the_words_are_intakes(raw: bytes) -> None:
    answer = await read([(b"content-type", STRUCTURED.encode())], raw)
    if answer.malformed:  # what is no JSON at all is told by the byte, which the log's reader does not look for
        assert in_the_log(raw).field.startswith("$")
        return
    (error,) = answer.errors
    found = in_the_log(raw)
    assert (found.field, found.problem, found.expected) == (error.field, error.problem, error.expected)


@pytest.mark.parametrize("type_", FACT_TYPES)
async def test_a_good_fact_needs_its_own_key_and_its_own_topic(type_: str) -> None:
    event: dict[str, Any] = example("facts", short_name(type_))
    raw = json.dumps({**event, "partitionkey": "x"}).encode()
    if short_name(type_) in ("organ-registered", "calendar-published", "unit-registered", "item-registered"):
        assert in_the_log(raw).field == "$.type"
        return
    assert in_the_log(raw).field == "the record's key"
    assert apply.read(event["subject"].encode(), raw).id == event["id"]
