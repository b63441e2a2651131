# SPDX-License-Identifier: EUPL-1.2
"""Readings that wait: kept on flash until the collector has acknowledged each one, whatever happens to the power.

Segment files of 4 kB, the size of a flash sector, are only ever appended to: littlefs makes changes inside a file dear.
Each record carries its own length and check sum, so that a torn one is seen. Which records of a segment are
acknowledged lies in a small file beside it; a segment goes when all its records are, or, counted, when there is no
room. Nothing else is ever deleted.
"""

import os

from kit.core.once import forget
from kit.data.record import pack
from kit.data.segment import SIZE, Segment


class Store:
    """Readings in a folder. `dropped` counts those lost for lack of room since the kit was set up, `torn` the records
    that a power cut damaged while they were written.
    """

    def __init__(self, folder, limit=512 * 1024):
        self._folder = folder
        self._limit = max(limit // SIZE, 2)
        try:
            os.mkdir(folder)
        except OSError:
            pass  # it is there
        from kit.data import recover

        self.boot = recover.read_number(folder + "/boot") + 1
        self._write("boot", str(self.boot))
        self.dropped = recover.read_number(folder + "/dropped")
        self._zeros = recover.read_zeros(folder + "/zeros")
        self._segments, self._last, self.torn = recover.segments(folder)
        forget("kit.data.recover")
        self.newest = None  # the reading that was appended last in this boot
        self._newest_in = None, 0  # its segment, and its number there
        self._found = []  # where reading goes on after each of the readings that were found last
        self.rewind()

    def _write(self, name, text):
        """A small file, whole or as it was before."""
        path = self._folder + "/" + name
        with open(path + ".new", "w") as file:
            file.write(text)
        os.rename(path + ".new", path)

    def remember_zero(self, zero_ms):
        """This boot began then."""
        self._zeros[self.boot] = zero_ms
        held = {run[0] for segment in self._segments for run in segment.runs}
        held.add(self.boot)
        self._zeros = {boot: zero for boot, zero in self._zeros.items() if boot in held}
        self._write("zeros", "".join(["%d %d\n" % one for one in self._zeros.items()]))

    @property
    def last_known_ms(self):
        """The latest time that any boot knew, or 0."""
        return max(self._zeros.values()) if self._zeros else 0

    def zero_of(self, boot):
        """When a boot began [ms since 1970], or None."""
        return self._zeros.get(boot)

    def append(self, record):
        """Keeps a reading; on flash when it returns."""
        segment = self._segments[-1] if self._segments else None
        packed = pack(record, self.newest if segment and self._newest_in[0] is segment else None)
        if segment is None or segment.sealed or segment.size + len(packed) > SIZE:
            segment = self._new_segment(segment)
            packed = pack(record, None)
        segment.append(packed)
        segment.note(record.boot, record.seq)
        self.newest, self._newest_in = record, (segment, segment.n - 1)

    def is_acked(self, record):
        """Whether the newest reading is acknowledged."""
        segment, i = self._newest_in
        return record is not self.newest or segment.is_acked(i)

    def _new_segment(self, last):
        """Begins a file; the last one is sealed, and goes if all of it is acknowledged already."""
        if last:
            last.sealed = True
            if not last.left:
                self._forget(last)
        while len(self._segments) >= self._limit:
            oldest = self._segments[0]
            self.drop(oldest.left)
            self._forget(oldest)
        self._last += 1
        segment = Segment(self._folder, self._last)
        self._segments.append(segment)
        return segment

    def drop(self, n):
        """Counts readings that are lost, before they are."""
        self.dropped += n
        if n:
            self._write("dropped", str(self.dropped))

    def rewind(self):
        """Reading begins at the oldest again: something that was sent may be lost."""
        self._at = 0, (0, 0, None)  # segment's number, and place in it

    def waiting(self, skip, limit):
        """Up to `limit` readings that are not acknowledged and not in `skip`, a set of (boot, seq), oldest first.

        They are found again until `passed` or `rewind` says where to go on.
        """
        number, place = self._at[0], list(self._at[1])
        found = []
        self._found = []
        for segment in self._segments:
            if segment.number < number or not segment.left:
                continue
            if segment.number > number:
                number, place = segment.number, [0, 0, None]
            for record in segment.records(place):
                if record is None:
                    break
                if not segment.is_acked(place[0] - 1) and (record.boot, record.seq) not in skip:
                    found.append(record)
                    self._found.append((number, tuple(place)))
                    if len(found) >= limit:
                        return found
        return found

    def passed(self, n):
        """The first n readings that were found need not be found again."""
        if n:
            self._at = self._found[n - 1]

    def ack(self, boot, low, high):
        """Lets go of the readings low..high of a boot, both included, and of no other; how many there were."""
        total = 0
        for segment in list(self._segments):
            new = segment.ack(boot, low, high)
            if not new:
                continue
            total += new
            if segment.left or (segment is self._segments[-1] and not segment.sealed):
                segment.save_acks()
            else:
                self._forget(segment)
        return total

    def _forget(self, segment):
        self._segments.remove(segment)
        segment.remove()

    def forget_all(self):
        """Deletes everything, as before a kit goes to another host."""
        for name in os.listdir(self._folder):
            os.remove(self._folder + "/" + name)
        self._segments = []

    @property
    def held(self):
        """How many readings wait."""
        return sum([segment.left for segment in self._segments])
