"""The ids of case events."""

from uuid import uuid5

from hypothesis import given
from hypothesis import strategies as st

from services.tracker.core import decide


@given(st.text(), st.integers(min_value=1))
def test_an_event_s_id_is_the_uuid_of_what_it_is(subject: str, sequence: int) -> None:
    subject = subject.encode("utf-8", "replace").decode()
    assert decide.event_id(subject, sequence) == str(uuid5(decide._IDS, f"{subject}\n{sequence}"))
