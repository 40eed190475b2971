"""Five thousand hostile records straight onto the fact topic."""

from pathlib import Path

import pytest

from tests.chaos.fuzz import MEGABYTE, fuzz

SEED, RECORDS = 5, 5000
"""Some 600 of each of the eight kinds: each number, date and value that is put in somewhere comes a dozen times and
more. How they come together is what more of them would show (`make fuzz` puts a hundred thousand)."""


@pytest.mark.timeout(400)
async def test_every_hostile_record_is_a_dead_letter_and_the_tracker_goes_on(
    folder: Path, classpath: list[Path]
) -> None:
    found = await fuzz(SEED, RECORDS, folder, classpath)
    assert found.differing == []
    assert found.ends == []
    assert found.letters + found.facts == RECORDS
    assert found.letters > RECORDS * 0.9
    assert found.grown < 40 * MEGABYTE, found.line()
