# SPDX-License-Identifier: EUPL-1.2
"""One reading as it lies on flash: length, check sum, and a body that is small when it follows the one before it.

The first byte of a body says what kind it is. Of a record that follows the last one come the changes of its values; of
any other boot, seq, time, dt, number of values, and code and value of each. Numbers are in groups of seven bits, lowest
first; values and changes are hundredths, with the sign in the lowest bit.
"""

import binascii
import struct

HEAD = "<BH"  # length of the body, check sum
_UPTIME = const(1)
_FOLLOWS = const(2)  # the time is s since the start of the boot, not since 1970


class Record:
    """One reading. `t` is s since 1970, or None with `uptime` [s] of its boot."""

    def __init__(self, boot, seq, t, uptime, dt, values):
        self.boot, self.seq, self.t, self.uptime, self.dt, self.values = boot, seq, t, uptime, dt, values


def check_sum(body):
    return binascii.crc32(body) & 0xFFFF


def _put(out, number, signed=False):
    if signed:
        number = number << 1 if number >= 0 else (-number << 1) - 1
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)


def _numbers(body):
    """The numbers of a body, one after the other."""
    number = shift = 0
    for byte in body:
        number |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            yield number
            number = shift = 0


def _signed(number):
    return -(number + 1 >> 1) if number & 1 else number >> 1


def _moment(record):
    return record.uptime if record.t is None else record.t


def _follows(record, last):
    """Whether a record is the one that must come after the last one, but for its values."""
    if (record.boot, record.seq, record.dt, record.t is None) != (last.boot, last.seq + 1, last.dt, last.t is None):
        return False
    if _moment(record) != _moment(last) + record.dt or len(record.values) != len(last.values):
        return False
    return all(new[0] == old[0] for new, old in zip(record.values, last.values))


def pack(record, last):
    kind = _UPTIME if record.t is None else 0
    body = bytearray()
    if last and _follows(record, last):
        body.append(kind | _FOLLOWS)
        for new, old in zip(record.values, last.values):
            _put(body, new[1] - old[1], True)
    else:
        body.append(kind)
        for number in (record.boot, record.seq, _moment(record), record.dt, len(record.values)):
            _put(body, number)
        for code, value in record.values:
            _put(body, code)
            _put(body, value, True)
    return struct.pack(HEAD, len(body), check_sum(body)) + body


def unpack(body, last):
    numbers = _numbers(body)
    kind = next(numbers)
    if kind & _FOLLOWS:
        boot, seq, moment, dt = last.boot, last.seq + 1, _moment(last) + last.dt, last.dt
        values = [(old[0], old[1] + _signed(next(numbers))) for old in last.values]
    else:
        boot, seq, moment, dt, n = [next(numbers) for _ in range(5)]
        values = [(next(numbers), _signed(next(numbers))) for _ in range(n)]
    t, uptime = (None, moment) if kind & _UPTIME else (moment, None)
    return Record(boot, seq, t, uptime, dt, values)
