# SPDX-License-Identifier: EUPL-1.2
"""littlefs-python and the real MicroPython read each other's file systems, for every size of flash."""

from __future__ import annotations

import json

import pytest
from littlefs import LittleFS

from firmware import build, factory, image
from firmware.chips import CHIPS
from firmware.errors import ToolError
from firmware.runtime import parse
from tests.firmware import board
from tests.firmware.runtimes import MB, runtime

# A block device on a file, and a walk through what is mounted on it.
DISK = """
import os, vfs
class Disk:
    def __init__(self, path, blocks):
        self.file, self.blocks = open(path, 'r+b'), blocks
    def readblocks(self, block, data, offset=0):
        self.file.seek(block * 4096 + offset)
        self.file.readinto(data)
    def writeblocks(self, block, data, offset=None):
        if offset is None:
            self.ioctl(6, block)
        self.file.seek(block * 4096 + (offset or 0))
        self.file.write(data)
    def ioctl(self, what, block):
        if what == 4:
            return self.blocks
        if what == 5:
            return 4096
        if what == 6:
            self.file.seek(block * 4096)
            self.file.write(b'\\xff' * 4096)
        if what == 3:
            self.file.flush()
        return 0
def walk(folder):
    for entry in os.ilistdir(folder):
        path = folder + '/' + entry[0]
        if entry[1] == 0x4000:
            walk(path)
        else:
            with open(path, 'rb') as file:
                data = file.read()
            print(path[2:], len(data), sum(data), len(set(data)))
"""


def mounted(path, blocks, then):
    """Mounts an image on MicroPython and runs code there."""
    code = f"{DISK}disk = Disk({str(path)!r}, {blocks})\nvfs.mount(vfs.VfsLfs2(disk), '/f')\n{then}\nvfs.umount('/f')\n"
    return board.run(code + "disk.file.close()\n", heap="256k")


def listing(files):
    return sorted(f"{path.strip('/')} {len(data)} {sum(data)} {len(set(data))}" for path, data in files.items())


def walked(text):
    return sorted(line.removeprefix("/") for line in text.splitlines())


def held(machine, *settings):
    """What lies on a kit with that kind of machine code."""
    return factory.contents(machine, build.tree(machine), factory.Given(*settings))


@pytest.fixture
def settings(tmp_path):
    config, secret = tmp_path / "config.json", tmp_path / "secret.json"
    config.write_text('{"device": "kit-7hx3m9ab", "host": "192.168.1.20", "network": "Café €"}')
    secret.write_text('{"wifi_password": "hush"}')
    return config, secret


@pytest.mark.parametrize(("flash", "blocks"), [(4, 512), (8, 1536), (16, 3584)])
def test_micropython_mounts_what_we_wrote_for_every_size_of_flash(tmp_path, settings, flash, blocks):
    chip = CHIPS["ESP32-S3"]
    place = parse(runtime(chip, flash * MB)).files_at(flash * MB)
    assert (place.offset, place.blocks) == (2 * MB, blocks)
    files = held(chip.machine, *settings)
    path = tmp_path / "image"
    path.write_bytes(image.image(files, place.blocks))
    assert path.stat().st_size == blocks * 4096
    assert walked(mounted(path, blocks, "walk('/f')").replace("f/", "")) == listing(files)


def test_micropython_reads_the_settings_and_goes_on_writing(tmp_path, settings):
    path = tmp_path / "image"
    files = held("xtensawin", *settings)
    path.write_bytes(image.image(files, 512))
    write = "with open('/f/data.bin', 'wb') as file: file.write(b'0123456789' * 1000)"
    told = mounted(path, 512, f"from kit.core import config\nprint(config.load('/f/cfg')['network'])\n{write}")
    assert told == "Café €\n"
    system = LittleFS(block_size=4096, block_count=512, cache_size=128, read_size=32, prog_size=32, mount=False)
    system.context.buffer = bytearray(path.read_bytes())
    system.mount()
    with system.open("/data.bin", "rb") as file:
        assert file.read() == b"0123456789" * 1000
    with system.open("/cfg/config.json", "rb") as file:
        assert json.loads(file.read())["device"] == "kit-7hx3m9ab"


