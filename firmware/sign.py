# SPDX-License-Identifier: EUPL-1.2
"""Keys and signed releases of the kit's application, on the host.

A release is a folder with `manifest.jsonl`, `manifest.sig` and `files.bin`, made from a tree that holds `kit/`. The kit
checks it in `device/kit/ota/verify.py`; this is the other half. Private keys are made and used by the openssl program,
which asks for passphrases itself: no secret passes through this process, and no package has to be installed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

MANIFEST, SIGNATURE, FILES = "manifest.jsonl", "manifest.sig", "files.bin"
KEY_BITS = 3072
MAX_MANIFEST, MAX_FILES, MAX_SIZE = 16384, 256, 1 << 20
_SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")
_VERSION = re.compile(r"(0|[1-9]\d{0,4})(\.(0|[1-9]\d{0,4})){2}")
_RUNTIME = re.compile(r"(0|[1-9]\d{0,4})\.(0|[1-9]\d{0,4})")
_NAME = re.compile(r"[a-z0-9_-]{1,32}")
_PATH = re.compile(r"kit(/[a-z0-9_-]{1,32})+\.[a-z0-9_-]{1,32}")


class SigningError(Exception):
    """A key or a release that cannot be used; the message says why, and what to do."""


@dataclass(frozen=True)
class Release:
    """What the first line of a manifest says. `board` is the kit's model, `arch` "any" or an architecture of .mpy."""

    version: str
    runtime: str
    board: str
    arch: str
    created: int
    files: int
    size: int

    def line(self) -> str:
        """In the one form that kits take."""
        fields = {"v": 1, **vars(self)}
        return json.dumps(fields, separators=(",", ":"))


