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
    named = [(f"ce-{name}".encode(), value.encode()) for name, value in headers.items()]
    return await read([(b"content-type", content_type.encode()), *named], body)


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
    odd = {**PAID, "colour": ["red"]}
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
        (b"[%s,%s,NaN]" % (raw(PAID), raw(PAID)), 2),
        (b"[%s,[[1]]]]" % raw(PAID), 2),
        (b'[%s,{"a":"]\\",","b":[1,{"c":tru' % raw(PAID), 1),
        (b"[%s,%s]" % (raw(PAID), b'"\xff"'), 1),
        (b"[" + b"0," * 200 + b"oops]", 200),
        (b"\xef\xbb\xbf[]", 0),
        (b"[]x", 0),
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
    try:
        found = await taken(media, body, **attributes)
    except ProblemError as refused:
        assert refused.status == 400
        assert media == PLAIN
        assert attributes
    else:
        assert found.errors or not found.facts


FEE = example("facts", "fee-notified")


def fee(amount: str) -> bytes:
    return raw({**FEE, "data": {**FEE["data"], "amount": 0}}).replace(b'"amount": 0', b'"amount": ' + amount.encode())


@pytest.mark.parametrize("amount", ["1e400", "-1e400", "1" * 5000, "1e-400"])
@pytest.mark.parametrize("media", [STRUCTURED, BATCH])
async def test_a_number_out_of_range_is_json_and_its_field_is_named(media: str, amount: str) -> None:
    found = await taken(media, b"[%s]" % fee(amount) if media == BATCH else fee(amount))
    assert [e.field for e in found.errors] == ["$.data.amount"]
    assert not found.malformed


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-", "01", "+1", ".5"])
@pytest.mark.parametrize("media", [STRUCTURED, BATCH])
async def test_what_is_no_number_is_not_json_alone_or_in_a_batch(media: str, amount: str) -> None:
    found = await taken(media, b"[%s]" % fee(amount) if media == BATCH else fee(amount))
    assert found.malformed
    assert "byte" in found.errors[-1].problem


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"\xef\xbb\xbf{}", "begins with a byte order mark"),
        (b"[" * 10**4, "is nested too deeply"),
        (b'{"a":"\xff"}', "is not UTF-8 at byte 6"),
    ],
)
@pytest.mark.parametrize("media", [STRUCTURED, BATCH])
async def test_what_is_not_json_says_why(media: str, body: bytes, problem: str) -> None:
    found = await taken(media, b"[%s]" % body if media == BATCH and body[:1] == b"{" else body)
    assert found.malformed
    assert found.errors[-1].problem == problem


async def test_a_body_of_very_many_values_is_not_taken_apart() -> None:
    with pytest.raises(ProblemError, match="300000 values") as refused:
        await taken(BATCH, b"[" + b"1," * 300_001 + b"1]")
    assert refused.value.status == 413


async def test_raw_utf8_in_a_header_is_taken_as_it_stands_and_a_quoted_string_as_what_it_quotes() -> None:
    found = await taken(PLAIN, raw(PAID["data"]), **{**binary(PAID), "subject": "申请 1"})
    assert found.facts[0].subject == "申请 1"
    found = await taken(PLAIN, raw(PAID["data"]), **{**binary(PAID), "subject": '"a \\"b\\" %E7%94%B3"'})
    assert found.facts[0].subject == 'a "b" 申'


@pytest.mark.parametrize("subject", [b"%ff", b"%C0%A0", b"\xff", b"\xc4\xe3", b"100%", b"%zz", b'"open', b'"a"b"'])
async def test_a_header_that_is_no_text_is_refused_and_named(subject: bytes) -> None:
    given = {**binary(PAID), "subject": "x"}
    headers = [(f"ce-{k}".encode(), v.encode()) for k, v in given.items() if k != "subject"]
    with pytest.raises(ProblemError) as refused:
        await read([(b"content-type", PLAIN.encode()), *headers, (b"ce-subject", subject)], raw(PAID["data"]))
    assert (refused.value.status, refused.value.errors[0].field) == (400, "headers.ce-subject")


async def test_an_attribute_sent_twice_is_refused() -> None:
    headers = [(b"content-type", PLAIN.encode()), (b"ce-id", b"1"), (b"ce-id", b"1")]
    with pytest.raises(ProblemError, match="ce-id is there twice") as refused:
        await read(headers, b"")
    assert refused.value.status == 400


@pytest.mark.parametrize("subject", [".", ".."])
async def test_a_subject_that_no_address_can_hold_is_refused(subject: str) -> None:
    found = await taken(STRUCTURED, raw({**PAID, "subject": subject}))
    assert [e.field for e in found.errors] == ["$.subject"]
    assert (await taken(STRUCTURED, raw({**PAID, "subject": f"a/{subject}"}))).facts
