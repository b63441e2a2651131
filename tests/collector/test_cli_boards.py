# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure build` and `citimeasure flash` as users type them, on a fake board."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pty
import subprocess

import pytest
from littlefs import LittleFS

from firmware import build
from firmware.chips import CHIPS
from tests.firmware.fake_board import plugged, used_flash
from tests.firmware.runtimes import MB, runtime
from tests.journeys.collecting import CITIMEASURE, citimeasure, environment


@pytest.fixture
def given(tmp_path):
    """Options that name an image of MicroPython and the kit's settings."""
    files = {
        "runtime": runtime(CHIPS["ESP32-S3"], 4 * MB),
        "config": b'{"device": "kit-7hx3m9ab", "host": "192.168.1.20", "network": "home"}',
        "secret": b'{"wifi_password": "hush-hush"}',
    }
    options = []
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        options += [f"--{name}", tmp_path / name]
    return options


def fails(code, words, *args):
    """A command that must fail, with one sentence and a word of help."""
    done = citimeasure(*args, ok=False)
    assert done.returncode == code, done.stderr
    assert words in done.stderr and done.stdout == ""
    return done.stderr


def test_build_writes_trees_and_tells_their_size(tmp_path):
    done = citimeasure("build", "--out", tmp_path / "out", "--sizes-out", tmp_path / "sizes.csv", "-o", "json")
    rows = json.loads(done.stdout)
    assert {row["machine"] for row in rows if row["module"] == "total"} == {"xtensawin", "rv32imc", "x86"}
    assert {(row["module"], row["machine"]): row["bytes"] for row in rows} == build.read_sizes(tmp_path / "sizes.csv")
    assert (tmp_path / "out" / "rv32imc" / "kit" / "core" / "app.mpy").stat().st_size > 1000


def test_build_fails_plainly(tmp_path):
    (tmp_path / "file").touch()
    fails(1, "cannot be written", "build", "--out", tmp_path / "file")
    fails(2, "is not one of", "build", "--machine", "z80")


def test_flash_puts_everything_onto_the_board(tmp_path, given):
    memory = used_flash(tmp_path / "flash", 4)
    with plugged(memory) as link:
        done = citimeasure("flash", link.port, "--in-boot", "--yes", "-o", "json", *given)
    assert "Written and verified. Press the button Reset." in done.stderr
    assert "hush" not in done.stdout + done.stderr
    runtime_row, files_row = json.loads(done.stdout)
    assert (runtime_row["chip"], runtime_row["flash"], files_row["offset"]) == ("ESP32-S3", 4 * MB, 2 * MB)
    data = memory.read_bytes()
    for row in (runtime_row, files_row):
        part = data[row["offset"] : row["offset"] + row["bytes"]]
        assert hashlib.sha256(part).hexdigest() == row["sha256"]
    system = LittleFS(block_size=4096, block_count=512, cache_size=128, read_size=32, prog_size=32, mount=False)
    system.context.buffer = bytearray(data[2 * MB :])
    system.mount()
    with system.open("/cfg/secret.json", "rb") as file:
        assert json.loads(file.read()) == {"wifi_password": "hush-hush"}
    with system.open("/a/kit/core/app.mpy", "rb") as file:
        assert file.read() == build.tree("xtensawin")["kit/core/app.mpy"]


def test_a_dry_run_tells_and_writes_nothing(tmp_path, given):
    memory = used_flash(tmp_path / "flash", 4)
    before = memory.read_bytes()
    with plugged(memory) as link:
        about = json.loads(citimeasure("flash", link.port, "--in-boot", "--dry-run", "-o", "json").stdout)
        rows = json.loads(citimeasure("flash", link.port, "--in-boot", "--dry-run", "-o", "json", *given).stdout)
    assert about == [{"port": link.port, "chip": "ESP32-S3", "mac": "00:00:00:00:00:00", "flash": 4 * MB}]
    assert [row["part"] for row in rows] == ["micropython", "files"]
    assert memory.read_bytes() == before


@pytest.mark.parametrize(("said", "code"), [("n", 130), ("y", 0)])
def test_a_person_at_a_terminal_is_asked_and_sees_a_bar(tmp_path, given, said, code):
    memory = used_flash(tmp_path / "flash", 4)
    before = memory.read_bytes()
    ours, theirs = pty.openpty()
    with plugged(memory) as link:
        command = [*CITIMEASURE, "flash", link.port, "--in-boot", *map(str, given)]
        streams = {"stdin": theirs, "stdout": subprocess.DEVNULL, "stderr": theirs}
        with subprocess.Popen(command, env=environment(TERM="xterm"), **streams) as process:
            os.close(theirs)
            os.write(ours, f"{said}\n".encode())
            seen = b""
            with contextlib.suppress(OSError):  # the end of a pseudo-terminal
                while more := os.read(ours, 65536):
                    seen += more
    os.close(ours)
    assert process.returncode == code, seen
    assert b"Go on? [y/N]" in seen
    assert (b"verifying, kB" in seen) == (code == 0), seen
    now = memory.read_bytes()
    assert (now != before) == (code == 0), (len(now), len(now) - now.count(b"\x5a"), seen)


def test_what_is_missing_is_asked_for(tmp_path, given):
    with plugged(used_flash(tmp_path / "flash", 4)) as link:
        told = fails(2, "Which MicroPython? The board is an ESP32-S3.", "flash", link.port, "--in-boot")
        assert "https://micropython.org/download/ESP32_GENERIC_S3/" in told
        assert "--yes" in fails(2, "replaces all", "flash", link.port, "--in-boot", *given)


def test_wrong_files_are_refused_before_the_board_is_touched(tmp_path, given):
    port = tmp_path / "no-such-port"
    fails(1, "is not what you expect", "flash", port, *given, "--sha256", "0" * 64)
    fails(1, "needs --sha256", "flash", port, "--runtime", "https://example.org/x.bin")
    (tmp_path / "runtime").write_bytes(b"not found")
    fails(1, "no image of MicroPython", "flash", port, *given)
    (tmp_path / "secret").write_text("{}}")
    fails(1, "is no JSON", "flash", port, *given[2:])


def test_the_image_must_be_for_the_board(tmp_path, given):
    with plugged(used_flash(tmp_path / "flash", 4), chip="ESP32-C3") as link:
        told = fails(
            1, "is for an ESP32-S3, the board is an ESP32-C3", "flash", link.port, "--in-boot", "--yes", *given
        )
    assert "ESP32_GENERIC_C3" in told


def test_a_port_that_is_not_there_is_a_fault_of_the_board(tmp_path):
    assert "data wires" in fails(5, "There is no serial port", "flash", tmp_path / "ttyUSB0", "--dry-run")
