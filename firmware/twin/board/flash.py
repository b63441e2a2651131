# SPDX-License-Identifier: EUPL-1.2
"""A folder of the computer as a board's flash, with the size of a real one. MicroPython.

The unix port's own VfsPosix does it but for two things: its listing has no sizes, and in 1.25 its rename joins both
names in one buffer, so that it renames a file to itself.
"""

import vfs

SIZE, BLOCK = 6 * 1024 * 1024, 4096  # what an ESP32-S3 with 8 MB leaves for files
_NAME_MAX = 255


class Flash:
    """Mounted at "/"."""

    def __init__(self, folder):
        self._folder = folder
        self._files, self._computer = vfs.VfsPosix(folder), vfs.VfsPosix()

    def __getattr__(self, name):
        return getattr(self._files, name)

    def _outside(self, path):
        return self._folder + path if path.startswith("/") else path

    def rename(self, old, new):
        self._computer.rename(self._outside(old), self._outside(new))

    def ilistdir(self, path):
        for name, kind, inode in self._files.ilistdir(path):
            at = (path + "/" if path else "") + name
            yield name, kind, inode, self._files.stat(at)[6]

    def statvfs(self, path):
        used = self._used("/") // BLOCK
        blocks = SIZE // BLOCK
        free = max(blocks - used, 0)
        return (BLOCK, BLOCK, blocks, free, free, 0, 0, 0, 0, _NAME_MAX)

    def _used(self, path):
        """Bytes, each file in whole blocks."""
        total = BLOCK
        for name, kind, _, size in self.ilistdir(path):
            total += self._used(path + name + "/") if kind == 0x4000 else (size + BLOCK - 1) // BLOCK * BLOCK
        return total
