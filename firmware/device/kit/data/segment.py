# SPDX-License-Identifier: EUPL-1.2
"""A file of readings that wait, and beside it the small one that says which of them are acknowledged."""

import os
import struct

from kit.data.record import HEAD, check_sum, unpack

SIZE = 4096  # a sector of the flash


class Segment:
    """Remembers runs of (boot, first seq, how many), in order, and which are acknowledged."""

    def __init__(self, folder, number):
        self.number = number
        self._path = "%s/%08d." % (folder, number)
        self.size = 0
        self.n = 0
        self.runs = []
        self.acked = bytearray()
        self.left = 0
        self.sealed = False  # full, or torn: never appended to again

    def note(self, boot, seq):
        """It holds one more."""
        if self.runs and self.runs[-1][0] == boot and self.runs[-1][1] + self.runs[-1][2] == seq:
            self.runs[-1][2] += 1
        else:
            self.runs.append([boot, seq, 1])
        if self.n % 8 == 0:
            self.acked.append(0)
        self.n += 1
        self.left += 1

    def is_acked(self, i):
        """Whether its i-th reading is acknowledged."""
        return self.acked[i >> 3] >> (i & 7) & 1

    def ack(self, boot, low, high):
        """Marks what it has of a range; how many were new."""
        new = start = 0
        for run_boot, seq, n in self.runs:
            if run_boot == boot:
                for i in range(max(low - seq, 0), min(high - seq + 1, n)):
                    at = start + i
                    if not self.is_acked(at):
                        self.acked[at >> 3] |= 1 << (at & 7)
                        new += 1
            start += n
        self.left -= new
        return new

    def append(self, packed):
        """Adds a record; on flash when it returns."""
        with open(self._path + "seg", "ab") as file:
            file.write(packed)
        self.size += len(packed)

    def records(self, place=None):
        """The sound records, in order; what follows a damaged one cannot be told apart. None stands for damage.

        `place` is where to begin, [number, offset, record before], and moves along.
        """
        place = place or [0, 0, None]
        head = struct.calcsize(HEAD)
        with open(self._path + "seg", "rb") as file:
            file.seek(place[1])
            while True:
                start = file.read(head)
                if not start:
                    return
                body = b""
                if len(start) == head:
                    length, check = struct.unpack(HEAD, start)
                    body = file.read(length)
                if len(start) < head or len(body) < length or not length or check_sum(body) != check:
                    yield None
                    return
                record = unpack(body, place[2])
                place[0] += 1
                place[1] += head + length
                place[2] = record
                yield record

    def save_acks(self):
        """Keeps which are acknowledged."""
        with open(self._path + "ack", "wb") as file:  # littlefs swaps the content when the file is closed
            file.write(struct.pack("<H", check_sum(self.acked)))
            file.write(self.acked)

    def load_acks(self):
        """Finds out which are acknowledged; none, if that cannot be read."""
        try:
            with open(self._path + "ack", "rb") as file:
                saved = file.read()
        except OSError:
            return  # there was none yet
        # It is shorter where readings were added since.
        n = len(saved) - 2
        if 0 <= n <= len(self.acked) and struct.unpack("<H", saved[:2])[0] == check_sum(saved[2:]):
            self.acked[:n] = saved[2:]
            self.left = sum([not self.is_acked(i) for i in range(self.n)])

    def remove(self):
        """Deletes its files."""
        # In this order: records without acknowledgements are sent again; acknowledgements without records would be
        # taken for those of the next file of this number.
        for kind in ("ack", "seg"):
            try:
                os.remove(self._path + kind)
            except OSError:
                pass  # it never had any
