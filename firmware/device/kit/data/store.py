# SPDX-License-Identifier: EUPL-1.2
"""Readings that wait: kept on flash until the collector has acknowledged each one, whatever happens to the power.

Segment files of 4 kB, the size of a flash sector, are only ever appended to: littlefs makes changes inside a file dear.
Each record carries its own length and check sum, so that a torn one is seen. Which records of a segment are
acknowledged lies in a small file beside it; a segment goes when all its records are, or, counted, when there is no
room. Nothing else is ever deleted.
"""

import binascii
import os
import struct

SEGMENT = 4096
_HEAD = "<BH"  # length of the body, check sum
_BODY = "<IIBIHB"  # boot, seq, kind, time, dt, number of values
_VALUE = "<Bi"  # code, hundredths
_UNIX, _UPTIME = 0, 1  # kinds of time: s since 1970, or s since the start of the boot


class Record:
    """One reading. `t` is s since 1970, or None with `uptime` [s] of its boot."""

    def __init__(self, boot, seq, t, uptime, dt, values):
        self.boot, self.seq, self.t, self.uptime, self.dt, self.values = boot, seq, t, uptime, dt, values


def _sum(body):
    return binascii.crc32(body) & 0xFFFF


def _pack(record):
    kind, moment = (_UPTIME, record.uptime) if record.t is None else (_UNIX, record.t)
    body = struct.pack(_BODY, record.boot, record.seq, kind, moment, record.dt, len(record.values))
    body += b"".join([struct.pack(_VALUE, code, value) for code, value in record.values])
    return struct.pack(_HEAD, len(body), _sum(body)) + body


def _unpack(body):
    boot, seq, kind, moment, dt, n = struct.unpack_from(_BODY, body)
    at, size = struct.calcsize(_BODY), struct.calcsize(_VALUE)
    values = [struct.unpack_from(_VALUE, body, at + i * size) for i in range(n)]
    t, uptime = (moment, None) if kind == _UNIX else (None, moment)
    return Record(boot, seq, t, uptime, dt, values)


class _Segment:
    """What is remembered of a file: runs of (boot, first seq, how many), in order, and which are acknowledged."""

    def __init__(self, number):
        self.number = number
        self.size = 0
        self.n = 0
        self.runs = []
        self.acked = bytearray()
        self.left = 0
        self.sealed = False  # full, or torn: never appended to again

    def note(self, boot, seq):
        if self.runs and self.runs[-1][0] == boot and self.runs[-1][1] + self.runs[-1][2] == seq:
            self.runs[-1][2] += 1
        else:
            self.runs.append([boot, seq, 1])
        if self.n % 8 == 0:
            self.acked.append(0)
        self.n += 1
        self.left += 1

    def is_acked(self, i):
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


