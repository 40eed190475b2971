"""The JSON Schema of statute profiles, for editors and for whoever writes a file without running the program.

TOML's dates appear in it as strings ``YYYY-MM-DD``.
"""

from typing import Any, get_args

from services.statute import profile as p
from services.statute.settings import KNOWN

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string", "pattern": r"\S"}
_DATE: Schema = {"type": "string", "format": "date"}
_FLAG: Schema = {"type": "boolean", "description": "false where the basis was not read"}


def _one_of(choices: tuple[str, ...], default: str | None = None) -> Schema:
    return {"enum": list(choices)} | ({"default": default} if default else {})


def _count(least: int = 0) -> Schema:
    return {"type": "integer", "minimum": least, "maximum": 3660}


def _object(required: Schema, optional: Schema | None = None) -> Schema:
    return {
        "type": "object",
        "required": list(required),
        "properties": required | (optional or {}),
        "additionalProperties": False,
    }


def _limit(required: Schema | None = None, optional: Schema | None = None) -> Schema:
    return _object(
        {"amount": _count(1), "unit": _one_of(get_args(p.Unit)), "article": _TEXT} | (required or {}),
        {
            "roll": _one_of(get_args(p.Roll), "none"),
            "start": _one_of(get_args(p.Start)),
            "confirmed": _FLAG,
        }
        | (optional or {}),
    )


def _pause(more: Schema, effects: tuple[str, ...] = get_args(p.Effect)) -> Schema:
    return _object(
        {"effect": _one_of(effects), "article": _TEXT},
        {
            "extend_by": _count(1),
            "silence": _one_of(get_args(p.Silence), "none"),
            "notice": _limit(),
            "confirmed": _FLAG,
        }
        | more,
    ) | {
        "if": {"properties": {"effect": {"const": "extend"}}},
        "then": {"required": ["extend_by"]},
        "else": {"not": {"required": ["extend_by"]}},
    }


def _dates_of_receipt() -> Schema:
    return {"type": "array", "minItems": 1, "items": _one_of(p.RECEIPT_FIELDS)}


def _settings() -> Schema:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            name: {
                "description": known.en,
                **_object({"value": _one_of(tuple(known.allowed), known.default), "source": _TEXT, "confirmed": _FLAG}),
            }
            for name, known in KNOWN.items()
        },
    }


def schema() -> Schema:
    """The JSON Schema (2020-12) of one profile file."""
    lapse: Schema = {"lapse": {"type": "boolean", "default": False}}
    channels = {c: _dates_of_receipt() for c in p.CHANNELS if c != "email"}
    asking = tuple(e for e in get_args(p.Effect) if e != "restart")
    found = _object(
        {
            "id": _TEXT,
            "statute": _TEXT,
            "title": _object({"zh": _TEXT, "en": _TEXT}),
            "source": _TEXT,
            "calendar": _TEXT,
            "in_force": _object({"from": _DATE}, {"through": _DATE}),
            "answer": _limit(optional={"silence": _one_of(get_args(p.Silence), "none")}),
            "extension": _object(
                {
                    "cap": _count(),
                    "count": _count(),
                    "notify": _one_of(("inside-limit", "any-time")),
                    "article": _TEXT,
                },
                {
                    "counts_from": _one_of(("budget", "expiry"), "budget"),
                    "unit": _one_of(get_args(p.Unit)),
                    "confirmed": _FLAG,
                },
            ),
            "receipt": _object({**channels, "article": _TEXT}, {"email": _dates_of_receipt()}),
            "clarification": _pause(lapse),
            "consultation": _object({party: _pause({"limit": _limit()}, asking) for party in p.PARTIES}),
            "fee": _pause(lapse | {"limit": _limit()}),
            "volume": _object({"effect": _one_of(("none", "defer")), "article": _TEXT}),
            "answering": _object({s: _one_of(p.ANSWERED) for s in p.SERVICES} | {"article": _TEXT}),
            "warnings": _object(
                {"ladder": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 365}}}
            ),
        },
        {
            "settings": _settings(),
            "remedies": {
                "type": "array",
                "items": _limit(
                    {
                        "kind": _one_of(p.REMEDIES),
                        "after": {"type": "array", "minItems": 1, "items": _one_of(get_args(p.After))},
                    },
                    {"from": _DATE, "through": _DATE},
                ),
            },
        },
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A statute profile: what one version of a statute says about time",
        **found,
    }
