"""Each refusal names the field and says what was expected, in words that help the sender."""

import json
from typing import Any

import pytest

from services.events.codec import decode_case_event, decode_fact, encode, replace_data
from services.events.examples import example
from services.events.facts import FactCorrected, FeeNotified, OrganRegistered
from services.events.refusals import Refused


def changed(name: str, **changes: Any) -> bytes:
    """The example of a fact with fields put in its envelope (``data__x`` for its data); None takes a field out."""
    event = example("facts", name)
    for path, value in changes.items():
        at, _, key = path.rpartition("__")
        target = event[at] if at else event
        target[key] = value
        if value is None:
            del target[key]
    return json.dumps(event).encode()


def text(name: str, old: str, new: str) -> bytes:
    """The example of a fact with a piece of its text replaced: for what ``json.dumps`` would not write."""
    raw = json.dumps(example("facts", name))
    assert old in raw
    return raw.replace(old, new).encode()


CASES: list[tuple[str, bytes, str, str]] = [
    ("not JSON", b"hello", "$", "one JSON object"),
    ("empty", b"", "$", "one JSON object"),
    ("not UTF-8", text("fee-paid", "2013-0019", "XX").replace(b"XX", b"\xff"), "$", "one JSON object"),
    ("an array", b"[]", "$", "a CloudEvent 1.0 with specversion, id, source, type"),
    ("two objects", b"{}{}", "$.type", "org.shixian.fee-paid.v1"),
    ("unknown type", changed("fee-paid", type="org.shixian.fee-forgotten.v1"), "$.type", "org.shixian.fee-paid.v1"),
    ("no type", changed("fee-paid", type=None), "$.type", "org.shixian.fee-paid.v1"),
    (
        "a case event's type",
        changed("fee-paid", type="org.shixian.request-overdue.v1"),
        "$.type",
        "one of org.shixian.",
    ),
    ("no id", changed("fee-paid", id=None), "$.id", "an identifier of 1 to 200 characters"),
    ("empty id", changed("fee-paid", id=""), "$.id", "an identifier of 1 to 200 characters"),
    ("long subject", changed("fee-paid", subject="x" * 201), "$.subject", "an identifier of 1 to 200 characters"),
    ("line break", changed("fee-paid", subject="x\n"), "$.subject", "an identifier of 1 to 200 characters"),
    ("NUL", changed("fee-paid", subject="x\x00"), "$.subject", "an identifier of 1 to 200 characters"),
    ("other CloudEvents version", changed("fee-paid", specversion="0.3"), "$.specversion", "1.0"),
    ("unknown attribute", changed("fee-paid", applicant_name="x"), "$.applicant_name", "one of type, specversion"),
    ("unknown field", changed("fee-paid", data__name="x"), "$.data.name", "one of paid_on"),
    ("missing field", changed("fee-paid", data__paid_on=None), "$.data.paid_on", "a date YYYY-MM-DD that exists"),
    ("impossible date", changed("fee-paid", data__paid_on="2013-02-30"), "$.data.paid_on", "YYYY-MM-DD that exists"),
    ("date with time", changed("fee-paid", data__paid_on="2013-02-03T10:00"), "$.data.paid_on", "a date YYYY-MM-DD"),
    ("date long ago", changed("fee-paid", data__paid_on="1066-10-14"), "$.data.paid_on", "from 1950-01-01"),
    ("date far away", changed("fee-paid", data__paid_on="9999-12-31"), "$.data.paid_on", "to 2199-12-31"),
    (
        "date in a list",
        changed("calendar-published", data__days_off=["2013-01-01", "x"]),
        "$.data.days_off[1]",
        "a date",
    ),
    ("time without zone", changed("fee-paid", time="2013-03-04T09:00:00"), "$.time", "an RFC 3339 instant with a time"),
    ("time that overflows", changed("fee-paid", time="0001-01-01T00:00:00+14:00"), "$.time", "between 1950-01-01"),
    ("unknown channel", changed("request-received", data__channel="pigeon"), "$.data.channel", "one of email, fax"),
    ("wrong kind", changed("extension-granted", data__amount="15"), "$.data.amount", "the limit's units, 1 to 3660"),
    (
        "too many units",
        changed("extension-granted", data__amount=4000),
        "$.data.amount",
        "the limit's units, 1 to 3660",
    ),
    ("half a unit", changed("extension-granted", data__amount=1.5), "$.data.amount", "the limit's units, 1 to 3660"),
    ("negative fee", changed("fee-notified", data__amount=-1), "$.data.amount", "a number from 0 to 1000000000000000"),
    ("too exact a fee", changed("fee-notified", data__amount=0.0000001), "$.data.amount", "at most 6 decimals"),
    ("fee beyond reason", text("fee-notified", "12.5", "1e99"), "$.data.amount", "a number from 0 to"),
    ("fee beyond numbers", text("fee-notified", "12.5", f"1e{'9' * 30}"), "$.data.amount", "a number from 0"),
    ("fee that is none", changed("fee-notified", data__amount="NaN"), "$.data.amount", "a number from 0 to"),
    ("half a publication", changed("tally-recorded", data__count=0.5), "$.data.count", "a whole number from 0 to"),
    ("other subject", changed("tally-recorded", subject="elsewhere"), "$.subject", "'gz-psb', as in the data"),
    ("other organ", changed("organ-registered", subject="elsewhere"), "$.subject", "'gz-psb', as in the data"),
    ("no such zone", changed("organ-registered", data__timezone="Asia/Canton"), "$.data.timezone", "an IANA time zone"),
    ("zone is a folder", changed("organ-registered", data__timezone="Asia"), "$.data.timezone", "an IANA time zone"),
    ("zone is a path", changed("organ-registered", data__timezone="../../etc"), "$.data.timezone", "an IANA time zone"),
    ("one name", changed("organ-registered", data__name={"zh": "局"}), "$.data.name.en", "plain text"),
    ("day twice", changed("calendar-published", data__working_days=["2013-01-01"]), "$.data.working_days", "one list"),
    (
        "corrects itself",
        changed("fact-corrected", data__amends={"source": "/gz-psb/register", "id": "2013-0019/16"}),
        "$.data.amends",
        "another event's source and id",
    ),
    (
        "deep correction",
        text("fact-corrected", '"posted"', "[" * 99 + "]" * 99),
        "$.data.data.service",
        "at most 8 levels",
    ),
    ("bottomless", text("fact-corrected", '"posted"', "[" * 10**5 + "]" * 10**5), "$", "one JSON object"),
    (
        "bottomless behind a mistake",
        b'{"type":"org.shixian.fee-paid.v1","bogus":1,"x":' + b"[" * 10**5 + b"]" * 10**5 + b"}",
        "$",
        "one JSON object",
    ),
    ("endless number", text("fact-corrected", '"posted"', "1" * 5000), "$.data.data[...]", "numbers that"),
    ("exponent", text("fact-corrected", '"posted"', "1e999999999999999999999"), "$.data.data[...]", "numbers that"),
    ("NUL in a correction", changed("fact-corrected", data__data={"a": ["\x00"]}), "$.data.data.a", "plain text"),
]


