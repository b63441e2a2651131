# SPDX-License-Identifier: EUPL-1.2
"""The wire, seen from the kit: records to message version 1, and acknowledgements to what may be deleted.

The same example files that test this test the collector.
"""

import json

from kit.data.quantities import NAMES, text

FIRMWARE = "0.1.0"
_PIECE = const(96)  # bytes; a piece is a little longer


class BadAck(Exception):
    """An acknowledgement that cannot be read; nothing is deleted for it."""


class Encoder:
    """Writes messages into one buffer, taken when the heap is still whole: later there may be no piece so large."""

    def __init__(self, size):
        self._buffer = bytearray(size)
        self._n = 0

    def _put(self, text):
        data = text.encode()
        end = self._n + len(data)
        if end > len(self._buffer) - 2:  # room for the end
            return False
        self._buffer[self._n : end] = data
        self._n = end
        return True

    def encode(self, records, times):
        """As many readings of one boot as fit, as (bytes of a message, how many). `times`: ("t", s) or ("age", ms)."""
        self._n = 0
        self._put('{"v":1,"boot":%d,"fw":"%s","readings":[' % (records[0].boot, FIRMWARE))
        done = 0
        for record, (kind, moment) in zip(records, times):
            start = self._n
            whole = self._put(
                '%s{"seq":%d,"%s":%d,"dt":%d,"q":{' % ("," * (done > 0), record.seq, kind, moment, record.dt)
            )
            for i, (code, value) in enumerate(record.values):
                whole = whole and self._put('%s"%s":%s' % ("," * (i > 0), NAMES[code], text(value)))
            if not (whole and self._put("}}")):
                self._n = start
                break
            done += 1
        self._buffer[self._n : self._n + 2] = b"]}"
        return memoryview(self._buffer)[: self._n + 2], done


def pieces(value):
    """An object as JSON, in pieces [bytes]: a heap that is in use has rarely room for all of it in one place."""
    found = [b""]
    _write(found, value)
    return found


def _write(found, value):
    if isinstance(value, dict):
        mark = "{"
        for name, inner in value.items():
            _append(found, mark + json.dumps(name) + ":")
            _write(found, inner)
            mark = ","
        _append(found, "}" if value else "{}")
    elif isinstance(value, (list, tuple)):
        mark = "["
        for inner in value:
            _append(found, mark)
            _write(found, inner)
            mark = ","
        _append(found, "]" if value else "[]")
    else:
        _append(found, json.dumps(value))


def _append(found, text):
    if len(found[-1]) > _PIECE:
        found.append(b"")
    found[-1] += text.encode()


def decode_ack(payload):
    """(boot, [(low, high), ...], reasons by number, error, the collector's time [ms] or None). BadAck if it is none."""
    if payload[-1:] not in (b"}", "}"):
        raise BadAck("no whole object")  # MicroPython's reader takes half a one for a whole
    try:
        ack = json.loads(payload)
    except ValueError:
        raise BadAck("no JSON")
    if not isinstance(ack, dict):
        raise BadAck("no object")
    error = ack.get("error")
    boot = ack.get("boot")
    if boot is None and isinstance(error, str):
        return None, [], {}, error, None
    if not _is_number(boot):
        raise BadAck("boot")
    ranges = []
    given = ack.get("seq", [])
    if not isinstance(given, list):
        raise BadAck("seq")
    for one in given:
        if not isinstance(one, list) or len(one) != 2 or not _is_number(one[0]) or not _is_number(one[1]):
            raise BadAck("range")
        if one[0] > one[1]:
            raise BadAck("range")
        ranges.append((one[0], one[1]))
    rejected = {}
    given = ack.get("rejected", {})
    if not isinstance(given, dict):
        raise BadAck("rejected")
    for number, reason in given.items():
        try:
            rejected[int(number)] = str(reason)
        except ValueError:
            raise BadAck("rejected")
    now = ack.get("now")
    return boot, ranges, rejected, error, now if _is_number(now) else None


def _is_number(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
