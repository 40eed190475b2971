"""The benchmark of the report at a small size: it runs, and counters and recount are equal."""

from benchmarks.report import measure


async def test_a_report_over_many_requests_is_quick_and_equals_the_recount() -> None:
    assert await measure(20_000)
