# SPDX-License-Identifier: EUPL-1.2
"""Is a release what it should be? The signature of its manifest, its form, and the hash of each file.

A manifest is lines of JSON in exactly one form: the first describes the release, each other one a file, sorted by path.
The signature is RSA-3072, PKCS#1 v1.5 with SHA-256, over the manifest's bytes. The block that it must hold is rebuilt
and compared whole, so that no padding is ever parsed. Reference: RFC 8017, section 8.2.2 and note 2 in section 9.2.
"""

import hashlib
import json
import os
import sys
from binascii import hexlify

from kit.ota.slots import numbers

KEY_BYTES = 384
MAX_MANIFEST = 16384
MAX_SIZE = 1 << 20
_LINE = const(256)
_SHA256 = const(b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20")
_HEAD = const('{"v":1,"version":"%s","runtime":"%s","board":"%s","arch":"%s","created":%d,"files":%d,"size":%d}\n')
_FILE = const('["%s",%d,"%s"]\n')
_NAME = const("abcdefghijklmnopqrstuvwxyz0123456789_-")
_ARCHS = ("", "x86", "x64", "armv6", "armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp", "xtensa", "xtensawin",
          "rv32imc")  # fmt: skip


class Refused(Exception):
    """A release that is not taken. The message is a code and perhaps ": " and more; docs/reference/firmware.md."""


def is_signed(digest, signature, moduli):
    """Whether one of the keys has signed a SHA-256 digest."""
    if len(signature) != KEY_BYTES:
        return False
    value = int.from_bytes(signature, "big")
    tail = b"\x00" + _SHA256 + digest
    block = b"\x00\x01" + b"\xff" * (KEY_BYTES - 2 - len(tail)) + tail
    for n in moduli:
        # A modulus of another length would be a weaker key, or none.
        if n >> (8 * KEY_BYTES - 1) == 1 and value < n and pow(value, 65537, n).to_bytes(KEY_BYTES, "big") == block:
            return True
    return False


def check(path):
    """Reads a whole manifest and returns its first line as a dict; Refused if anything in it is not as it must be."""
    with open(path, "rb") as file:
        found = _head(file)
        last, total, n = "", 0, 0
        for name, size, _ in _files(file):
            if name <= last:
                raise Refused("manifest: files are not sorted")
            last, total, n = name, total + size, n + 1
    if (n, total) != (found["files"], found["size"]):
        raise Refused("manifest: not whole")
    return found


def files(path):
    """(path, size, hash in hex) of each file of a manifest that was checked."""
    with open(path, "rb") as file:
        file.readline(_LINE)
        yield from _files(file)


def _head(file):
    line = file.readline(_LINE)
    try:
        head = json.loads(line)
        values = [head[key] for key in ("version", "runtime", "board", "arch", "created", "files", "size")]
        numbers(values[0])
        numbers(values[1] + ".0")
        sound = all(isinstance(value, str) and _is_name(value) for value in values[2:4])
        sound = sound and all(type(value) is int and value > 0 for value in values[4:])
        # In one form only: what is compared here as a whole needs no more rules.
        sound = sound and (_HEAD % tuple(values)).encode() == line and values[5] <= 256 and values[6] <= MAX_SIZE
    except (ValueError, KeyError, TypeError, AttributeError):
        sound = False
    if not sound:
        raise Refused("manifest: its first line is none")
    return head


def _files(file):
    while True:
        line = file.readline(_LINE)
        if not line:
            return
        try:
            name, size, digest = one = json.loads(line)
            sound = type(size) is int and 0 <= size <= MAX_SIZE and _is_path(name) and _is_digest(digest)
            sound = sound and (_FILE % tuple(one)).encode() == line
        except (ValueError, TypeError, AttributeError):
            sound = False
        if not sound:
            raise Refused("manifest: a line that is no file")
        yield name, size, digest


def _is_name(text):
    return 0 < len(text) <= 32 and all(c in _NAME for c in text)


def _is_path(path):
    """kit/ and below, in small letters, with nothing that could lead elsewhere."""
    parts = path.split("/")
    if len(path) > 80 or len(parts) < 2 or parts[0] != "kit":
        return False
    stem, dot, suffix = parts.pop().rpartition(".")
    return bool(dot) and _is_name(stem) and _is_name(suffix) and all(_is_name(part) for part in parts)


def _is_digest(text):
    return len(text) == 64 and all(c in "0123456789abcdef" for c in text)


def refusal(head, running, state, board):
    """Why a release with a sound manifest is not for this kit now, or None."""
    version = head["version"]
    if version in state.get("failed", ()):
        return "failed_before"
    floor = max(numbers(running), numbers(state.get("floor") or running))
    if numbers(version) <= floor:
        return "older: not newer than %d.%d.%d" % floor
    if head["board"] != board:
        return "other_board: for " + head["board"]
    arch = _ARCHS[min(getattr(sys.implementation, "_mpy", 0) >> 10, len(_ARCHS) - 1)]
    if head["arch"] not in ("any", arch):
        return "other_arch: for %s, not %s" % (head["arch"], arch)
    if numbers(head["runtime"] + ".0")[:2] > sys.implementation[1][:2]:
        return "old_runtime: needs " + head["runtime"]
    return None


def is_file(path, size, digest):
    """Whether a file is there, of that size and hash."""
    try:
        if os.stat(path)[6] != size:
            return False
        with open(path, "rb") as file:
            return hexlify(hash_of(file)).decode() == digest
    except OSError:
        return False


def hash_of(file):
    """SHA-256 of an open file, read in pieces."""
    found, buffer = hashlib.sha256(), bytearray(512)
    view = memoryview(buffer)
    while True:
        n = file.readinto(buffer)
        if not n:
            return found.digest()
        found.update(view[:n])
