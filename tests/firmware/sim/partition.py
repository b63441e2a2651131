# SPDX-License-Identifier: EUPL-1.2
"""The partition "romfs" of a board, as ESP32's MicroPython gives it where it is built for that. MicroPython.

Its content is a file of the kit's folder from one start to the next. It lies in the heap here, where a board has it in
flash; the tests leave it out of what the kit takes.
"""

import vfs

BLOCK = 4096


class Partition(bytearray):
    """Memory to read, blocks to write."""

    def ioctl(self, operation, _):
        assert operation == 4
        return len(self) // BLOCK

    def writeblocks(self, block, data):
        assert len(data) == BLOCK
        board = self.board
        if board.cut == 0:
            data = data[: BLOCK // 3]  # half a write
        self[block * BLOCK : block * BLOCK + len(data)] = data
        with open(board.path, "wb") as file:
            file.write(self)
        if board.cut == 0:
            raise board.ended("power")
        board.cut -= 1


class Vfs:
    """Like the module vfs; the power goes in the write after `cut` whole ones, as an exception `ended`."""

    def __init__(self, path, blocks, cut, ended):
        self.path, self.cut, self.ended = path, cut, ended
        self._partition = Partition(BLOCK * blocks)
        self._partition.board = self
        try:
            with open(path, "rb") as file:
                file.readinto(self._partition)
        except OSError:
            pass  # a new board's is empty

    def __getattr__(self, name):
        return getattr(vfs, name)

    def rom_ioctl(self, operation, *_):
        return 1 if operation == 1 else self._partition
