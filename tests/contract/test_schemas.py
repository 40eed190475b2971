"""The exported contract is the one that is enforced: examples, schemas, the CloudEvents SDK and the codec agree."""

import json
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any

import jsonschema
import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_structured_event
from cloudevents.core.formats.json import JSONFormat

from services.events import meanings
from services.events.asyncapi import asyncapi
from services.events.codec import CASE_TYPES, FACT_TYPES, decode_case_event, decode_fact, encode
from services.events.examples import FOLDER, example
from services.events.pages import FOLDER as DOCS
from services.events.pages import written
from services.events.schema import FAMILIES, UnknownType, event_class, json_schema, short_name
from services.events.topics import topics

EVERY = [(family, short_name(type_)) for family, (_, types, _) in FAMILIES.items() for type_ in types]


formats = jsonschema.FormatChecker(["date"])


def is_instant(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


formats.checks("date-time", raises=ValueError)(is_instant)


@cache
def check_schema(text: str) -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(text))


@cache
def validator(name: str | None = None) -> jsonschema.Draft202012Validator:
    schema = json_schema(name)
    # Each part by itself, as the dialect has it, and so no part again in every schema that it belongs to.
    for part in ({**schema, "$defs": {}}, *schema["$defs"].values()):
        check_schema(json.dumps(part, sort_keys=True))
    return jsonschema.Draft202012Validator(schema, format_checker=formats)


def test_every_type_has_an_example_and_a_meaning_and_none_is_left_over() -> None:
    assert {f"{p.parent.name}/{p.stem}" for p in FOLDER.glob("*/*.json")} == {f"{f}/{n}" for f, n in EVERY}
    assert list(meanings.FACTS) == [short_name(t) for t in FACT_TYPES]
    assert list(meanings.CASES) == [short_name(t) for t in CASE_TYPES]


@pytest.mark.parametrize(("family", "name"), EVERY)
def test_an_example_is_its_type_and_fits_every_schema_of_it(family: str, name: str) -> None:
    raw = (FOLDER / family / f"{name}.json").read_bytes()
    event = decode_fact(raw) if family == "facts" else decode_case_event(raw)
    assert type(event) is event_class(f"{family}/{name}")[1]
    for value in (json.loads(raw), json.loads(encode(event))):
        for schema in (f"{family}/{name}", family, None):
            validator(schema).validate(value)


@pytest.mark.parametrize(("family", "name"), EVERY)
def test_an_example_is_a_cloudevent_to_others(family: str, name: str) -> None:
    raw = (FOLDER / family / f"{name}.json").read_bytes()
    event = decode_fact(raw) if family == "facts" else decode_case_event(raw)
    headers = {"content-type": b"application/cloudevents+json"}
    read = from_structured_event(KafkaMessage(headers=headers, key=None, value=encode(event)), JSONFormat())
    assert (read.get_id(), read.get_source(), read.get_type()) == (
        event.id,
        event.source,
        example(family, name)["type"],
    )
    assert read.get_subject() == event.subject
    if event.time is not None:  # the SDK puts the present where there is none
        assert read.get_time() == event.time
    assert read.get_data() == json.loads(encode(event))["data"]
    if event.recordedtime is not None:
        assert datetime.fromisoformat(read.get_extension("recordedtime")) == event.recordedtime


@pytest.mark.parametrize(("family", "name"), EVERY)
def test_a_schema_refuses_what_the_codec_refuses(family: str, name: str) -> None:
    schema = validator(f"{family}/{name}")
    for where in ("", "data"):
        event = example(family, name)
        (event[where] if where else event)["surplus"] = "x"
        assert not schema.is_valid(event)
    for field in ("specversion", "id", "source", "type", "subject", "data"):
        event = example(family, name)
        del event[field]
        assert not schema.is_valid(event)
    assert not schema.is_valid({**example(family, name), "time": "2013-03-04T09:00:00"})


def test_a_schema_names_its_type_once() -> None:
    assert event_class("org.shixian.fee-paid.v1") == event_class("fee-paid") == event_class("facts/fee-paid")
    assert event_class("tally-recorded")[0] == "facts"
    assert event_class("cases/tally-recorded")[0] == "cases"
    with pytest.raises(UnknownType, match="facts/fee-paid"):
        json_schema("fee-forgotten")


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from _references(value)
    elif isinstance(node, list):
        for item in node:
            yield from _references(item)


def test_the_asyncapi_document_holds_together() -> None:
    document = asyncapi("pre.", 7, 3)
    for reference in _references(document):
        at: Any = document
        for step in reference.removeprefix("#/").split("/"):
            at = at[step]
    assert {c["address"] for c in document["channels"].values()} == {t.name for t in topics("pre.", 7, 3)}
    assert document["channels"]["facts"]["bindings"]["kafka"]["partitions"] == 7
    assert document["channels"]["reference"]["bindings"]["kafka"]["partitions"] == 1
    assert list(document["channels"]["reference"]["messages"]) == [
        "facts.organ-registered",
        "facts.calendar-published",
        "facts.unit-registered",
        "facts.item-registered",
    ]
    carried = [m for c in ("facts", "reference", "cases") for m in document["channels"][c]["messages"]]
    assert sorted(carried) == sorted(f"{family}.{name}" for family, name in EVERY)
    for family, name in EVERY:
        message = document["components"]["messages"][f"{family}.{name}"]
        schema = {**message["payload"], "components": document["components"]}
        jsonschema.Draft202012Validator(schema).validate(message["examples"][0]["payload"])


def test_the_committed_reference_is_what_the_types_say() -> None:
    for name, text in written().items():
        assert (DOCS / name).read_text("utf-8") == text, f"run `python -m services.events.pages`: {name} is old"
