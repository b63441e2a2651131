# SPDX-License-Identifier: EUPL-1.2
"""Runs the application out of ROM, on boards that have one: byte code stays in flash then, and takes no memory.

A board has one if its MicroPython knows VfsRom, and its partition table a partition "romfs". That one holds a copy of
the slot that boot.py chose, made at the first start from there, and is mounted over the slot's folder. The slot itself
stays what counts, so updates, trials and the way back need not know of the copy: it is made again when it is of another
manifest or not sound, and where it cannot be made the kit runs from the slot.

The image is MicroPython's ROMFS: records of kind, length and content, one in the other. Its first block has nothing but
head, length, and padding that begins with size and check sum of all other blocks. It is emptied first and written last,
in one piece that flash writes at once: a power cut leaves no image that could be taken for a whole one.
"""

import binascii
import os
import struct
import sys

import vfs

_BLOCK = const(4096)
_MAGIC = const(b"\xd2\xcd\x31")
# Kinds of records.
_PADDING = const(1)
_DATA = const(2)
_FOLDER = const(4)
_FILE = const(5)
_HEAD = const(5)  # bytes of a record before its content: kind, length
_SUMS = const(12)  # where size and check sum are: behind magic, length, and the padding's head
_MANIFEST = const("/manifest.jsonl")


def enter():
    """Mounts the copy of the running slot over it, and forgets what was imported: True if imports come from ROM now."""
    slot = sys.path[0]
    try:
        rom = vfs.rom_ioctl(2, 0) if slot in ("/a", "/b") and vfs.rom_ioctl(1) > 0 else None
    except AttributeError:
        rom = None  # as in MicroPython's own images
    if rom is None or slot in [path for _, path in vfs.mount()]:
        return False
    try:
        if not (is_sound(memoryview(rom)) and _is_of(vfs.VfsRom(rom), slot)):
            print("rom: copies", slot)
            copy(slot, rom)
            if not is_sound(memoryview(rom)):
                raise OSError("not read back")
        vfs.mount(vfs.VfsRom(rom), slot)
    except OSError as error:
        print("rom:", error)
        return False
    for name, module in list(sys.modules.items()):
        if getattr(module, "__file__", "").startswith(slot + "/"):
            del sys.modules[name]
    return True


def is_sound(image):
    """Whether a partition, seen as memory, holds a whole image."""
    if bytes(image[:3]) != _MAGIC:
        return False
    size, check = struct.unpack("<II", image[_SUMS : _SUMS + 8])
    return _BLOCK <= size <= len(image) and binascii.crc32(image[_BLOCK:size]) == check


def _is_of(files, slot):
    """Whether a file system has the manifest of a slot."""
    try:
        with files.open(_MANIFEST, "rb") as copied, open(slot + _MANIFEST, "rb") as file:
            while True:
                piece = file.read(256)
                if piece != copied.read(256):
                    return False
                if not piece:
                    return True
    except OSError:
        return False


def copy(slot, rom):
    """Writes the files of a slot into a partition. OSError if they do not fit, or the flash fails."""
    length = sum([_HEAD + _length(path) for path in _inside(slot)])
    if _BLOCK + length > rom.ioctl(4, 0) * _BLOCK:
        raise OSError("%d kB are needed" % ((_BLOCK + length) // 1024 + 1))
    rom.writeblocks(0, bytes(_BLOCK))
    out = Blocks(rom)
    for path in _inside(slot):
        _put(out, path)
    out.end()
    first = bytearray(_BLOCK)
    head = _MAGIC + _number(_BLOCK - 7 + length) + bytes([_PADDING]) + _number(_BLOCK - _SUMS)
    first[: _SUMS + 8] = head + struct.pack("<II", _BLOCK + length, out.check)
    rom.writeblocks(0, first)


def _number(n):
    """Groups of seven bits, the highest first; always four, so that lengths are known before contents."""
    return bytes([n >> 21 & 127 | 128, n >> 14 & 127 | 128, n >> 7 & 127 | 128, n & 127])


def _inside(folder):
    return [folder + "/" + name for name in os.listdir(folder)]


def _stat(path):
    """(whether it is a folder, bytes of a file, its name)."""
    stat = os.stat(path)
    return stat[0] & 0x4000, stat[6], path.split("/")[-1].encode()


def _length(path):
    """Bytes of the content of a file's or folder's record."""
    is_folder, size, name = _stat(path)
    content = sum([_HEAD + _length(inner) for inner in _inside(path)]) if is_folder else _HEAD + size
    return 1 + len(name) + content


def _put(out, path):
    """The record of a file or folder."""
    is_folder, size, name = _stat(path)
    out.put(bytes([_FOLDER if is_folder else _FILE]) + _number(_length(path)) + bytes([len(name)]) + name)
    if is_folder:
        for inner in _inside(path):
            _put(out, inner)
        return
    out.put(bytes([_DATA]) + _number(size))
    with open(path, "rb") as file:
        while piece := file.read(512):
            out.put(piece)
            size -= len(piece)
    if size:
        raise OSError("%s has changed" % path)


class Blocks:
    """Gathers bytes to blocks, and writes these from the second one on. `check` is their sum at the end."""

    def __init__(self, rom):
        self._rom, self._block, self._buffer, self._n = rom, 1, bytearray(_BLOCK), 0
        self.check = 0

    def put(self, data):
        at = 0
        while at < len(data):
            n = min(len(data) - at, _BLOCK - self._n)
            self._buffer[self._n : self._n + n] = data[at : at + n]
            self._n += n
            at += n
            if self._n == _BLOCK:
                self.end()

    def end(self):
        """Writes what there is, as a block."""
        if self._n:
            self.check = binascii.crc32(memoryview(self._buffer)[: self._n], self.check)
            self._rom.writeblocks(self._block, self._buffer)
            self._block += 1
            self._n = 0
