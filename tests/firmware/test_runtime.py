# SPDX-License-Identifier: EUPL-1.2
"""An image of MicroPython is used only if it is whole, for the board's chip, and has the sum that was asked for."""

from __future__ import annotations

import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.chips import CHIPS
from firmware.errors import ToolError
from firmware.runtime import Place, fetch, parse
from tests.firmware.runtimes import MB, program, runtime, table

S3 = CHIPS["ESP32-S3"]
GOOD = runtime(S3)


@pytest.mark.parametrize("chip", CHIPS.values(), ids=lambda chip: chip.name)
def test_a_sound_image_names_its_chip_and_the_place_of_its_files(chip):
    found = parse(runtime(chip, 4 * MB), chip)
    assert found.chip == chip
    assert found.files_at(4 * MB) == Place(2 * MB, 512)
    assert found.sha256 == hashlib.sha256(found.data).hexdigest()


@pytest.mark.parametrize(("flash", "blocks"), [(4, 512), (8, 1536), (16, 3584)])
def test_an_image_without_a_place_for_files_leaves_them_the_rest_of_the_flash(flash, blocks):
    assert parse(runtime(S3, with_vfs=False)).files_at(flash * MB) == Place(2 * MB, blocks)


def test_an_image_for_a_larger_flash_is_refused():
    with pytest.raises(ToolError, match="more than 4 MB of flash"):
        parse(runtime(S3, 8 * MB)).files_at(4 * MB)
    with pytest.raises(ToolError, match="more than 2 MB of flash"):
        parse(runtime(S3, with_vfs=False)).files_at(2 * MB)


def test_an_image_for_another_chip_is_refused():
    with pytest.raises(ToolError, match="is for an ESP32-S3, the board is an ESP32-C3") as told:
        parse(GOOD, CHIPS["ESP32-C3"])
    assert "ESP32_GENERIC_C3" in told.value.hint
    strange = GOOD[:12] + (2).to_bytes(2, "little") + GOOD[14:]  # an ESP32-S2
    with pytest.raises(ToolError, match="a chip that a kit cannot have"):
        parse(strange)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no image of MicroPython"),
        (b"<!doctype html>" * 100, "no image of MicroPython"),
        (GOOD[:0x8000], "no sound partition table"),
        (GOOD[:0x9000], "is cut short"),
        (GOOD[:-1], "is cut short"),
        (GOOD[:-40] + b"?" + GOOD[-39:], "is damaged"),
        (GOOD[:0x8024] + b"?" + GOOD[0x8025:], "no sound partition table"),
        (GOOD[:0x8000] + table(("nvs", 1, 2, 0x9000, 0x6000)) + GOOD[0x8C00:], "holds no program"),
        (GOOD + bytes(17 * MB), "no image of MicroPython"),
        (program(S3), "no sound partition table"),
    ],
)
def test_what_is_not_whole_is_refused(data, said):
    with pytest.raises(ToolError, match=said) as told:
        parse(data)
    assert told.value.hint


@settings(max_examples=300)
@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255), st.integers(0, len(GOOD)))
def test_damage_is_an_error_that_says_so_or_lies_where_nothing_is(at, change, length):
    damaged = bytearray(GOOD)
    damaged[at] ^= change
    for data in (bytes(damaged), bytes(damaged[:length])):
        try:
            found = parse(data)
        except ToolError:
            continue
        # What is not covered by a sum: the loader before the partition table, and the room between the parts.
        assert at < 0x10000 and found.partitions == parse(GOOD).partitions


@given(st.binary(max_size=4096))
def test_any_bytes_are_refused_plainly(data):
    for bytes_ in (data, GOOD[:0x8000] + data, GOOD[:0x10000] + data):
        with pytest.raises(ToolError):
            parse(bytes_)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "image.bin"
    path.write_bytes(GOOD)
    return path


def test_a_file_with_another_sum_is_refused(file):
    right = hashlib.sha256(GOOD).hexdigest()
    assert fetch(str(file), None) == fetch(str(file), right) == fetch(str(file), right.upper()) == GOOD
    with pytest.raises(ToolError, match=f"its SHA-256 is {right}"):
        fetch(str(file), "0" * 64)
    with pytest.raises(ToolError, match="cannot be read"):
        fetch(str(file.parent / "none.bin"), None)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def test_an_address_is_taken_only_with_the_right_sum(file):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(file.parent)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/image.bin"
    try:
        with pytest.raises(ToolError, match="needs --sha256"):
            fetch(address, None)
        with pytest.raises(ToolError, match="not what you expect"):
            fetch(address, "0" * 64)
        with pytest.raises(ToolError, match="cannot be had: HTTP Error 404"):
            fetch(f"{address}.gz", "0" * 64)
        assert fetch(address, hashlib.sha256(GOOD).hexdigest()) == GOOD
    finally:
        server.shutdown()
        server.server_close()
