"""Amounts that no table can hold are refused where facts are read."""

import pytest

from services.events.codec import decode_fact
from services.events.refusals import Refused

FACT = (
    '{{"specversion":"1.0","type":"org.shixian.tally-recorded.v1","source":"s","id":"1","subject":"a",'
    '"data":{{"organ":"a","on":"2013-05-06","measure":"{}","count":{}}}}}'
)


@pytest.mark.parametrize("measure", ["page-views", "fees-collected"])
@pytest.mark.parametrize(
    "count", ["1E-999999999", "0E-999999999", "1e-1000030", "1E+999999999", "1e-31", "-1", "1e400"]
)
def test_numbers_beyond_all_tables_are_refused(measure: str, count: str) -> None:
    with pytest.raises(Refused, match=r"\$\.data\.count"):
        decode_fact(FACT.format(measure, count).encode())


@pytest.mark.parametrize(
    ("measure", "count"), [("page-views", "0"), ("page-views", "7.0"), ("fees-collected", "0.000001")]
)
def test_numbers_within_reason_are_taken(measure: str, count: str) -> None:
    assert decode_fact(FACT.format(measure, count).encode()).subject == "a"
