"""`shixian export` and `restore`: the log to a file and back, and every damage to the file named with its block."""

import asyncio
import gzip
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from services.archive import blocks, exporting, restoring
from services.archive.lines import Head, encode, head_of
from services.commands import archive
from services.events.topics import create_topics, topics
from services.runtime.settings import Settings, load
from tests.integration.recovery import environment, everything, put, shixian
from tests.integration.recovery import load as histories

TOPICS = ("facts", "cases", "reference", "dead-letters")


@pytest.fixture
def env(kafka: str, postgres: str) -> dict[str, str]:
    """A log with facts of all kinds, garbage, and records with odd keys, values and headers."""
    env = environment(kafka, postgres)
    odd = [("cases", None, b""), ("cases", b"\xff\x00", b"\x80"), ("dead-letters", b"k", "文".encode())]
    put(env, [*histories(3, 900, unreadable=30), *odd])
    return env


def held(env: dict[str, str]) -> dict[str, list[tuple[Any, ...]]]:
    return {
        topic: [(r.partition, r.offset, r.timestamp, r.key, r.value, r.headers) for r in everything(env, topic)]
        for topic in TOPICS
    }


def elsewhere(env: dict[str, str], name: str) -> dict[str, str]:
    """The same broker under another prefix: as good as another cluster."""
    return {**env, "SHIXIAN_TOPIC_PREFIX": f"{name}.{env['SHIXIAN_TOPIC_PREFIX']}"}


def quietly(total: int, what: str) -> Any:

    return nullcontext(lambda count: None)


def settings(env: dict[str, str]) -> Settings:
    return load(env)


