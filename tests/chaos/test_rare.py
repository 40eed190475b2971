"""The parts of the rare faults that need no servers: the plan, the flipped byte, the small disk, the clock's oracle."""

import os
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from services.events.codec import decode_fact
from services.tracker.core.case import Case
from services.tracker.core.reference_data import ReferenceData
from tests.chaos import faults, segments
from tests.chaos.cluster import STARTED_AT, Worker
from tests.chaos.disk import Disk, NoDisk
from tests.chaos.verify import looked_at
from tests.support import ORGAN, raw

COMMON, RARE = len(faults.KINDS), len(faults.RARE)


def test_a_rare_fault_comes_once_where_the_others_come_twice() -> None:
    plan = list(faults.plan(3, 2 * COMMON + RARE))
    counts = Counter((fault.kind, fault.target) for fault in plan)
    assert counts == {**dict.fromkeys(faults.KINDS, 2), **dict.fromkeys(faults.RARE, 1)}
    assert set(counts) == {(f.kind, f.target) for f in plan[: COMMON + RARE]}, "all of them before any comes again"
    assert [f.alone for f in plan] == [(f.kind, f.target) in faults.RARE for f in plan]


def test_only_the_kinds_asked_for_come_and_a_frozen_database_stays_so_for_long_in_long_runs() -> None:
    frozen = [("freeze", "postgres")]
    assert {(f.name, f.seconds) for f in faults.plan(1, 5, frozen)} == {("freeze postgres", 5.0)}
    assert {f.seconds for f in faults.plan(1, 200, frozen)} == {60.0}
    assert {f.name for f in faults.plan(1, 9, faults.KINDS)}.isdisjoint(f"{k} {t}" for k, t in faults.RARE)


def _batch(offset: int) -> bytes:
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 16384)
    for n in range(3):
        builder.append(n, 1719547200000, b"key", b"value %d" % n, [])
    made = builder.build()
    return offset.to_bytes(8, "big") + bytes(made[8:])


def test_a_flipped_byte_breaks_one_batch_and_flipping_it_again_mends_it(tmp_path: Path) -> None:
    whole = _batch(0) + _batch(3) + _batch(6)
    file = tmp_path / f"{0:020}.log"
    file.write_bytes(whole + b"\0" * 40)  # room that the broker took ahead
    (tmp_path / f"{9:020}.log").write_bytes(b"")
    found = segments.last(tmp_path)
    assert found is not None
    assert (found[0], found[1].offset) == (file, 6)
    segments.flip(file, segments.place(found[1]))
    sound = [
        DefaultRecordBatch(file.read_bytes()[b.position : b.position + b.size]).validate_crc()
        for b in segments.batches(file.read_bytes())
    ]
    assert sound == [True, True, False]
    segments.flip(file, segments.place(found[1]))
    assert file.read_bytes()[: len(whole)] == whole
    assert segments.last(tmp_path / "none") is None


def test_a_disk_that_may_not_be_mounted_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(NoDisk, match="only root may mount a disk"):
        Disk(tmp_path / "disk", 1000).mount()
    assert not (tmp_path / "disk").exists()


def test_a_case_that_a_clock_ahead_has_looked_at_is_compared_at_that_day() -> None:
    organ = decode_fact(msgspec.json.encode(raw("organ-registered", "gz-psb", ORGAN)))
    world, now = ReferenceData([organ]), datetime(2024, 6, 28, 4, tzinfo=UTC)  # type: ignore[list-item]  # a reference fact
    case = Case(subject="r/1", as_of=date(2024, 6, 28))
    assert looked_at(case, world, now) == now
    assert looked_at(msgspec.structs.replace(case, as_of=date(2024, 5, 1)), world, now) == now
    ahead = msgspec.structs.replace(
        case, as_of=date(2024, 7, 1), view=msgspec.structs.replace(case.view, organ="gz-psb")
    )
    assert looked_at(ahead, world, now).isoformat() == "2024-07-01T12:00:00+08:00"


class _Place:
    """Where a process would run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def env(self) -> dict[str, str]:
        return {"SHIXIAN_NOW": self.now().isoformat()}

    def now(self) -> datetime:
        return STARTED_AT


def test_a_process_with_a_wrong_clock_is_started_with_it_and_others_are_not(tmp_path: Path) -> None:
    worker = Worker(_Place(tmp_path), "tracker", 1)
    assert worker.environment()["SHIXIAN_NOW"] == STARTED_AT.isoformat()
    worker.shift = timedelta(days=3)
    assert worker.environment()["SHIXIAN_NOW"] == (STARTED_AT + timedelta(days=3)).isoformat()
    assert worker.environment()["SHIXIAN_TRACKER_PORT"] == str(worker.port)
