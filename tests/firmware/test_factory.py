# SPDX-License-Identifier: EUPL-1.2
"""A kit from the workshop starts from its first slot, and keeps what it has when another application is put there."""

from __future__ import annotations

import json

import pytest

from collector.certificates import make
from firmware import build, factory, image, sign
from firmware.errors import ToolError
from tests.firmware.fake_board import plugged, used_flash
from tests.firmware.ota.kits import Kit, command, keys, release
from tests.firmware.runtimes import MB, runtime
from tests.journeys.collecting import citimeasure


def workshop(tmp_path):
    """A kit whose flash is, byte for byte, what `flash` writes."""
    kit = Kit(tmp_path)
    config = (kit.flash / "cfg/config.json").read_text()
    kit.flash.rename(tmp_path / "other")
    (tmp_path / "config.json").write_text(config)
    given = factory.Given(tmp_path / "config.json", None, keys())
    files = image.files(image.image(factory.contents("x86", build.tree("x86"), given), 512))
    for path, content in files.items():
        target = kit.flash / path[1:]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return kit


def test_it_starts_and_updates_take_turns_though_one_is_bad(tmp_path):
    kit = workshop(tmp_path)
    assert not (kit.flash / "kit").exists() and not list(kit.flash.rglob("*.pem"))
    assert kit.boot(300) == "power" and kit.fw == "0.1.0"
    kit.shelf = release(tmp_path, "0.2.0", core_app="raise ValueError('broken')")
    assert kit.boot(command=command("0.2.0")) == "reset" and kit.slot["active"] == "/b"
    assert [kit.boot(command=command("0.2.0")) for _ in range(4)] == ["reset"] * 3 + ["power"]
    assert kit.slot["active"] == "/a" and kit.fw == "0.1.0"
    assert kit.update == ("rolled back", "0.2.0", "crashed: ValueError: broken")
    kit.shelf = release(tmp_path, "0.2.1")
    assert kit.boot(command=command("0.2.1")) == "reset" and kit.slot["active"] == "/b"
    assert kit.boot(600) == "power" and kit.fw == "0.2.1" and kit.update == ("confirmed", "0.2.1", "")


@pytest.mark.parametrize("state", [None, "{", '{"active": ""}', '{"active": "/b"}'])
def test_the_slot_that_runs_is_never_written_whatever_the_state_says(tmp_path, state):
    kit = workshop(tmp_path)
    if state:
        (kit.flash / "slot.json").write_text(state)
    before = {path: path.read_bytes() for path in (kit.flash / "a").rglob("*") if path.is_file()}
    kit.shelf = release(tmp_path, "0.2.0")
    assert kit.boot(command=command("0.2.0")) == "reset" and kit.slot["active"] == "/b"
    assert before == {path: path.read_bytes() for path in (kit.flash / "a").rglob("*") if path.is_file()}


def test_its_manifest_is_one_that_kits_read():
    tree = build.tree("rv32imc")
    files = factory.contents("rv32imc", tree, factory.Given())
    head, listed = sign.read_manifest(files["/a/manifest.jsonl"])
    assert head.version == "0.1.0" and head.arch == "rv32imc" and len(listed) == len(tree) - 2


def test_missing_keys_are_explained(tmp_path):
    with pytest.raises(ToolError, match=r"no current\.pub") as told:
        factory.keys(tmp_path)
    assert "citimeasure fleet keys" in told.value.hint
    (tmp_path / "current.pub").write_text("12ab")
    with pytest.raises(ToolError, match="no public key of 3072 bits"):
        factory.keys(tmp_path)


def test_roots_lie_where_the_firmware_looks_for_them_and_replace_those_that_were_there(tmp_path):
    make(tmp_path, ["localhost"])
    old = {"/cfg/roots/root0.pem": b"old", "/cfg/roots/root1.pem": b"old", "/data/boot": b"7"}
    given = factory.Given(roots=(tmp_path / "root.crt",), kept=old)
    files = factory.contents("xtensawin", build.tree("xtensawin"), given)
    assert files["/cfg/roots/root0.pem"] == (tmp_path / "root.crt").read_bytes()
    assert "/cfg/roots/root1.pem" not in files and files["/data/boot"] == b"7"
    for wrong in (tmp_path / "root.key", tmp_path / "nothing"):
        with pytest.raises(ToolError, match="is no root certificate") as told:
            factory.roots([wrong])
        assert "citimeasure broker certs" in told.value.hint
    with pytest.raises(ToolError, match="3 roots are too many"):
        factory.roots([tmp_path / "root.crt"] * 3)


def test_another_application_leaves_readings_settings_and_keys(tmp_path):
    memory = used_flash(tmp_path / "flash", 4)
    chip = "ESP32-S3"
    held = {"/data/0007.seg": b"readings" * 900, "/data/boot": b"7", "/cfg/config.json": b'{"device": "kit-7hx3m9ab"}',
            "/cfg/roots/root0.pem": b"root", "/keys/current.pub": (keys() / "current.pub").read_bytes(),
            "/slot.json": b'{"active": "/b"}', "/b/manifest.jsonl": b"x", "/b/kit/old.mpy": b"old"}  # fmt: skip
    from firmware.chips import CHIPS

    flash = runtime(CHIPS[chip], 4 * MB).ljust(2 * MB, b"\xff") + image.image(held, 512)
    memory.write_bytes(flash)
    home = {"XDG_CONFIG_HOME": str(tmp_path / "home")}
    with plugged(memory, "--vanish-after", "2") as link:
        done = citimeasure("flash", link.port, "--in-boot", "--yes", "--keep-data", ok=False, **home)
    assert done.returncode == 5 and "went away" in done.stderr and memory.read_bytes() != flash
    (copy,) = (tmp_path / "home/citimeasure").iterdir()
    assert copy.stat().st_mode & 0o777 == 0o600
    with plugged(memory) as link:
        done = citimeasure("flash", link.port, "--in-boot", "--yes", "--keep-data", "-o", "json", **home)
    assert "its copy is used" in done.stderr and [row["part"] for row in json.loads(done.stdout)] == ["files"]
    assert not copy.exists()
    found = image.files(memory.read_bytes()[2 * MB :])
    kept = {path: content for path, content in held.items() if path.startswith(factory.KEPT)}
    assert found.items() >= kept.items() and "/a/kit/start.mpy" in found
    assert not {"/slot.json", "/b/manifest.jsonl", "/b/kit/old.mpy"} & set(found)
