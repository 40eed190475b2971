"""What intake makes of a call's bytes, whatever they are."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.events.codec import FACT_TYPES, encode
from services.events.examples import example
from services.events.schema import short_name
from services.intake import reading
from services.intake.reading import BATCH, PLAIN, STRUCTURED, read
from services.runtime.problems import ProblemError

FACTS = [example("facts", short_name(type_)) for type_ in FACT_TYPES]
PAID = example("facts", "fee-paid")


def raw(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


async def taken(content_type: str, body: bytes, **headers: str) -> reading.Reading:
    named = {f"ce-{name}": value for name, value in headers.items()}
    return await read({"content-type": content_type, **named}, body)


def binary(event: dict[str, Any]) -> dict[str, str]:
    return {k: str(v) for k, v in event.items() if k not in ("data", "datacontenttype")}


@pytest.mark.parametrize("event", FACTS, ids=lambda event: short_name(event["type"]))
async def test_a_fact_is_the_same_in_every_mode(event: dict[str, Any]) -> None:
    forms = [
        await taken(STRUCTURED, raw(event)),
        await taken(f"{STRUCTURED}; charset=UTF-8", raw(event)),
        await taken(PLAIN, raw(event)),
        await taken(BATCH, raw([event])),
        await taken(PLAIN, b" \n" + raw([event])),
        await taken(PLAIN, raw(event["data"]), **binary(event)),
    ]
    for form in forms:
        assert not form.errors
        assert form.facts == forms[0].facts
    (fact,) = forms[0].facts
    assert json.loads(encode(fact)) == {k: v for k, v in event.items() if k != "datacontenttype"}


async def test_binary_mode_decodes_percent_signs() -> None:
    found = await taken(PLAIN, raw(PAID["data"]), **{**binary(PAID), "subject": "%E7%94%B3%E8%AF%B7%201"})
    assert found.facts[0].subject == "申请 1"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"paid_on":"2013-03-29"},"subject":"other"', "$.data"),
        (b"paid", "$.data"),
        (b"", "$.data"),
        (b'{"paid_on":"2013-02-30"}', "$.data.paid_on"),
    ],
)
async def test_binary_mode_takes_nothing_but_data_from_the_body(body: bytes, field: str) -> None:
    found = await taken(PLAIN, body, **binary(PAID))
    assert not found.facts
    assert [error.field for error in found.errors] == [field]


@pytest.mark.parametrize(
    "media", ["text/plain", "", "application/x-www-form-urlencoded", "application/json; charset=gbk"]
)
async def test_another_content_type_is_refused_with_those_that_will_do(media: str) -> None:
    with pytest.raises(ProblemError, match="application/cloudevents") as refused:
        await taken(media, raw(PAID))
    assert refused.value.status == 415


@pytest.mark.parametrize(("field", "value"), [("recordedtime", "2013-01-01T00:00:00Z"), ("sequence", 3)])
@pytest.mark.parametrize("media", [STRUCTURED, BATCH])
async def test_what_the_log_sets_a_sender_may_not(media: str, field: str, value: object) -> None:
    event = {**PAID, field: value}
    found = await taken(media, raw([event] if media == BATCH else event))
    assert [error.field for error in found.errors] == [f"$.{field}"]
    assert "without it" in found.errors[0].expected


async def test_each_bad_event_of_a_batch_is_named() -> None:
    late = {**PAID, "data": {"paid_on": "2013-02-30"}}
    odd = {**PAID, "colour": "red"}
    found = await taken(BATCH, raw([PAID, late, PAID, odd, 7, None, []]))
    assert [(e.index, e.field) for e in found.errors] == [
        (1, "$.data.paid_on"), (3, "$.colour"), (4, "$"), (5, "$"), (6, "$")
    ]  # fmt: skip
    assert len(found.facts) == 2
    assert found.refused == [PAID["type"], PAID["type"], "", "", ""]
    assert not found.malformed


@pytest.mark.parametrize(
    ("body", "index"),
    [
        (b"[%s,%s" % (raw(PAID), raw(PAID)), 2),
        (b"[%s,oops,%s]" % (raw(PAID), raw(PAID)), 1),
        (b"[%s %s]" % (raw(PAID), raw(PAID)), 1),
        (b"[%s,]" % raw(PAID), 1),
        (b"[%s]]" % raw(PAID), 1),
        (b"[%s,%s]" % (raw(PAID), b"[" * 10**5 + b"]" * 10**5), 1),
        (b"[%s,%s]" % (raw(PAID), b"1" * 5000), 1),
        (b"\xff", 0),
        (b"", 0),
        (raw(PAID), 0),
    ],
)
async def test_a_batch_that_is_not_json_says_where(body: bytes, index: int) -> None:
    found = await taken(BATCH, body)
    assert found.malformed
    assert found.errors[-1].index == index


@pytest.mark.parametrize("body", [b"[]", b" [ \n] "])
async def test_an_empty_batch_is_one(body: bytes) -> None:
    found = await taken(BATCH, body)
    assert (found.facts, found.errors) == ([], [])


async def test_limits_are_told() -> None:
    found = await taken(BATCH, b"[" + b"0," * 150 + b"0]")
    assert (len(found.errors), len(found.refused)) == (reading.MAX_ERRORS, 151)
    with pytest.raises(ProblemError, match="10000 events") as refused:
        await taken(BATCH, b"[" + b"0," * reading.MAX_EVENTS + b"0]")
    assert refused.value.status == 413
    large = {**example("facts", "fact-corrected")}
    large["data"] = {**large["data"], "data": {"note": "x" * reading.MAX_EVENT}}
    found = await taken(STRUCTURED, raw(large))
    assert "at most 65536 bytes" in found.errors[0].expected


@given(
    body=st.binary(max_size=200) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(raw),
    media=st.sampled_from([STRUCTURED, BATCH, PLAIN]),
    attributes=st.dictionaries(st.sampled_from(["id", "type", "specversion", "data", "sequence"]), st.text(max_size=5)),
)
@settings(max_examples=300, deadline=None)
async def test_no_body_does_worse_than_being_refused(body: bytes, media: str, attributes: dict[str, str]) -> None:
    found = await taken(media, body, **attributes)
    assert found.errors or not found.facts
