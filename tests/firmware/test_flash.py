# SPDX-License-Identifier: EUPL-1.2
"""The real esptool writes onto a fake ROM loader: the same bytes lie there afterwards, and faults are told plainly."""

from __future__ import annotations

import fcntl
import os
import re
from types import SimpleNamespace

import pytest

from firmware import flash
from firmware.chips import CHIPS
from firmware.errors import BoardFault
from firmware.flash import Link, Part
from firmware.ports import check_port, find_port
from firmware.runtime import parse
from tests import parts
from tests.firmware.fake_board import plugged, used_flash
from tests.firmware.runtimes import MB, runtime

# A flash of 4 MB in which nothing is easy to compress.
SMALL = [Part("micropython", 0, bytes(range(256)) * 500), Part("files", 2 * MB, os.urandom(60_000) + b"\xff" * 60_000)]


def lies_there(path, wanted):
    data = path.read_bytes()
    return all(data[part.offset : part.offset + len(part.data)] == part.data for part in wanted)


@pytest.mark.parametrize(("chip", "megabytes"), [("ESP32", 4), ("ESP32-S3", 16), ("ESP32-C3", 4), ("ESP32-C6", 8)])
def test_the_board_is_named_and_holds_the_same_bytes_afterwards(tmp_path, chip, megabytes):
    memory = used_flash(tmp_path / "flash", megabytes)
    with plugged(memory, chip=chip) as link:
        board = flash.identify(link)
        assert (board.chip, board.flash) == (CHIPS[chip], megabytes * MB)
        assert re.fullmatch(r"(..:){5}..", board.mac) and chip in board.revision
        image = parse(runtime(board.chip, board.flash), board.chip)
        place = image.files_at(board.flash)
        wanted = [
            Part("micropython", board.chip.offset, image.data),
            Part("files", place.offset, b"\1" * 4096 * place.blocks),
        ]
        done = []
        flash.write(link, wanted, done.append)
        assert lies_there(memory, wanted)
        assert done == sorted(done) and done[-1] == sum(len(part.data) for part in wanted)
        done.clear()
        flash.verify(link, wanted, done.append)
        assert done[-1] == sum(len(part.data) for part in wanted)


def test_the_rom_loader_alone_can_do_it_too(tmp_path):
    memory = used_flash(tmp_path / "flash", 4)
    with plugged(memory, chip="ESP32", stub=False) as link:
        assert flash.identify(link).chip == CHIPS["ESP32"]
        flash.write(link, SMALL)
        flash.verify(link, SMALL)
    assert lies_there(memory, SMALL)


def test_what_lies_there_already_is_not_written_again(tmp_path):
    memory = used_flash(tmp_path / "flash", 4)
    with plugged(memory) as link:
        flash.write(link, SMALL)
    # A board that would go away on the first block of data.
    with plugged(memory, "--vanish-after", "1") as link:
        done = []
        flash.write(link, SMALL, done.append)
        assert done == [len(SMALL[0].data), len(SMALL[0].data) + len(SMALL[1].data)]


def test_a_board_that_goes_away_is_written_by_the_next_try(tmp_path):
    memory = used_flash(tmp_path / "flash", 4)
    with plugged(memory, "--vanish-after", "3") as link, pytest.raises(BoardFault, match="went away") as told:
        flash.write(link, SMALL)
    assert "run the command again" in told.value.hint
    assert not lies_there(memory, SMALL)
    with plugged(memory) as link:
        flash.write(link, SMALL)
        flash.verify(link, SMALL)
    assert lies_there(memory, SMALL)


def test_a_flash_that_does_not_hold_its_bytes_is_noticed(tmp_path):
    memory = used_flash(tmp_path / "flash", 4)
    with plugged(memory, "--wear") as link, pytest.raises(BoardFault, match="not what was written"):
        flash.write(link, SMALL)


