"""Schemas of the first release brought up to date with rows in them; the files that made them never change."""

import hashlib
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from services.runtime import migrations
from services.runtime.migrations import migrate
from services.words.catalogue import refusal

FIRST = {
    "services.runtime": ("sql/0001_progress.sql", "8b39b0e318b0dd71896ca76fd804c8ea6b865a0da9656904c209f05a0b169635"),
    "services.tracker": (
        "migrations/0001_cases.sql",
        "d68ac286fb37af13113a6ff3396af2a3589a4017bb47db8d88cf54cc284ea610",
    ),
    "services.stats": ("migrations/0001_fold.sql", "235cf6a76a9be02ff2d879e7195773093836fce593804dea036e8b0cfe99b038"),
}
"""The sha256 of the files of the first release: whoever applied them can't apply others under their names."""


@pytest.mark.parametrize("package", FIRST)
def test_the_files_of_the_first_release_are_as_they_were(package: str) -> None:
    name, digest = FIRST[package]
    text = (files(package) / name).read_text("utf-8")
    assert hashlib.sha256(text.encode()).hexdigest() == digest, "a change to the schema is a new file"


def _first(package: str, folder: Path) -> Path:
    """A folder with nothing but the first file of a package."""
    name, _ = FIRST[package]
    folder.mkdir()
    source = files(package) / name
    (folder / source.name).write_text(source.read_text("utf-8"))
    return folder


async def _at_first_release(conn: Any, schema: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "_SHARED", _first("services.runtime", tmp_path / "shared"))
        assert len(await migrate(conn, schema, _first(f"services.{schema}", tmp_path / schema))) == 2


async def test_a_tracker_of_the_first_release_keeps_its_rows(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conn = await asyncpg.connect(postgres)
    await _at_first_release(conn, "tracker", tmp_path, monkeypatch)
    await conn.execute(
        """
        INSERT INTO tracker.progress VALUES ('shixian.facts', 0, 7);
        INSERT INTO tracker.dead_letter (topic, partition, "offset", value, reason)
            VALUES ('shixian.facts', 0, 3, '\\x00ff', 'not JSON'),
                ('shixian.facts', 0, 4, '', '$: is empty; expected one JSON object, a CloudEvent'),
                ('shixian.facts', 0, 5, '', '$.type: invalid value; expected one of a, b'),
                ('shixian.facts', 0, 6, '', '$.data.on: invalid date; expected a date');
        INSERT INTO tracker.cases (subject, partition, body, sequence, state, organ, waiting_for, calendar, updated_at)
            VALUES ('r1', 0, '{"subject":"r1"}', 2, 'waiting', '', 'request-received', '', now());
        INSERT INTO tracker.events (partition, subject, sequence, name, body)
            VALUES (0, 'r1', 1, 'fact-recorded', '{}');
        INSERT INTO tracker.published VALUES (0, 1);
        """
    )
    assert await migrate(conn, "tracker", files("services.tracker") / "migrations") != []
    letter = await conn.fetchrow('SELECT * FROM tracker.dead_letter WHERE "offset" = 3')
    assert letter is not None
    assert (letter["offset"], letter["value"], letter["state"], letter["why"]) == (3, b"\x00\xff", "open", "")
    assert (letter["key"], letter["published_at"]) == (None, None)
    codes = await conn.fetch('SELECT code, "values" FROM tracker.dead_letter ORDER BY "offset"')
    assert [row["code"] for row in codes] == ["unfit", "not-json", "type-unknown", "field-invalid"]
    said = [refusal(row["code"], json.loads(row["values"])).en for row in codes]
    assert said[1:] == ["$: not valid JSON", "$.type: the type is unknown", "$: the value is not valid"]
    assert await conn.fetchval("SELECT next_offset FROM tracker.progress") == 7
    assert await conn.fetchval("SELECT waiting_for FROM tracker.cases") == "request-received"
    assert await conn.fetchval("SELECT count(*) FROM tracker.events") == 1
    assert await migrate(conn, "tracker", files("services.tracker") / "migrations") == []
    await conn.close()


async def test_stats_of_the_first_release_are_brought_up_to_date(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was folded may be folded anew from the log; positions and rows must agree about it."""
    conn = await asyncpg.connect(postgres)
    await _at_first_release(conn, "stats", tmp_path, monkeypatch)
    await conn.execute(
        """
        INSERT INTO stats.progress VALUES ('shixian.cases', 0, 1);
        INSERT INTO stats.dead_letter (topic, partition, "offset", value, reason)
            VALUES ('shixian.cases', 0, 0, '', 'x');
        INSERT INTO stats.request (subject, sequence) VALUES ('r1', 1);
        INSERT INTO stats.cell VALUES ('a', 2013, 'received', 'online', 'natural-person', '', 1);
        INSERT INTO stats.cell_change VALUES ('a', 2013, 'received', 'online', 'natural-person', '', 1, 'r1', 1, now());
        INSERT INTO stats.folded VALUES ('shixian.cases', 0, 1, 0, now());
        """
    )
    assert await migrate(conn, "stats", files("services.stats") / "migrations") != []
    tables = ("progress", "request", "cell", "cell_change", "folded")
    counts = {await conn.fetchval(f"SELECT count(*) FROM stats.{name}") for name in tables}
    assert counts in ({0}, {1}), "all are kept, or all are made anew"
    assert await conn.fetchval("SELECT state FROM stats.dead_letter") == "open"
    await conn.close()
