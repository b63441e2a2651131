# SPDX-License-Identifier: EUPL-1.2
"""Flash whose power can be cut at every operation. MicroPython.

`Flash` is a block device that writes down each program and erase. `Replay` makes the content at any cut from that: all
operations before it are whole, that one is done by half, nothing after it happens. Cuts go up: each costs little.
"""

import random

import vfs

BLOCK = 4096
random.seed(1)


class Flash:
    def __init__(self, blocks, content=None):
        self.content = content or bytearray(ERASED * blocks)
        self.log = None  # a list while operations are written down

    @property
    def operations(self):
        return len(self.log)

    def readblocks(self, block, buffer, offset=0):
        at = block * BLOCK + offset
        buffer[:] = memoryview(self.content)[at : at + len(buffer)]

    def writeblocks(self, block, buffer, offset=None):
        if offset is None:
            self.ioctl(6, block)
            offset = 0
        at = block * BLOCK + offset
        if self.log is not None:
            self.log.append((at, bytes(buffer)))
        memoryview(self.content)[at : at + len(buffer)] = buffer

    def ioctl(self, operation, argument):
        if operation == 4:
            return len(self.content) // BLOCK
        if operation == 5:
            return BLOCK
        if operation == 6:  # erase
            if self.log is not None:
                self.log.append((argument * BLOCK, None))
            memoryview(self.content)[argument * BLOCK : (argument + 1) * BLOCK] = ERASED
        return 0


ERASED = bytes([0xFF]) * BLOCK


class Replay:
    """The content of a flash at one cut after the other."""

    def __init__(self, content, log):
        self._content, self._log, self._done = bytearray(content), log, 0

    def at(self, cut):
        """A new flash as it is after `cut` whole operations and half of the next one; cuts must not go down."""
        while self._done < cut:
            self._do(self._content, self._log[self._done], 1)
            self._done += 1
        content = bytearray(self._content)
        if cut < len(self._log):
            self._do(content, self._log[cut], 2)
        return Flash(0, content)

    @staticmethod
    def _do(content, operation, part):
        at, data = operation
        data = data or ERASED
        n = len(data) // part
        memoryview(content)[at : at + n] = memoryview(data)[:n]


def recorded(root, blocks, prepare, script):
    """Runs a script on a fresh littlefs; the content before, the log, and (operations so far, note) of each step."""
    flash = Flash(blocks)
    vfs.VfsLfs2.mkfs(flash)
    vfs.mount(vfs.VfsLfs2(flash), root)
    prepare()
    before = bytearray(flash.content)
    flash.log = []
    steps = [(flash.operations, note) for note in script()]
    vfs.umount(root)
    return before, flash.log, steps


def tried(root, before, log, check, step):
    """Calls `check(cut)` on the flash at one of `step` cuts; every tenth time a second cut hits what that does."""
    replay = Replay(before, log)
    wrong, n = [], 0
    for cut in range(random.randrange(step), len(log) + 1, step):
        flash = replay.at(cut)
        try:
            if n % 10 == 9:
                once, flash.log = bytearray(flash.content), []
                _looked_at(root, flash, check, cut)
                flash = Replay(once, flash.log).at(random.randrange(len(flash.log) + 1))
                n += 1
            n += 1
            _looked_at(root, flash, check, cut)
        except Exception as error:  # noqa: BLE001 - whatever it is, the kit would not have started
            wrong.append("cut %d: %s: %s" % (cut, type(error).__name__, error))
    return {"operations": len(log), "cuts": n, "wrong": wrong[:20], "wrongs": len(wrong)}


def _looked_at(root, flash, check, cut):
    vfs.mount(vfs.VfsLfs2(flash), root)  # what cannot be mounted is a brick
    try:
        check(cut)
    finally:
        vfs.umount(root)