def test_micropython_reads_files_of_every_awkward_size(tmp_path):
    """Small files lie in the folder's own block, larger ones in their own; at the borders readers differ."""
    sizes = (0, 1, 31, 32, 33, 127, 128, 129, 511, 512, 513, 4095, 4096, 4097, 8192, 50_000)
    files = {f"/many/{size}": bytes(n * 7 % 251 for n in range(size)) for size in sizes}
    path = tmp_path / "image"
    path.write_bytes(image.image(files, 512))
    assert walked(mounted(path, 512, "walk('/f')").replace("f/", "")) == listing(files)


def test_micropython_imports_the_firmware_from_the_image(tmp_path):
    path = tmp_path / "image"
    path.write_bytes(image.image(held("x86"), 512))
    code = "import sys\nsys.path.insert(0, '/f/a')\nfrom kit.core import config\nprint(config.__file__)"
    assert mounted(path, 512, code) == "/f/a/kit/core/config.mpy\n"


def test_we_read_what_micropython_formatted(tmp_path):
    path = tmp_path / "image"
    path.write_bytes(bytes(512 * 4096))
    code = f"{DISK}disk = Disk({str(path)!r}, 512)\nvfs.VfsLfs2.mkfs(disk)\ndisk.file.close()\n"
    board.run(code, heap="256k")
    mounted(path, 512, "os.mkdir('/f/cfg')\nwith open('/f/cfg/config.json', 'w') as file: file.write('{}' * 200)")
    system = LittleFS(block_size=4096, block_count=512, cache_size=128, read_size=32, prog_size=32, mount=False)
    system.context.buffer = bytearray(path.read_bytes())
    system.mount()
    with system.open("/cfg/config.json", "rb") as file:
        assert file.read() == b"{}" * 200


def test_an_image_of_another_size_is_refused_by_micropython(tmp_path):
    path = tmp_path / "image"
    path.write_bytes(image.image({"/boot.py": b"\n"}, 512).ljust(1536 * 4096, b"\xff"))
    code = f"{DISK}try:\n    vfs.VfsLfs2(Disk({str(path)!r}, 1536))\nexcept OSError:\n    print('refused')\n"
    assert board.run(code, heap="256k") == "refused\n"


def test_the_same_files_give_the_same_bytes():
    files = held("rv32imc")
    assert image.image(files, 512) == image.image(dict(reversed(files.items())), 512)


def test_all_files_of_an_image_are_read_again():
    files = held("rv32imc")
    assert image.files(image.image(files, 512)) == files


@pytest.mark.parametrize("data", [bytes(512 * 4096), b"\xff" * 512 * 4096])
def test_what_is_no_file_system_is_told(data):
    with pytest.raises(ToolError, match="cannot be read") as told:
        image.files(data)
    assert "--keep-data" in told.value.hint


def test_files_that_do_not_fit_are_refused():
    with pytest.raises(ToolError, match="do not fit into 64 kB"):
        image.image({"/large": bytes(100_000)}, 16)


@pytest.mark.parametrize(
    ("config", "secret", "said"),
    [
        ("{", None, "is no JSON"),
        ("[1]", None, "holds no settings"),
        ('{"port": "1883"}', None, "port must be a int"),
        ('{"interval": 7}', None, "interval must divide an hour"),
        ('{"wifi_password": "hush"}', None, "wifi_password must not be in config.json"),
        (None, '{"device": "kit-1"}', "device must not be in secret.json"),
        (None, '{"wifi_password": 12345678}', "wifi_password must be a str"),
    ],
)
def test_settings_that_the_kit_would_not_accept_are_refused(tmp_path, config, secret, said):
    paths = []
    for name, text in (("config.json", config), ("secret.json", secret)):
        paths.append(tmp_path / name if text else None)
        if text:
            (tmp_path / name).write_text(text)
    with pytest.raises(ToolError, match=said) as told:
        factory.settings(factory.Given(*paths))
    assert "hush" not in str(told.value) + told.value.hint


def test_a_settings_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ToolError, match="cannot be read: No such file"):
        factory.settings(factory.Given(tmp_path / "none.json"))
