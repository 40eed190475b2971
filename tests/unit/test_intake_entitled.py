"""A fact of another organ's is refused, and says whose the caller may post."""

from typing import Any

import msgspec
import pytest

from services.access.principal import Principal
from services.events.codec import decode_fact
from services.intake.entitled import require_own
from services.intake.reading import Reading, Taken
from services.runtime.problems import ProblemError
from tests.support import received


@pytest.mark.parametrize(
    ("organs", "expected"), [({"a", "b"}, "one of a, b"), (set(), "an account that may speak for it: this one may for")]
)
def test_the_organs_that_an_account_speaks_for_are_named(organs: set[str], expected: str) -> None:
    fact: Any = decode_fact(msgspec.json.encode(received("x", "2025-03-03", organ="c")))
    principal = Principal(account="k", kind="token", scopes=frozenset({"facts:write"}), organs=frozenset(organs))
    with pytest.raises(ProblemError) as refused:
        require_own(Reading(taken=[Taken(fact, None)]), principal)
    (error,) = refused.value.errors
    assert (refused.value.status, error.field) == (403, "$.data.organ") and error.expected.startswith(expected)
