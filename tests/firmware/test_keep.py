# SPDX-License-Identifier: EUPL-1.2
"""The copy of a kit's files on this computer: whole or not there at all, and for nobody else's eyes."""

import resource

import pytest

from firmware.chips import CHIPS
from firmware.errors import ToolError
from firmware.flash import Board
from firmware.image import image
from firmware.keep import Kept

BOARD = Board(CHIPS["ESP32-S3"], "ESP32-S3", "02:00:00:00:00:01", 8 << 20)
DATA = image({"/cfg/secret.json": b"secret"}, 64)


def test_a_copy_is_whole_and_only_its_owner_reads_it(tmp_path):
    kept = Kept(tmp_path / "new", BOARD)
    assert kept.since is None
    kept.save(DATA)
    assert kept.files() == {"/cfg/secret.json": b"secret"} and kept.since
    assert kept.path.stat().st_mode & 0o777 == 0o600
    kept.forget()
    assert kept.since is None


def test_no_room_for_the_copy_is_told_and_leaves_no_half_of_it(tmp_path):
    kept = Kept(tmp_path / "new", BOARD)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(ToolError, match="Nothing was written to the board") as told:
            kept.save(DATA)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "Make room" in told.value.hint
    assert not list((tmp_path / "new").iterdir())
    kept.save(DATA)
    assert kept.files()


def test_what_holds_no_files_is_not_kept(tmp_path):
    kept = Kept(tmp_path, BOARD)
    with pytest.raises(ToolError):
        kept.save(bytes(len(DATA)))
    assert not list(tmp_path.iterdir())
