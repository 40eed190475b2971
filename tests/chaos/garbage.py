"""Records that no tracker can read, or that only look as if: the fuzz, from a seed."""

import json
import random
from collections.abc import Iterator
from datetime import date
from typing import Any

from tests.chaos.requests import request

_HUGE = ("1e999999999", "-1e999999999", "9" * 5000, "1e-999999999", "0.1e40", "NaN", "Infinity", "-0", "1e309")
_DATES = (
    "9999-12-31",
    "0001-01-01",
    "2023-02-30",
    "20230101",
    "99999-01-01",
    "2023-13-01",
    "-0001-01-01",
    "",
    "1949-12-31",
)
_ODD: tuple[Any, ...] = (None, True, -1, 1.5, "", "\x00", "\ud800", [], {}, [[]], {"a": {}}, "x" * 3000, 10**30)


def _valid(rng: random.Random) -> dict[str, Any]:
    return rng.choice(request(rng, rng.randrange(10**9), "fuzz", date(2024, 1, 1)))


def _text(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _random_bytes(rng: random.Random) -> bytes:
    return rng.randbytes(rng.choice((0, 1, 7, 64, 300)))


def _truncated(rng: random.Random) -> bytes:
    text = _text(_valid(rng))
    return text[: rng.randrange(len(text))]


def _flipped(rng: random.Random) -> bytes:
    text = bytearray(_text(_valid(rng)))
    for _ in range(rng.randint(1, 4)):
        text[rng.randrange(len(text))] = rng.randrange(256)
    return bytes(text)


def _nested(rng: random.Random) -> bytes:
    depth = rng.choice((9, 50, 500, 5000, 20_000))
    opening, closing = rng.choice((("[", "]"), ('{"a":', "}")))
    deep = opening * depth + "1" * (opening != "[") + closing * (depth if rng.random() < 0.7 else 0)
    if rng.random() < 0.5:
        return deep.encode()
    fact = _valid(rng)
    fact["data"] = "HERE"
    kept = {**fact, "type": "org.shixian.fact-corrected.v1"}
    kept["data"] = {"amends": {"source": "s", "id": "i"}, "data": {"x": "HERE"}}
    return json.dumps(kept).replace('"HERE"', deep).encode()


def _wrong_type(rng: random.Random) -> bytes:
    fact = _valid(rng)
    place = fact if rng.random() < 0.5 else fact["data"]
    key = rng.choice(sorted(place))
    if rng.random() < 0.3:
        del place[key]
    else:
        place[key] = rng.choice(_ODD)
    return _text(fact)


def _huge(rng: random.Random) -> bytes:
    fact = _valid(rng)
    wanted = rng.choice(_HUGE)
    kind = rng.randrange(3)
    if kind == 0:
        name, data = (
            "tally-recorded",
            {"organ": "fuzz", "on": "2023-01-01", "measure": "fees-collected", "count": "HERE"},
        )
        fact = {**fact, "type": f"org.shixian.{name}.v1", "subject": "fuzz", "data": data}
    elif kind == 1:
        fact["data"][rng.choice(sorted(fact["data"]))] = "HERE"
    else:
        amended = {"amends": {"source": "s", "id": "i"}, "data": {"count": "HERE"}}
        fact = {**fact, "type": "org.shixian.fact-corrected.v1", "data": amended}
    return _text(fact).replace(b'"HERE"', wanted.encode())


def _dates(rng: random.Random) -> bytes:
    fact = _valid(rng)
    keys = [k for k in fact["data"] if k.endswith("_on") or k == "until"] or list(fact["data"])
    fact["data"][rng.choice(keys)] = rng.choice(_DATES)
    if rng.random() < 0.2:
        fact["time"] = rng.choice(("0001-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00", "2023-01-01", "now"))
    return _text(fact)


def _not_a_fact(rng: random.Random) -> bytes:
    return rng.choice(
        (
            b"",
            b"null",
            b"[]",
            b"[1]",
            b'"text"',
            b"{}",
            b'{"type":"org.shixian.organ-registered.v1"}',
            b'{"specversion":"1.0","type":"org.shixian.unheard-of.v1","source":"s","id":"1","subject":"x","data":{}}',
            b'{"specversion":"0.3","type":"org.shixian.fee-paid.v1","source":"s","id":"1","subject":"x","data":{}}',
            b"\xef\xbb\xbf{}",
            b"\xff\xfe{\x00}\x00",
        )
    )


_KINDS = (_random_bytes, _truncated, _flipped, _nested, _wrong_type, _huge, _dates, _not_a_fact)


def records(rng: random.Random, count: int) -> Iterator[tuple[bytes | None, bytes]]:
    """``count`` hostile records for the fact topic, each a key and a value; a few are facts by chance."""
    for _ in range(count):
        key = rng.choice((None, b"", b"fuzz", rng.randbytes(6)))
        yield key, rng.choice(_KINDS)(rng)