def make_keys(folder: Path, *, passphrase: bool = False) -> list[Path]:
    """Makes the pairs `current` and `next`; returns the files. SigningError if one is there already."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for name in ("current", "next"):
        private, public = folder / f"{name}.pem", folder / f"{name}.pub"
        if private.exists() or public.exists():
            raise SigningError(f"{private} is there already. A key that kits know must not be lost: name a new folder.")
        # Nobody else may read it, at no moment.
        os.close(os.open(private, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        command = ["genpkey", "-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{KEY_BITS}", "-out", str(private)]
        try:
            _openssl([*command, *(["-aes256"] if passphrase else [])])
            found = _openssl(["rsa", "-in", str(private), "-noout", "-modulus"]).decode()
        except SigningError:
            private.unlink()
            raise
        public.write_text(found.strip().removeprefix("Modulus=").lower() + "\n")
        made += [private, public]
    return made


def read_public_keys(paths: Iterable[Path]) -> list[int]:
    """The moduli in .pub files."""
    moduli = []
    for path in paths:
        try:
            modulus = int(path.read_text().strip(), 16)
        except (OSError, ValueError) as error:
            raise SigningError(f"The public key {path} cannot be read: {error}.") from error
        if modulus.bit_length() != KEY_BITS:
            raise SigningError(f"{path} is no public key of {KEY_BITS} bits.")
        moduli.append(modulus)
    return moduli


def sign_release(tree: Path, out: Path, key: Path, release: Release) -> Release:
    """Writes a release of all files under `tree/kit`; `files` and `size` of `release` are counted anew.

    SigningError if a name or a number is one that no kit would take, or openssl cannot sign.
    """
    if not (tree / "kit").is_dir():
        raise SigningError(f"There is no folder {tree / 'kit'}: name the one that holds the application's kit/.")
    if not key.is_file():
        raise SigningError(f"There is no private key {key}: `citimeasure fleet keys` makes keys.")
    paths = sorted(path.relative_to(tree).as_posix() for path in (tree / "kit").rglob("*") if path.is_file())
    contents = {path: (tree / path).read_bytes() for path in paths}
    release, manifest = describe(contents, release)
    _check_version(release.version, contents)
    out.mkdir(parents=True, exist_ok=True)
    # The signature comes last: a folder without one is no release.
    (out / SIGNATURE).unlink(missing_ok=True)
    (out / FILES).write_bytes(b"".join(contents.values()))
    (out / MANIFEST).write_bytes(manifest)
    (out / SIGNATURE).write_bytes(_openssl(["dgst", "-sha256", "-sign", str(key), str(out / MANIFEST)]))
    return release


def describe(contents: Mapping[str, bytes], release: Release) -> tuple[Release, bytes]:
    """The manifest of files, and what its first line says: `files` and `size` of `release` are counted anew.

    SigningError if a name or a number is one that no kit would take.
    """
    size = sum(map(len, contents.values()))
    release = Release(**{**vars(release), "files": len(contents), "size": size})
    entries = [[path, len(content), hashlib.sha256(content).hexdigest()] for path, content in sorted(contents.items())]
    lines = [release.line(), *(json.dumps(entry, separators=(",", ":")) for entry in entries)]
    manifest = "".join(line + "\n" for line in lines).encode()
    read_manifest(manifest)
    return release, manifest


def _check_version(version: str, contents: Mapping[str, bytes]) -> None:
    """The files must call themselves what the manifest calls them: kits compare the two."""
    named = [content for path, content in contents.items() if path in ("kit/data/message.mpy", "kit/data/message.py")]
    if not any(version.encode() in content for content in named):
        raise SigningError(
            f"The files are not of version {version}: FIRMWARE in kit/data/message.py says another. Build it again."
        )


def read_manifest(manifest: bytes) -> tuple[Release, list[tuple[str, int, str]]]:
    """The release and its files (path, size, SHA-256 in hex); SigningError if no kit would take it."""
    try:
        first, *lines = manifest.decode("ascii").removesuffix("\n").split("\n")
        head = json.loads(first)
        release = Release(**{key: value for key, value in head.items() if key != "v"})
        entries = [tuple(json.loads(line)) for line in lines]
    except (ValueError, TypeError, AttributeError) as error:
        raise SigningError(f"This is no manifest: {error}.") from error
    _check_head(release)
    if not 0 < len(entries) <= MAX_FILES or len(manifest) > MAX_MANIFEST:
        raise SigningError(f"A release has 1 to {MAX_FILES} files, and a manifest of at most {MAX_MANIFEST} bytes.")
    for entry in entries:
        _check_entry(entry)
    paths = [entry[0] for entry in entries]
    if paths != sorted(set(paths)):
        raise SigningError("The manifest's files are not sorted, or one is there twice.")
    total = sum(entry[1] for entry in entries)
    if (release.files, release.size) != (len(entries), total) or not 0 < total <= MAX_SIZE:
        raise SigningError(f"The files are {total} bytes; a release has as many as it says, and at most {MAX_SIZE}.")
    canonical = [release.line(), *(json.dumps(list(entry), separators=(",", ":")) for entry in entries)]
    if "".join(line + "\n" for line in canonical).encode() != manifest:
        raise SigningError("The manifest is not in the one form that kits take. Sign the release again.")
    return release, entries


def _check_head(release: Release) -> None:
    texts = (release.version, release.runtime, release.board, release.arch)
    if not all(isinstance(text, str) for text in texts) or not _VERSION.fullmatch(release.version):
        raise SigningError(f"{release.version!r} is no version: write three numbers, say 0.2.0.")
    if not _RUNTIME.fullmatch(release.runtime):
        raise SigningError(f"{release.runtime!r} is no version of MicroPython: write two numbers, say 1.25.")
    for name in (release.board, release.arch):
        if not _NAME.fullmatch(name):
            raise SigningError(f"{name!r} is no name of a board or an architecture: a-z, 0-9, _ and - only.")
    if any(type(number) is not int or number <= 0 for number in (release.created, release.files, release.size)):
        raise SigningError("The manifest's numbers are whole, and more than 0.")


def _check_entry(entry: tuple[object, ...]) -> None:
    path, size, digest = entry if len(entry) == 3 else ("", 0, "")
    if not isinstance(path, str) or len(path) > 80 or not _PATH.fullmatch(path):
        raise SigningError(f"No kit takes a file {path!r}: names are of a-z, 0-9, _ and -, with a suffix, under kit/.")
    if type(size) is not int or size < 0 or not isinstance(digest, str) or not re.fullmatch("[0-9a-f]{64}", digest):
        raise SigningError(f"The manifest's line for {path} is damaged.")


def is_signed(content: bytes, signature: bytes, moduli: Iterable[int]) -> bool:
    """Whether one of the keys signed the content: RSA PKCS#1 v1.5 with SHA-256, the block rebuilt and compared."""
    length = KEY_BITS // 8
    tail = b"\x00" + _SHA256 + hashlib.sha256(content).digest()
    block = b"\x00\x01" + b"\xff" * (length - 2 - len(tail)) + tail
    value = int.from_bytes(signature, "big")
    return len(signature) == length and any(
        value < n and pow(value, 65537, n).to_bytes(length, "big") == block for n in moduli
    )


def verify_release(manifest: bytes, signature: bytes, files: bytes, moduli: Iterable[int]) -> Release:
    """What a kit would check of a release, whatever kit it is; SigningError if it would be refused."""
    if not is_signed(manifest, signature, moduli):
        raise SigningError("None of the keys has signed this manifest: it is another city's, or was changed.")
    release, entries = read_manifest(manifest)
    at = 0
    for path, size, digest in entries:
        if hashlib.sha256(files[at : at + size]).hexdigest() != digest:
            raise SigningError(f"{FILES} is damaged or cut short at {path}. Put the release on the server again.")
        at += size
    if at != len(files):
        raise SigningError(f"{FILES} has {len(files)} bytes instead of {at}. Put the release on the server again.")
    return release


def takes_part(device: str, version: str, percent: int) -> bool:
    """Whether a kit is among the first `percent` of 100 for a version; the kit comes to the same answer."""
    digest = hashlib.sha256(f"{device} {version}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % 100 < percent


def _openssl(arguments: list[str]) -> bytes:
    try:
        done = subprocess.run(["openssl", *arguments], capture_output=True)
    except FileNotFoundError as error:
        raise SigningError("The program openssl is not here: install the package openssl.") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise SigningError(f"openssl cannot do it: {said[0] if said else done.returncode}.")
    return done.stdout
