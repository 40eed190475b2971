"""What a fact says, as a digest: it distinguishes the same fact sent again from another one under its name. Pure."""

from hashlib import sha1

import msgspec

from services.events.facts import RequestFact


def content_of(fact: RequestFact) -> str:
    """A digest of what a fact says; what a sender may write anew when it sends it again has no part in it."""
    said_by_it = _contents.encode((fact.__class__.__name__, fact.data))
    return sha1(said_by_it, usedforsecurity=False).hexdigest()


_contents = msgspec.json.Encoder(decimal_format="number", order="sorted")
