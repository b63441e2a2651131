# SPDX-License-Identifier: EUPL-1.2
"""Keys and signatures on the host: openssl makes them, openssl and we agree on them."""

import subprocess

import pytest

from firmware import sign
from tests.firmware.ota import kits
from tests.journeys.collecting import citimeasure


def test_openssl_finds_the_signature_good(tmp_path):
    release = kits.small_release(tmp_path, "0.2.0")
    public = tmp_path / "public.pem"
    subprocess.run(["openssl", "pkey", "-in", kits.keys() / "current.pem", "-pubout", "-out", public], check=True)
    command = ["openssl", "dgst", "-sha256", "-verify", public, "-signature"]
    subprocess.run([*command, release / sign.SIGNATURE, release / sign.MANIFEST], check=True, capture_output=True)


def test_both_keys_are_taken_and_no_other(tmp_path):
    release = kits.small_release(tmp_path, "0.2.0", key="next")
    files = [(release / name).read_bytes() for name in (sign.MANIFEST, sign.SIGNATURE, sign.FILES)]
    current, following = (sign.read_public_keys([kits.keys() / f"{name}.pub"]) for name in ("current", "next"))
    assert sign.verify_release(*files, [*current, *following]).files == 5
    with pytest.raises(sign.SigningError, match="None of the keys"):
        sign.verify_release(*files, current)


def test_private_keys_are_private_and_never_written_over():
    assert (kits.keys() / "current.pem").stat().st_mode & 0o777 == 0o600
    with pytest.raises(sign.SigningError, match="there already"):
        sign.make_keys(kits.keys())


def test_files_of_another_version_are_not_signed(tmp_path):
    kits.small_release(tmp_path, "0.2.0")
    head = sign.Release("0.3.0", "1.25", "kit-1", "any", 1, 1, 1)
    with pytest.raises(sign.SigningError, match="are not of version"):
        sign.sign_release(tmp_path / "tree-0.2.0", tmp_path / "out", kits.keys() / "current.pem", head)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["kit/Upper.py", "kit/no_suffix", "kit/two.dots.py", "kit/.hidden/a.py"])
def test_a_name_that_no_kit_takes_is_not_signed(tmp_path, name):
    kits.small_release(tmp_path, "0.2.0")
    path = tmp_path / "tree-0.2.0" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("x")
    done = citimeasure(
        "fleet", "sign", tmp_path / "tree-0.2.0", "--version", "0.2.0", "--key", kits.keys() / "current.pem",
        "--out", tmp_path / "out", ok=False,
    )  # fmt: skip
    assert done.returncode == 1 and "No kit takes a file" in done.stderr


def test_the_command_line_makes_keys_and_a_release(tmp_path):
    assert len(citimeasure("fleet", "keys", tmp_path / "keys").stdout.splitlines()) == 4
    kits.small_release(tmp_path, "0.2.0")
    citimeasure(
        "fleet", "sign", tmp_path / "tree-0.2.0", "--version", "0.2.0", "--key", tmp_path / "keys/next.pem",
        "--out", tmp_path / "out",
    )  # fmt: skip
    files = [(tmp_path / "out" / name).read_bytes() for name in (sign.MANIFEST, sign.SIGNATURE, sign.FILES)]
    moduli = sign.read_public_keys(sorted((tmp_path / "keys").glob("*.pub")))
    assert sign.verify_release(*files, moduli).version == "0.2.0"
