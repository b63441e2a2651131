# SPDX-License-Identifier: EUPL-1.2
"""A board that waits for a program: the serial protocol of Espressif's ROM loader on a pseudo-terminal.

It speaks SLIP and the commands that esptool needs to name a chip and write its flash, keeps the flash in a file whose
size is the size of the flash, and takes a stub into its RAM: it does not run it, but goes on as the stub would. Faults
can be asked for. `python -m tests.fakes.rom FLASH --chip ESP32-S3` prints the port's name and serves until it is ended.
Source: esptool's guide "Serial Protocol". MD5 and register numbers of chips as there.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import pty
import signal
import struct
import tty
import zlib
from dataclasses import dataclass
from pathlib import Path

SECTOR = 4096
DETECT = 0x40001000  # register with a number that tells the chip, for the first ESP32
UNKNOWN_COMMAND, BAD_SUM = b"\x01\x05", b"\x01\x07"
READ_ID = 0x9F  # command to the flash: maker and size


@dataclass(frozen=True)
class Kind:
    """What differs between chips: number, register block of the flash, and two offsets in it."""

    number: int | None  # None: does not know the command that asks for it
    spi: int
    command: int
    word: int


KINDS = {
    "ESP32": Kind(None, 0x3FF42000, 0x24, 0x80),
    "ESP32-S3": Kind(9, 0x60002000, 0x20, 0x58),
    "ESP32-C3": Kind(5, 0x60002000, 0x20, 0x58),
    "ESP32-C6": Kind(13, 0x60003000, 0x20, 0x58),
    "ESP32-H2": Kind(16, 0x60003000, 0x20, 0x58),
}


class Rom:
    """The loader's state. `answer` takes a request and gives the replies to send."""

    def __init__(self, kind: Kind, flash: Path, *, wear: bool = False) -> None:
        self.kind, self.path, self.wear = kind, flash, wear
        self.size = flash.stat().st_size
        self.registers: dict[int, int] = {DETECT: 0x00F01D83}
        self.stub = False
        self.blocks = 0  # of data written
        self._at = 0
        self._inflate: zlib._Decompress | None = None
        self._commands = {
            0x02: self._flash_begin, 0x03: self._flash_data, 0x04: self._flash_end, 0x05: self._fine, 0x06: self._run,
            0x07: self._fine, 0x08: self._sync, 0x09: self._write_register, 0x0A: self._read_register, 0x0B: self._fine,
            0x0D: self._fine, 0x0F: self._fine, 0x10: self._deflate_begin, 0x11: self._flash_data,
            0x12: self._flash_end, 0x13: self._md5, 0x14: self._security, 0xD2: self._read_flash,
        }  # fmt: skip

    def answer(self, packet: bytes) -> list[bytes]:
        """Replies to one request, without SLIP."""
        if len(packet) == 4:  # how many bytes of a reading have come
            return []
        _, command, _, summed = struct.unpack_from("<BBHI", packet)
        if command not in self._commands:
            return [self._reply(command, status=UNKNOWN_COMMAND)]
        return self._commands[command](command, packet[8:], summed)

    def _reply(self, command: int, value: int = 0, data: bytes = b"", status: bytes = b"\0\0") -> bytes:
        body = data + status + (b"" if self.stub else b"\0\0")
        return struct.pack("<BBHI", 1, command, len(body), value) + body

    def _fine(self, command: int, *_: object) -> list[bytes]:
        return [self._reply(command)]

    def _sync(self, command: int, *_: object) -> list[bytes]:
        # The ROM answers a SYNC eight times, with a value that is not 0; the stub with 0.
        return [self._reply(command, 0 if self.stub else 0x20120707)] * 8

    def _run(self, command: int, *_: object) -> list[bytes]:
        replies = [self._reply(command), b"OHAI"]
        self.stub = True
        return replies

    def _security(self, command: int, *_: object) -> list[bytes]:
        if self.kind.number is None:
            return [self._reply(command, status=UNKNOWN_COMMAND)]
        return [self._reply(command, data=struct.pack("<IB7sII", 0, 0, bytes(7), self.kind.number, 0))]

    def _read_register(self, command: int, body: bytes, _: int) -> list[bytes]:
        return [self._reply(command, self.registers.get(struct.unpack_from("<I", body)[0], 0))]

    def _write_register(self, command: int, body: bytes, _: int) -> list[bytes]:
        address, value = struct.unpack_from("<II", body)
        if address == self.kind.spi and value & 1 << 18:  # the flash shall run its command
            value = 0
            if self.registers.get(address + self.kind.command, 0) & 0xFF == READ_ID:
                self.registers[address + self.kind.word] = (self.size.bit_length() - 1) << 16 | 0x40EF
        self.registers[address] = value
        return [self._reply(command)]

    def _flash_begin(self, command: int, body: bytes, _: int) -> list[bytes]:
        size, _, _, self._at = struct.unpack_from("<4I", body)
        self._inflate = None
        self._erase(size)
        return [self._reply(command)]

    def _deflate_begin(self, command: int, body: bytes, _: int) -> list[bytes]:
        size, _, _, self._at = struct.unpack_from("<4I", body)
        self._inflate = zlib.decompressobj()
        self._erase(size)
        return [self._reply(command)]

    def _erase(self, size: int) -> None:
        self._put(self._at // SECTOR * SECTOR, b"\xff" * (-(-size // SECTOR) * SECTOR))

    def _flash_data(self, command: int, body: bytes, summed: int) -> list[bytes]:
        size, _ = struct.unpack_from("<II", body)
        data = body[16 : 16 + size]
        check = 0xEF
        for byte in data:
            check ^= byte
        if check != summed:
            return [self._reply(command, status=BAD_SUM)]
        if self._inflate:
            data = self._inflate.decompress(data)
        self._put(self._at, b"\0" + data[1:] if self.wear and data else data)
        self._at += len(data)
        self.blocks += 1
        return [self._reply(command)]

    def _flash_end(self, command: int, body: bytes, _: int) -> list[bytes]:
        replies = [self._reply(command)]
        if struct.unpack_from("<I", body)[0] == 0:  # a restart, into the ROM loader again
            self.stub = False
        return replies

    def _md5(self, command: int, body: bytes, _: int) -> list[bytes]:
        start, size = struct.unpack_from("<II", body)
        found = hashlib.md5(self.path.read_bytes()[start : start + size])
        return [self._reply(command, data=found.digest() if self.stub else found.hexdigest().encode())]

    def _read_flash(self, command: int, body: bytes, _: int) -> list[bytes]:
        """The stub's: pieces, and the MD5 of all. It does not wait to hear that a piece has come."""
        start, size, piece, _ = struct.unpack_from("<4I", body)
        data = self.path.read_bytes()[start : start + size]
        pieces = [data[at : at + piece] for at in range(0, size, piece)]
        return [self._reply(command), *pieces, hashlib.md5(data).digest()]

    def _put(self, at: int, data: bytes) -> None:
        with self.path.open("r+b") as file:
            file.seek(at)
            file.write(data[: max(self.size - at, 0)])


def framed(packet: bytes) -> bytes:
    """SLIP, RFC 1055."""
    return b"\xc0" + packet.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc") + b"\xc0"


def unframed(frame: bytes) -> bytes:
    return frame.replace(b"\xdb\xdc", b"\xc0").replace(b"\xdb\xdd", b"\xdb")


def serve(rom: Rom, vanish_after: int | None = None, mute: bool = False) -> None:
    """Prints the port's name, then answers; goes away in the middle of a write if asked to."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    print(os.ttyname(slave), flush=True)
    waiting = b""
    while vanish_after is None or rom.blocks < vanish_after:
        waiting += os.read(master, 65536)
        *frames, waiting = waiting.split(b"\xc0")
        for frame in filter(None, frames):
            if not mute:
                for reply in rom.answer(unframed(frame)):
                    os.write(master, framed(reply))
    os.close(master)
    # The port's name must not be another board's while somebody still asks for this one: its other end stays open.
    signal.pause()


def main() -> None:
    parser = argparse.ArgumentParser(description="A fake board in its ROM loader.")
    parser.add_argument("flash", type=Path)
    parser.add_argument("--chip", choices=KINDS, default="ESP32-S3")
    parser.add_argument("--vanish-after", type=int, metavar="BLOCKS", help="go away after so many blocks of data")
    parser.add_argument("--mute", action="store_true", help="never answer")
    parser.add_argument("--wear", action="store_true", help="a flash that does not hold every byte")
    given = parser.parse_args()
    serve(Rom(KINDS[given.chip], given.flash, wear=given.wear), given.vanish_after, given.mute)


if __name__ == "__main__":
    main()
