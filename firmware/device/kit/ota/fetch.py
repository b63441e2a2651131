# SPDX-License-Identifier: EUPL-1.2
"""Brings a release into the slot that does not run, and makes it the one of the next start.

A release is three files in a folder of a web server: the manifest, its signature, and all files one behind the other in
the manifest's order. Nothing is touched in the slot before the manifest is found good; what a cut leaves there is
looked at again by the next try, which goes on behind the last whole file. Memory is bounded whatever the server says.
"""

import asyncio
import gc
import hashlib
import os
from binascii import hexlify

from kit.ota import slots, verify
from kit.ota.http import Address, Download
from kit.ota.verify import Refused

_NEW = const("/manifest.new")
_FOLDERS = const(16)  # blocks of flash for the folders of a slot
_SPARE = const(4)  # blocks that stay free


async def install(url, version, running, board, open_):
    """Returns when the next start is the new version's. Refused: it is not taken. OSError: it may be, another time."""
    address = Address(url)
    state = slots.load()
    if state.get("phase") == "trial":
        raise OSError("busy")
    moduli = slots.keys()
    if not moduli:
        raise Refused("no_key")
    try:
        signature, found = bytearray(), hashlib.sha256()
        await _take(open_, address, "manifest.sig", verify.KEY_BYTES, signature.extend)
        with open(_NEW, "wb") as file:
            await _take(open_, address, slots.MANIFEST, verify.MAX_MANIFEST, lambda p: (found.update(p), file.write(p)))
        digest = found.digest()
        if not verify.is_signed(digest, signature, moduli):
            raise Refused("bad_signature")
        head = verify.check(_NEW)
        if head["version"] != version:
            raise Refused("other_version: " + head["version"])
        reason = verify.refusal(head, running, state, board)
        if reason:
            raise Refused(reason)
        del moduli, signature
        gc.collect()
        await _fill(state, head["size"], hexlify(digest).decode(), open_, address)
    finally:
        try:
            os.remove(_NEW)
        except OSError:
            pass  # it never came, or lies in the slot now
    slots.switch(state, version)


async def _take(open_, address, name, limit, take):
    """Gives a small file to a function, piece by piece."""
    download = Download()
    try:
        await download.open(open_, address, name)
        if download.length > limit:
            raise Refused("too_long: " + name)
        view = memoryview(bytearray(256))
        while download.length:
            n = await download.read(view)
            take(view[:n])
    finally:
        download.close()


async def _fill(state, size, digest, open_, address):
    """Puts the files of a manifest that was checked into the other slot, and the manifest behind them."""
    slot = slots.other()
    flash = os.statvfs("/")
    need = sum([length // flash[0] + 1 for _, length, _ in verify.files(_NEW)]) + _FOLDERS + _SPARE
    if flash[3] + slots.blocks(slot, flash[0]) < need:
        raise Refused("no_room: %d kB needed" % (need * flash[0] // 1024))
    slots.begin(state, digest)
    start = await _whole(slot)
    download = Download()
    try:
        if start < size:
            await download.open(open_, address, "files.bin", start)
        at = 0
        for name, length, want in verify.files(_NEW):
            if at >= start:
                await _file(download, slot, name, length, want)
            at += length
    finally:
        download.close()
    # What is on flash counts, not what came.
    for name, length, want in verify.files(_NEW):
        if not verify.is_file(slot + "/" + name, length, want):
            raise OSError("flash: " + name)
        await asyncio.sleep_ms(0)
    os.rename(_NEW, slot + "/" + slots.MANIFEST)


async def _whole(slot):
    """Bytes of the files that an earlier try has left whole, up to the first that is not."""
    total = 0
    for name, length, want in verify.files(_NEW):
        if not verify.is_file(slot + "/" + name, length, want):
            break
        total += length
        await asyncio.sleep_ms(0)
    return total


async def _file(download, slot, name, length, want):
    path = slot + "/" + name
    for i, c in enumerate(path):
        if c == "/" and i:
            try:
                os.mkdir(path[:i])
            except OSError as error:
                if error.errno != 17:
                    raise
    found, view = hashlib.sha256(), memoryview(bytearray(512))
    left = length
    with open(path, "wb") as file:
        while left:
            n = await download.read(view[: min(left, 512)])
            if not n:
                raise Refused("cut_short: files.bin")
            found.update(view[:n])
            file.write(view[:n])
            left -= n
    if hexlify(found.digest()).decode() != want:
        raise Refused("wrong_hash: " + name)
