"""Published reports in an exported file: they come back as they were, and take no other one's place."""

import asyncio
import hashlib
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.archive import blocks, exporting, publications
from services.archive.lines import Kept, contents
from services.commands import archive
from services.runtime.settings import load as settings
from tests.integration.recovery import environment, everything, load, put, quiet, services, shixian, sql

KEPT = "SELECT organ, year, number, published_on, made_at, content, digest FROM stats_kept.publication ORDER BY 1, 2, 3"
NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


@pytest.fixture
def env(kafka: str, postgres: str) -> dict[str, str]:
    found = environment(kafka, postgres)
    put(found, load(5, 300))
    return found


@pytest.fixture
def other(env: dict[str, str], other_postgres: str) -> dict[str, str]:
    """The same broker under another prefix, and another database: as good as another installation."""
    prefix = f"other.{env['SHIXIAN_TOPIC_PREFIX']}"
    return {**env, "SHIXIAN_TOPIC_PREFIX": prefix, "SHIXIAN_POSTGRES": other_postgres}


def quietly(total: int, what: str) -> Any:
    return nullcontext(lambda count: None)


def publication(organ: str, number: int, text: str = "x" * 3000, **given: Any) -> Kept:
    made_at = given.get("made_at", datetime(2024, 1, 31, 8, number, 1, 123456, tzinfo=UTC))
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Kept(organ, 2023, number, date(2024, 1, 31), made_at, text, digest)


def keep(env: dict[str, str], lot: list[Kept]) -> None:
    async def run() -> None:
        async with publications.connected(env["SHIXIAN_POSTGRES"]) as conn:
            await publications.prepare(conn)
            await publications.put(conn, lot)

    asyncio.run(run())


def rows(env: dict[str, str]) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in sql(env, KEPT)]


def test_what_was_published_is_published_after_a_restore_with_its_revisions(
    env: dict[str, str], other: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "log.gz"
    with services(env) as (_, stats):
        quiet(env)
        organ, year = sql(env, "SELECT organ, max(year) FROM stats.cell WHERE kind = 'closed' GROUP BY 1 LIMIT 1")[0]
        path = f"/v1/annual/{organ}/{year}/publications"
        for published_on in ("2024-01-31", "2024-03-01"):
            wanted = {"form": "cn-2021", "published_on": published_on, "despite": "a test"}
            assert stats.http.post(path, json=wanted).status_code == 201
            # More of the same comes in, and the published numbers have revisions.
            put(env, [s for s in load(int(published_on[6]), 200) if s[0] == "facts"])
            quiet(env)
        told = stats.get(path)
    assert [p["content"]["number"] for p in told["publications"]] == [1, 2] and told["publications"][0]["revisions"]
    exported = shixian(env, "export", str(file))
    records = sum(len(everything(env, topic)) for topic in ("facts", "cases", "reference", "dead-letters"))
    assert exported.stdout == f"{records} records exported, and 2 published reports are kept\n", exported.stderr
    for _ in range(2):  # a restore that is repeated changes nothing
        restored = shixian(other, "restore", str(file))
        said = f"{records} records are in the log, and 2 published reports are kept\n"
        assert restored.stdout == said, restored.stderr
        assert rows(other) == rows(env)
    assert shixian(other, "rebuild").returncode == 0
    with services(other, "stats") as (stats,):
        assert stats.get(path) == told


def test_a_file_of_the_first_format_is_restored_and_needs_no_database(
    env: dict[str, str], other: dict[str, str], tmp_path: Path
) -> None:
    new, old = tmp_path / "new.gz", tmp_path / "old.gz"
    keep(env, [publication("a", 1)])
    archive.export(settings(env), new, quietly)
    with old.open("wb") as file:
        writer = blocks.Writer(file)
        for block in blocks.read(new):
            lines = [line.replace(b"shixian log 2", b"shixian log 1") for line in block.lines]
            if lines[0].startswith(b'{"end"'):
                lines = [msgspec.json.encode({"end": msgspec.json.decode(lines[0])["end"]})]
            if not lines[0].startswith(b'{"publication"'):
                writer.write(lines)
    restored = shixian({**other, "SHIXIAN_POSTGRES": NOWHERE}, "restore", str(old))
    assert restored.returncode == 0 and restored.stdout.endswith(
        " records are in the log, and 0 published reports are kept\n"
    ), restored.stderr
    away = shixian({**other, "SHIXIAN_POSTGRES": NOWHERE}, "restore", str(new))
    assert away.returncode == 2 and away.stderr.startswith("shixian: PostgreSQL: ") and away.stderr.count("\n") == 1


def test_another_publication_in_the_place_of_one_is_refused_before_anything_is_written(
    env: dict[str, str], other: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "log.gz"
    keep(env, [publication("a", 1), publication("a", 2)])
    archive.export(settings(env), file, quietly)
    keep(other, [publication("a", 2, "what was published here")])
    before = rows(other)
    refused = shixian(other, "restore", str(file))
    said = "shixian: a 2023: publication 2 here differs from the one in the file\n"
    assert (refused.returncode, refused.stderr) == (2, said)
    assert rows(other) == before and everything(other, "facts") == []


def test_one_that_is_there_already_stays_and_those_beside_it_come(
    env: dict[str, str], other: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "log.gz"
    lot = [publication(organ, number) for organ in ("a", "b") for number in (1, 2)]
    keep(env, lot)
    archive.export(settings(env), file, quietly)
    keep(other, [lot[0], publication("c", 1)])
    assert archive.restore(settings(other), file, quietly).publications == 4
    assert [row[:3] for row in rows(other)] == [(k.organ, 2023, k.number) for k in [*lot, publication("c", 1)]]
    assert rows(other)[:4] == rows(env)


def test_an_export_that_was_stopped_among_the_publications_goes_on_as_of_when_it_began(
    env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "BLOCK_BYTES", 8_000)
    whole, file = tmp_path / "whole.gz", tmp_path / "log.gz"
    lot = [publication("a", number) for number in range(1, 12)]
    keep(env, lot)
    archive.export(settings(env), whole, quietly)
    parts = [part for part in contents(whole) if part.kept]
    assert len(parts) > 2 and [k for part in parts for k in part.kept] == lot
    (tmp_path / "log.gz.part").write_bytes(whole.read_bytes()[: parts[0].block.end + 7])
    keep(env, [publication("a", 12, made_at=datetime.now(UTC) + timedelta(seconds=1))])
    assert archive.export(settings(env), file, quietly).publications == 11
    assert [k for part in contents(file) for k in part.kept] == lot