def test_what_is_exported_is_restored_record_by_record(env: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl.gz"
    exported = shixian(env, "export", str(file))
    assert exported.returncode == 0, exported.stderr
    before = held(env)
    assert exported.stdout == f"{sum(map(len, before.values()))} records exported, and 0 published reports are kept\n"
    other = elsewhere(env, "copy")
    assert shixian(other, "restore", str(file)).returncode == 0
    assert held(other) == before
    assert shixian(other, "restore", str(file)).returncode == 0, "a restore that is repeated changes nothing"
    assert held(other) == before
    again = shixian(env, "export", str(file))
    assert (again.returncode, again.stderr) == (2, f"shixian: {file} is there already\n")


def test_topics_that_hold_something_else_are_refused(env: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl.gz"
    archive.export(settings(env), file, quietly)
    other = elsewhere(env, "taken")
    put(other, [("facts", b"k", b"something else")])
    refused = shixian(other, "restore", str(file))
    assert refused.returncode == 2 and refused.stderr.count("\n") == 1
    assert "is not empty: partition" in refused.stderr
    put(env, [("reference", b"more", b"{}")])
    refused = shixian(env, "restore", str(file))
    assert refused.returncode == 2 and "holds more than the file" in refused.stderr
    fewer = elsewhere(env, "fewer")
    asyncio.run(create_topics(env["SHIXIAN_KAFKA"], topics(fewer["SHIXIAN_TOPIC_PREFIX"], 2, 1)))
    refused = shixian(fewer, "restore", str(file))
    assert refused.returncode == 2 and "has 2 partitions here and 4 in the file" in refused.stderr


def test_an_export_that_was_stopped_goes_on_where_it_was(
    env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "BLOCK_BYTES", 20_000)
    whole, file = tmp_path / "whole.gz", tmp_path / "log.gz"
    archive.export(settings(env), whole, quietly)
    found = list(blocks.read(whole))
    assert len(found) > 8
    cut = whole.read_bytes()[: found[5].end + 100]
    (tmp_path / "log.gz.part").write_bytes(cut)
    put(env, [("facts", b"later", b"{}")])
    resumed = shixian(env, "export", str(file))
    assert resumed.returncode == 0, resumed.stderr
    made_at = head_of(found[0]).made_at
    assert f"log.gz.part was gone on with: the log as of {made_at:%Y-%m-%d %H:%M:%SZ}\n" in resumed.stderr
    assert [line for b in blocks.read(file) for line in b.lines] == [line for b in found for line in b.lines]
    assert not (tmp_path / "log.gz.part").exists()


def test_what_an_export_of_another_log_left_is_not_gone_on_with(env: dict[str, str], tmp_path: Path) -> None:
    file, draft, whole = tmp_path / "log.gz", tmp_path / "log.gz.part", tmp_path / "whole.gz"
    other = elsewhere(env, "other")
    put(other, [("facts", b"k", b"something else")])
    archive.export(settings(other), whole, quietly)
    draft.write_bytes(whole.read_bytes())
    refused = shixian(env, "export", str(file))
    assert refused.returncode == 2 and refused.stderr.count("\n") == 1
    assert f"{draft} was begun from another log (" in refused.stderr and "put it aside first" in refused.stderr
    assert draft.read_bytes() == whole.read_bytes() and not file.exists()
    # An earlier release did not write down whose it was: such a file can be restored, and is begun anew as a draft.
    head = head_of(next(iter(blocks.read(whole))))
    with whole.open("wb") as old:
        blocks.Writer(old).write([encode(Head(head.format, head.made_at, head.ends))])
    assert b'"log"' not in gzip.decompress(whole.read_bytes()).splitlines()[0]
    draft.write_bytes(whole.read_bytes())
    assert shixian(env, "export", str(file)).returncode == 0
    assert sum(map(len, held(env).values())) == head_of(next(iter(blocks.read(file)))).records


def test_a_restore_that_was_stopped_goes_on_where_it_was(
    env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "log.gz"
    archive.export(settings(env), file, quietly)
    other = elsewhere(env, "halves")
    sent = 0
    whole = restoring._send_lot

    async def stops(producer: Any, prefix: str, lot: Sequence[Any]) -> None:
        nonlocal sent
        await whole(producer, prefix, lot)
        sent += len(lot)
        if sent > 500:
            raise KeyboardInterrupt

    monkeypatch.setattr(restoring, "SEND_RECORDS", 100)
    monkeypatch.setattr(restoring, "_send_lot", stops)
    with pytest.raises(KeyboardInterrupt):
        archive.restore(settings(other), file, quietly)
    half = held(other)
    assert 500 < sum(map(len, half.values())) < sum(map(len, held(env).values()))
    monkeypatch.setattr(restoring, "_send_lot", whole)
    archive.restore(settings(other), file, quietly)
    assert held(other) == held(env)


@pytest.fixture
def file(env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(exporting, "BLOCK_BYTES", 50_000)
    path = tmp_path / "log.gz"
    archive.export(settings(env), path, quietly)
    return path


def test_every_damage_is_named_with_its_block_and_nothing_is_restored(env: dict[str, str], file: Path) -> None:
    whole = file.read_bytes()
    found = list(blocks.read(file))
    third, fourth = found[3], found[4]
    middle = (third.start + third.end) // 2
    damages = {
        "a flipped bit": (whole[:middle] + bytes([whole[middle] ^ 4]) + whole[middle + 1 :], "block 3: "),
        "cut inside": (whole[:middle], "block 3: is cut off"),
        "cut between": (whole[: third.end], "block 4: is missing: the file was cut off here"),
        "a block left out": (whole[: third.start] + whole[third.end :], "block 3: is numbered 4"),
        "blocks swapped": (
            whole[: third.start]
            + whole[fourth.start : fourth.end]
            + whole[third.start : third.end]
            + whole[fourth.end :],
            "block 3: is numbered 4",
        ),
        "another content under the old seals": (_changed(whole, third), "block 3: does not have the content"),
        "more behind the end": (whole + whole[third.start : third.end], "is numbered 3"),
        "something else": (b"no gzip at all", "block 0: can't be unpacked"),
        "nothing": (b"", "block 1: is missing"),
    }
    other = elsewhere(env, "damaged")
    for what, (content, expected) in damages.items():
        file.write_bytes(content)
        refused = shixian(other, "restore", str(file))
        assert refused.returncode == 2, what
        assert refused.stderr.startswith(f"shixian: {file}: block "), (what, refused.stderr)
        assert expected in refused.stderr and refused.stderr.count("\n") == 1, (what, refused.stderr)
    assert everything(other, "facts") == []


def _changed(whole: bytes, block: blocks.Block) -> bytes:

    text = gzip.decompress(whole[block.start : block.end])
    changed = text.replace(b'"ts":1', b'"ts":2', 1)  # every record has an instant
    assert changed != text
    return whole[: block.start] + gzip.compress(changed) + whole[block.end :]


def test_a_file_that_is_not_there_is_one_line(env: dict[str, str], tmp_path: Path) -> None:
    missing = shixian(env, "restore", str(tmp_path / "none.gz"))
    assert (missing.returncode, missing.stderr) == (2, f"shixian: {tmp_path / 'none.gz'}: No such file or directory\n")