def test_verifying_notices_a_byte_that_changed(tmp_path):
    memory = used_flash(tmp_path / "flash", 4)
    with plugged(memory) as link:
        flash.write(link, SMALL)
        with memory.open("r+b") as file:
            file.seek(SMALL[1].offset + 100)
            file.write(b"?!")
        with pytest.raises(BoardFault, match="not what was written"):
            flash.verify(link, SMALL)


def test_a_board_that_is_silent_is_helped_by_its_button(tmp_path):
    with plugged(used_flash(tmp_path / "flash", 4), "--mute") as link, pytest.raises(BoardFault) as told:
        flash.identify(link)
    assert "does not answer" in str(told.value) and "button Boot" in told.value.hint


def test_a_chip_that_no_kit_has_is_refused(tmp_path):
    memory = used_flash(tmp_path / "flash", 4)
    with plugged(memory, chip="ESP32-H2") as link, pytest.raises(BoardFault, match="cannot have: ESP32-H2"):
        flash.identify(link)


def test_a_port_that_another_program_uses(tmp_path):
    with plugged(used_flash(tmp_path / "flash", 4)) as link:
        other = os.open(link.port, os.O_RDWR | os.O_NOCTTY)
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(BoardFault, match="Another program uses the port") as told:
            flash.identify(link)
        os.close(other)
    assert "serial monitor" in told.value.hint


def test_a_port_that_is_not_there_or_not_ours(tmp_path, monkeypatch):
    with pytest.raises(BoardFault, match="There is no serial port"):
        flash.identify(Link(str(tmp_path / "ttyUSB0")))
    port = tmp_path / "ttyUSB1"
    port.touch()
    check_port(str(port))
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(BoardFault, match="it is for the group") as told:
        flash.identify(Link(str(port)))
    assert "usermod" in told.value.hint
    check_port("COM3")  # Windows tells only when it is opened


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("/usr/bin/python: No module named esptool", "esptool is not here"),
        ("could not open port '/dev/x': [Errno 13] Permission denied: '/dev/x'", "You may not use the port"),
        ("could not open port '/dev/x': [Errno 16] Device or resource busy: '/dev/x'", "Another program"),
        ("could not open port '/dev/x': [Errno 2] No such file or directory: '/dev/x'", "There is no serial port"),
        ("A fatal error occurred: MD5 of file does not match data in flash!", "not what was written"),
        ("A fatal error occurred: Failed to connect to ESP32-S3: No serial data received.", "does not answer"),
        ("A fatal error occurred: device reports readiness to read but returned no data (device disconnected", "away"),
        ("A fatal error occurred: Something new.", "Something new."),
        ("", "it said nothing"),
    ],
)
def test_what_esptool_complains_of_is_told_plainly(words, said):
    told = flash._fault("/dev/x", words)
    assert said in str(told) and told.hint


def port(device, vid=None, serial=None):
    return SimpleNamespace(device=device, vid=vid, description="n/a", serial_number=serial)


def test_the_one_board_is_found_among_the_ports():
    ports = [port("/dev/ttyS0"), port("/dev/ttyUSB0", 0x10C4), port("/dev/ttyACM1", 0x2341)]
    assert find_port(ports) == "/dev/ttyUSB0"


def test_no_board_or_several_are_told():
    with pytest.raises(BoardFault, match="No board") as told:
        find_port([port("/dev/ttyS0"), port("/dev/ttyACM1", 0x2341)])
    assert "data wires" in told.value.hint and "/dev/ttyACM1" in told.value.hint and "ttyS0" not in told.value.hint
    with pytest.raises(BoardFault, match="2 boards") as told:
        find_port([port("/dev/ttyUSB0", 0x1A86), port("/dev/ttyACM0", 0x303A, "34:85:18")])
    assert "citimeasure flash /dev/ttyACM0" in told.value.hint and "34:85:18" in told.value.hint


def test_esptool_is_run_and_never_imported():
    for folder in ("firmware", "collector"):
        for path in (parts.ROOT / folder).rglob("*.py"):
            assert not re.search(r"^\s*(import|from) esptool", path.read_text(), re.MULTILINE), path
