# SPDX-License-Identifier: EUPL-1.2
"""A board whose MicroPython has a partition for ROM runs the application out of it; all other ways stay as they are."""

import hashlib
import json
import struct
import zlib

import pytest

from tests.firmware import board
from tests.firmware.ota.kits import Kit, command, release

ROM = {"blocks": 26, "cut": -1}
LIST = """
import hashlib, os, sys, vfs
from binascii import hexlify
def walk(folder):
    for entry in os.ilistdir(folder):
        path = folder + "/" + entry[0]
        if entry[1] == 0x4000:
            walk(path)
        else:
            with open(path, "rb") as file:
                print(path[5:], hexlify(hashlib.sha256(file.read()).digest()).decode())
with open(sys.argv[1], "rb") as file:
    rom = file.read()
vfs.mount(vfs.VfsRom(rom), "/rom")
walk("/rom")
"""


@pytest.fixture
def kit(tmp_path):
    """A kit in a slot, as it leaves the workshop."""
    made = Kit(tmp_path)
    made.move_into_slot()
    return made


def boot(kit, **rom):
    """One start of five minutes: how it ended, and whether the application was copied into ROM."""
    (kit.flash / "statuses").unlink(missing_ok=True)
    out = board.run("boot_kit", kit.options(300, rom=ROM | rom), heap="2m")
    kit.end = json.loads(out.splitlines()[-1])["end"]
    return kit.end, "rom: copies" in out


def image(kit):
    """The whole image in ROM; fails if its check sum is wrong."""
    data = (kit.flash / "romfs.bin").read_bytes()
    size, check = struct.unpack_from("<II", data, 12)
    assert 64 * 1024 < size <= len(data) and zlib.crc32(data[4096:size]) == check
    return data[:size]


def test_micropython_finds_every_file_in_rom_as_it_was_in_the_slot(kit):
    assert boot(kit) == ("power", True)
    image(kit)
    found = dict(line.split() for line in board.run(LIST, kit.flash / "romfs.bin", heap="1m").splitlines())
    slot = kit.flash / "a"
    want = {
        path.relative_to(slot).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in slot.rglob("*")
        if path.is_file()
    }
    assert found == want and len(want) > 60


def test_a_copy_is_made_once_and_again_when_it_is_damaged(kit):
    assert [boot(kit), boot(kit)] == [("power", True), ("power", False)]
    good = image(kit)
    path = kit.flash / "romfs.bin"
    data = bytearray(path.read_bytes())
    data[len(good) - 1000] ^= 1
    path.write_bytes(data)
    assert boot(kit) == ("power", True)
    assert image(kit) == good


def test_no_power_cut_while_it_is_copied_leaves_a_kit_that_does_not_start(kit):
    boot(kit)
    good = image(kit)
    writes = -(-len(good) // 4096) + 1  # the first block is emptied at first, and written at last
    for cut in (0, 1, 2, writes // 2, writes - 2, writes - 1):
        (kit.flash / "a/manifest.jsonl").write_text(f"another one, {cut}")  # so that it is copied
        assert boot(kit, cut=cut) == ("power", True)
        assert not (kit.flash / "statuses").exists()
        boot(kit)
        assert (kit.flash / "statuses").exists() and b"another one, %d" % cut in image(kit)


def test_a_partition_that_is_too_small_is_told_and_the_kit_runs_from_its_slot(kit):
    out = board.run("boot_kit", kit.options(300, rom={"blocks": 8, "cut": -1}), heap="2m")
    assert "kB are needed" in out and (kit.flash / "statuses").exists()


def test_an_update_runs_out_of_rom_and_a_bad_one_leaves_it_again(kit, tmp_path):
    kit.shelf = release(tmp_path, "0.2.0")
    assert kit.boot(command=command("0.2.0"), rom=ROM) == "reset" and kit.fw == "0.1.0"
    assert kit.boot(600, command=command("0.2.0"), rom=ROM) == "power"
    assert kit.fw == "0.2.0" and kit.update == ("confirmed", "0.2.0", "")
    manifest = (kit.flash / "b/manifest.jsonl").read_bytes()
    assert manifest in image(kit)
    kit.boot(25 * 3600, command=command("0.2.0"), rom=ROM)  # the day of probation
    kit.shelf = release(tmp_path, "0.3.0", start="raise ValueError('broken')")
    assert kit.boot(command=command("0.3.0"), rom=ROM) == "reset"
    assert kit.slot["active"] == "/a"
    while kit.boot(600, command=command("0.3.0"), rom=ROM) == "reset":
        pass
    assert kit.fw == "0.2.0" and kit.update[0] == "rolled back"
    assert manifest in image(kit)