class Store:
    """Readings in a folder. `dropped` and `torn` count what was lost to lack of room, or to a power cut in a write."""

    def __init__(self, folder, limit=512 * 1024):
        self._folder = folder
        self._limit = max(limit // SEGMENT, 2)
        self.dropped = self.torn = 0
        self._segments = []
        try:
            os.mkdir(folder)
        except OSError:
            pass  # it is there
        self.boot = self._next_boot()
        self.newest = None  # the reading that was appended last in this boot
        self._newest_in = None  # its segment, and its place there
        self._zeros = self._load_zeros()
        for number in sorted([int(name[:-4]) for name in os.listdir(folder) if name.endswith(".seg")]):
            self._load(number)

    def _path(self, number, kind):
        return "%s/%08d.%s" % (self._folder, number, kind)

    def _next_boot(self):
        path = self._folder + "/boot"
        try:
            with open(path) as file:
                boot = int(file.read()) + 1
        except (OSError, ValueError):
            boot = 1
        with open(path + ".new", "w") as file:
            file.write(str(boot))
        os.rename(path + ".new", path)
        return boot

    def _load_zeros(self):
        """When boots began [ms since 1970], of those that knew it: what they kept without a time can be dated."""
        zeros = {}
        try:
            with open(self._folder + "/zeros") as file:
                for line in file:
                    boot, _, zero = line.strip().partition(" ")
                    zeros[int(boot)] = int(zero)
        except (OSError, ValueError):
            pass  # none yet; or the end of the file is torn
        return zeros

    def remember_zero(self, zero_ms):
        """This boot began then."""
        self._zeros[self.boot] = zero_ms
        held = {run[0] for segment in self._segments for run in segment.runs}
        held.add(self.boot)
        self._zeros = {boot: zero for boot, zero in self._zeros.items() if boot in held}
        with open(self._folder + "/zeros.new", "w") as file:
            for boot, zero in self._zeros.items():
                file.write("%d %d\n" % (boot, zero))
        os.rename(self._folder + "/zeros.new", self._folder + "/zeros")

    def zero_of(self, boot):
        """When a boot began [ms since 1970], or None."""
        return self._zeros.get(boot)

    def _load(self, number):
        segment = _Segment(number)
        segment.sealed = True  # a new boot begins a new segment: an old one may end in half a record
        for record in self._records(segment, count_torn=True):
            segment.note(record.boot, record.seq)
        if not segment.n:
            self._remove(segment)
            return
        try:
            with open(self._path(number, "ack"), "rb") as file:
                saved = file.read()
        except OSError:
            saved = b""
        if len(saved) == len(segment.acked) + 2 and struct.unpack("<H", saved[:2])[0] == _sum(saved[2:]):
            segment.acked = bytearray(saved[2:])
            segment.left = sum([not segment.is_acked(i) for i in range(segment.n)])
        self._segments.append(segment)
        if not segment.left:
            self._forget(segment)

    def _records(self, segment, count_torn=False):
        """The sound records of a file, in order; what follows a damaged one cannot be told apart, and is left."""
        head = struct.calcsize(_HEAD)
        with open(self._path(segment.number, "seg"), "rb") as file:
            while True:
                start = file.read(head)
                if not start:
                    return
                body = b""
                if len(start) == head:
                    length, check = struct.unpack(_HEAD, start)
                    body = file.read(length)
                if len(start) < head or len(body) < length or length < 16 or _sum(body) != check:
                    self.torn += count_torn
                    return
                yield _unpack(body)

    def append(self, record):
        """Keeps a reading; on flash when it returns."""
        packed = _pack(record)
        segment = self._segments[-1] if self._segments else None
        if segment is None or segment.sealed or segment.size + len(packed) > SEGMENT:
            segment = self._new_segment(segment)
        with open(self._path(segment.number, "seg"), "ab") as file:
            file.write(packed)
        segment.size += len(packed)
        segment.note(record.boot, record.seq)
        self.newest, self._newest_in = record, (segment, segment.n - 1)

    def is_acked(self, record):
        """Whether the newest reading is acknowledged."""
        segment, i = self._newest_in
        return record is not self.newest or segment.is_acked(i)

    def _new_segment(self, last):
        """Begins a file; the last one is sealed, and goes if all of it is acknowledged already."""
        number = last.number + 1 if last else self._last_number() + 1
        if last:
            last.sealed = True
            if not last.left:
                self._forget(last)
        while len(self._segments) >= self._limit:
            oldest = self._segments[0]
            self.dropped += oldest.left
            self._forget(oldest)
        segment = _Segment(number)
        self._segments.append(segment)
        return segment

    def _last_number(self):
        numbers = [int(name[:-4]) for name in os.listdir(self._folder) if name.endswith(".seg")]
        return max(numbers) if numbers else 0

    def waiting(self, skip, limit):
        """Up to `limit` readings that are not acknowledged and not in `skip`, a set of (boot, seq), oldest first."""
        found = []
        for segment in self._segments:
            if not segment.left:
                continue
            for i, record in enumerate(self._records(segment)):
                if i < segment.n and not segment.is_acked(i) and (record.boot, record.seq) not in skip:
                    found.append(record)
                    if len(found) >= limit:
                        return found
        return found

    def ack(self, boot, low, high):
        """Lets go of the readings low..high of a boot, both included, and of no other; how many there were."""
        total = 0
        for segment in list(self._segments):
            new = segment.ack(boot, low, high)
            if not new:
                continue
            total += new
            if segment.left or (segment is self._segments[-1] and not segment.sealed):
                self._save_acks(segment)
            else:
                self._forget(segment)
        return total

    def _save_acks(self, segment):
        path = self._path(segment.number, "ack")
        with open(path, "wb") as file:  # littlefs swaps the content when the file is closed
            file.write(struct.pack("<H", _sum(segment.acked)))
            file.write(segment.acked)

    def _forget(self, segment):
        self._segments.remove(segment)
        self._remove(segment)

    def _remove(self, segment):
        # In this order: records without acknowledgements are sent again; acknowledgements without records would be
        # taken for those of the next file of this number.
        for kind in ("ack", "seg"):
            try:
                os.remove(self._path(segment.number, kind))
            except OSError:
                pass  # it never had any

    @property
    def held(self):
        """How many readings wait."""
        return sum([segment.left for segment in self._segments])
