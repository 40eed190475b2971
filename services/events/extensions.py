"""Extension attributes of a CloudEvent: what others write beside the contract's own, kept as it stands.

CloudEvents 1.0.2, "Extension Context Attributes" and "Type System": a name of small letters and digits, a value that is
a text without control characters, a whole number of 32 bits, or a boolean.
"""

import re

import msgspec

from services.events.envelope import Event
from services.events.refusals import FieldError, Refused, Values

MOST = 20
"""Extension attributes of one event."""
LONGEST = 1024
"""Bytes of the value of one."""
NAME = r"^[a-z0-9]{1,20}$"

_name = re.compile(NAME.replace("$", r"\Z"))
_unknown = re.compile(r"Object contains unknown field `([^`]*)`\Z")
_control = re.compile(r"[\x00-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")
_OWN = frozenset({"type", "data", *(field.encode_name for field in msgspec.structs.fields(Event))})
_top = msgspec.json.Decoder(dict[str, msgspec.Raw])
_WHAT = (
    f"an extension attribute: a text without control characters, a whole number, true or false; at most {LONGEST} bytes"
)


def may_be(error: msgspec.ValidationError) -> bool:
    """Whether a refusal is about an attribute of the event itself that no event of ours has."""
    match = _unknown.match(str(error))
    return match is not None and _name.match(match[1]) is not None


def parted(raw: bytes | msgspec.Raw) -> tuple[bytes, bytes]:
    """The event without its extension attributes, and those as they stand, each behind a comma.

    What can be none stays in the event. Raises :class:`Refused` and what msgspec raises.
    """
    own: dict[str, msgspec.Raw] = {}
    kept: dict[str, msgspec.Raw] = {}
    for name, value in _top.decode(raw).items():
        (own if name in _OWN or not _name.match(name) else kept)[name] = value
    if len(kept) > MOST:
        values: Values = {"count": len(kept), "most": MOST}
        problem = f"has {len(kept)} extension attributes"
        raise Refused(FieldError("$", problem, f"at most {MOST} of them", "too-many-extensions", values))
    for name, value in kept.items():
        if not _scalar(bytes(value)):
            problem = "is no attribute of the contract and no extension attribute"
            raise Refused(FieldError(f"$.{name}", problem, _WHAT, "extension-invalid"))
    return msgspec.json.encode(own), b"".join(b',"%b":%b' % (name.encode(), value) for name, value in kept.items())


def _scalar(value: bytes) -> bool:
    if len(value) > LONGEST:
        return False
    decoded = msgspec.json.decode(value)
    if isinstance(decoded, str):
        return not _control.search(decoded)
    return isinstance(decoded, bool) or (isinstance(decoded, int) and -(2**31) <= decoded < 2**31)
