"""The topics of the log as an AsyncAPI 3.0 document, from the same types and the same topic settings."""

from typing import Any, get_args

from services.events.cases import CaseEvent
from services.events.examples import example
from services.events.facts import Fact, ReferenceFact
from services.events.schema import FAMILIES, components, short_name
from services.events.topics import Topic, topics

_BINDING = "0.5.0"
_CONTENT = "application/cloudevents+json"
_REFERENCE = frozenset(short_name(str(cls.__struct_config__.tag)) for cls in get_args(ReferenceFact))
_KEYS = {
    "facts": "the event's subject: a request's id, or an organ's code",
    "cases": "the event's subject: a request's id, or an organ's code",
    "reference": "the event's subject: an organ's, a unit's or an item's code, or a calendar's id",
    "dead-letters": "the key of the record that was refused",
}
_TEXTS = {
    "facts": "What happened, as intake systems saw it. One request's facts are in one partition, in order of arrival.",
    "cases": "What follows from the facts by law; numbered by `sequence` within the request. A repeated number is a "
    "repetition of the same event.",
    "reference": "Organs with their units and service items, and calendars, in one partition, read by every service "
    "from the beginning.",
    "dead-letters": "Records of the other topics that could not be decoded or were refused, with the reason.",
}
_OPERATIONS = (
    ("intake-sends-facts", "send", "facts"),
    ("intake-sends-reference-facts", "send", "reference"),
    ("tracker-receives-facts", "receive", "facts"),
    ("tracker-sends-case-events", "send", "cases"),
    ("tracker-sends-dead-letters", "send", "dead-letters"),
    ("stats-receives-case-events", "receive", "cases"),
    ("services-receive-reference-facts", "receive", "reference"),
)


def asyncapi(prefix: str = "shixian.", partitions: int = 12, replication: int = 1) -> dict[str, Any]:
    """The document for a log with these topic settings."""
    made = dict(
        zip(("facts", "cases", "reference", "dead-letters"), topics(prefix, partitions, replication), strict=True)
    )
    _, schemas = components(Fact | CaseEvent, "#/components/schemas/{name}")
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Shixian's log",
            "version": "1",
            "description": "The log of record: CloudEvents 1.0, structured JSON mode, on Kafka. Nothing in it expires.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": _CONTENT,
        "channels": {name: _channel(name, topic) for name, topic in made.items()},
        "operations": {
            id_: {"action": action, "channel": {"$ref": f"#/channels/{channel}"}}
            for id_, action, channel in _OPERATIONS
        },
        "components": {
            "messages": {
                f"{family}.{short_name(type_)}": _message(family, short_name(type_), cls.__name__)
                for family, (_, types, _) in FAMILIES.items()
                for type_, cls in types.items()
            }
            | {"dead-letter": {"title": "A refused record", "summary": _TEXTS["dead-letters"]}},
            "schemas": schemas,
        },
    }


def _messages_of(channel: str) -> list[str]:
    if channel == "dead-letters":
        return ["dead-letter"]
    family = "cases" if channel == "cases" else "facts"
    names = [short_name(type_) for type_ in FAMILIES[family][1]]
    if family == "facts":
        names = [name for name in names if (name in _REFERENCE) == (channel == "reference")]
    return [f"{family}.{name}" for name in names]


def _channel(name: str, topic: Topic) -> dict[str, Any]:
    settings = {
        "cleanup.policy": [topic.config["cleanup.policy"]],
        "retention.ms": int(topic.config["retention.ms"]),
        "retention.bytes": int(topic.config["retention.bytes"]),
    }
    return {
        "address": topic.name,
        "description": f"{_TEXTS[name]} Key: {_KEYS[name]}.",
        "messages": {m: {"$ref": f"#/components/messages/{m}"} for m in _messages_of(name)},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "replicas": topic.replication,
                "topicConfiguration": settings,
                "bindingVersion": _BINDING,
            }
        },
    }


def _message(family: str, name: str, schema: str) -> dict[str, Any]:
    english, chinese = FAMILIES[family][2][name]
    channel = "reference" if name in _REFERENCE else family
    return {
        "name": name,
        "title": chinese,
        "summary": english,
        "contentType": _CONTENT,
        "payload": {"$ref": f"#/components/schemas/{schema}"},
        "bindings": {
            "kafka": {"key": {"type": "string", "description": _KEYS[channel]}, "bindingVersion": _BINDING},
        },
        "examples": [{"name": name, "payload": example(family, name)}],
    }
