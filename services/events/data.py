"""What the ``data`` of all events have in common."""

from msgspec import Struct


class Data(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The ``data`` of an event."""
