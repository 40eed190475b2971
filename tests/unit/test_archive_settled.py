"""A backup under its name is whole; what only a file system lacks is no failure of it."""

import errno
import os
import stat
from pathlib import Path

import pytest

from services.commands import archive


def test_a_file_system_that_syncs_no_folder_keeps_the_backup_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft, path = tmp_path / "x.part", tmp_path / "x"
    draft.write_bytes(b"whole")
    synced, real = [], os.fsync

    def fsync(file: int) -> None:
        if stat.S_ISDIR(os.fstat(file).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        synced.append(file)
        real(file)

    monkeypatch.setattr(os, "fsync", fsync)
    archive._settle(draft, path)
    assert path.read_bytes() == b"whole"
    assert not draft.exists()
    assert len(synced) == 1
