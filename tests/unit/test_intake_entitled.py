"""A fact of another organ's is refused, and says whose the caller may post."""

from typing import Any

import msgspec
import pytest

from services.access.principal import Principal
from services.events.codec import decode_fact
from services.intake.entitled import require_own, wrong_of
from services.intake.reading import Reading, Taken
from services.runtime.problems import ProblemError
from tests.support import ORGAN, raw, received


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


def test_a_correction_hands_no_request_to_an_organ_that_the_account_may_not_speak_for() -> None:
    amends = {"source": "urn:x", "id": "1"}
    principal = Principal(account="k", kind="token", scopes=frozenset({"facts:write"}), organs=frozenset({"a"}))
    for organ, is_own in (("a", True), ("c", False)):
        data = received("x", "2025-03-03", organ=organ)["data"]
        fact: Any = decode_fact(msgspec.json.encode(raw("fact-corrected", "x", {"amends": amends, "data": data})))
        reading = Reading(taken=[Taken(fact, None)])
        if is_own:
            require_own(reading, principal)
            continue
        with pytest.raises(ProblemError) as refused:
            require_own(reading, principal)
        assert [error.field for error in refused.value.errors] == ["$.data.data.organ"]


def test_an_admin_of_some_organs_registers_nothing_that_all_count_on() -> None:
    fact: Any = decode_fact(msgspec.json.encode(raw("organ-registered", "b", {**ORGAN, "code": "b", "parent": "a"})))
    for organs, is_refused in ((None, False), (frozenset({"a", "b"}), True), (frozenset[str](), True)):
        admin = Principal(account="k", kind="person", scopes=frozenset({"admin"}), organs=organs)
        assert bool(list(wrong_of(fact, admin))) == is_refused