@pytest.mark.parametrize(("raw", "field", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_a_bad_fact_is_refused_by_field_and_expectation(raw: bytes, field: str, expected: str) -> None:
    with pytest.raises(Refused) as refused:
        decode_fact(raw)
    error = refused.value.error
    assert error.field == field
    assert expected in error.expected
    assert error.problem
    assert str(refused.value) == f"{error.field}: {error.problem}; expected {error.expected}"


def test_a_refusal_stays_short_whatever_is_refused() -> None:
    for raw in (changed("fee-notified", data__amount=10**4000), changed("tally-recorded", subject="é" * 200)):
        with pytest.raises(Refused) as refused:
            decode_fact(raw)
        assert len(str(refused.value)) < 700


def test_a_case_event_is_refused_by_field_and_expectation() -> None:
    event = example("cases", "request-overdue")
    event["data"]["limit"] = "patience"
    with pytest.raises(Refused) as refused:
        decode_case_event(json.dumps(event).encode())
    assert refused.value.error.field == "$.data.limit"
    assert refused.value.error.expected.startswith("one of answer, ")


def test_a_correction_keeps_its_decimals_exactly() -> None:
    raw = text("fact-corrected", '"posted"', "123456789012345.123456")
    assert b"123456789012345.123456" in encode(decode_fact(raw))


def test_a_correction_is_checked_against_the_fact_that_it_amends() -> None:
    fee = decode_fact(changed("fee-notified"))
    correction = decode_fact(
        changed("fact-corrected", data__data={"notified_on": "2013-03-27", "amount": 1.1}, subject=fee.subject)
    )
    assert isinstance(fee, FeeNotified)
    assert isinstance(correction, FactCorrected)
    corrected = replace_data(fee, correction.data.data)
    assert isinstance(corrected, FeeNotified)
    assert str(corrected.data.amount) == "1.1"
    for data, field in (
        ({"amount": 1}, "$.data.data.notified_on"),
        ({"notified_on": "x", "amount": 1}, "$.data.data.notified_on"),
    ):
        with pytest.raises(Refused) as refused:
            replace_data(fee, data)
        assert refused.value.error.field == field


@pytest.mark.parametrize(
    "zone", ["Asia/Shanghai", "PRC", "UTC", "Etc/GMT-8", "Asia/Urumqi", "America/Argentina/Buenos_Aires"]
)
def test_a_zone_of_ianas_is_taken_under_each_of_its_names(zone: str) -> None:
    data = {**example("facts", "organ-registered")["data"], "timezone": zone}
    found = decode_fact(changed("organ-registered", data=data))
    assert isinstance(found, OrganRegistered)
    assert found.data.timezone == zone


@pytest.mark.parametrize(
    "zone",
    [
        "localtime", "Factory", "posixrules", "Etc/Unknown", "right/Asia/Shanghai", "posix/UTC", "SystemV/EST5",
        "asia/shanghai", "ASIA/SHANGHAI", "utc", "Asia/Shanghai ", "Asia", "+08:00", "CST-8", "", "../Asia/Shanghai",
        "/etc/localtime", "tzdata.zi", "zone.tab", "leapseconds",
    ],
)  # fmt: skip
def test_what_is_no_zone_or_another_on_each_machine_is_refused(zone: str) -> None:
    data = {**example("facts", "organ-registered")["data"], "timezone": zone}
    with pytest.raises(Refused) as refused:
        decode_fact(changed("organ-registered", data=data))
    assert refused.value.error.field == "$.data.timezone"
