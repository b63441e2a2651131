# SPDX-License-Identifier: EUPL-1.2
"""Nova Fitness SDS011: particulate matter ("Laser Dust Sensor Control Protocol V1.3").

Its laser lives for about 8000 hours, so it shines for at most a fifth of the time: each measurement wakes it, waits
until values hold, takes the mean of five, and puts it to sleep for four times as long.
"""

import asyncio

from kit.sensors.bus import BadFrame

HEAD = b"\xaa\xc0"
_REPLY = const(b"\xaa\xc5")
_LENGTH = const(10)
_MODE = const(2)
_SLEEP_OR_WORK = const(6)
_PERIOD = const(8)
_TRIES = const(2)
_REPLY_MS = const(1500)
_WARM_UP = const(30)  # s, by the protocol
_FRAMES = const(5)
_FRAME_MS = const(1600)  # one comes every second
# s: four times the longest that the laser may shine: three commands at work, warm-up, frames, and one to sleep.
REST = 4 * (_WARM_UP + (4 * _TRIES * _REPLY_MS + _FRAMES * _FRAME_MS) // 1000)


def _check(frame, head):
    if len(frame) != _LENGTH or frame[:2] != head or frame[9] != 0xAB:
        raise BadFrame("no frame of 10 bytes")
    if sum(frame[2:8]) & 0xFF != frame[8]:
        raise BadFrame("check sum")


def parse(frame):
    """Ten bytes to {pm25, pm10} [ug/m3]; BadFrame if head, tail or check sum are wrong, or a value is over 999.9."""
    _check(frame, HEAD)
    pm25, pm10 = frame[2] | frame[3] << 8, frame[4] | frame[5] << 8
    if pm25 > 9999 or pm10 > 9999:
        raise BadFrame("over 999.9")
    return {"pm25": pm25 / 10, "pm10": pm10 / 10}


def command(what, value):
    """The 19 bytes that set something, for a sensor of any id."""
    data = bytes([what, 1, value]) + bytes(10) + b"\xff\xff"
    return b"\xaa\xb4" + data + bytes([sum(data) & 0xFF, 0xAB])


class SDS011:
    """On the serial line."""

    NAME = "SDS011"
    BUS = "uart"
    PERIOD = REST
    QUANTITIES = ("pm25", "pm10")
    address = None

    def __init__(self, line):
        self._line, self.serial = line, ""
        self._rest = None

    async def identify(self):
        """By its reply, which carries its id; without one it may be a sensor of another kind."""
        self._line.write(command(_SLEEP_OR_WORK, 1))
        frame = await self._line.take(_REPLY, _LENGTH, _reply, _REPLY_MS)
        self.serial = "%02x%02x" % (frame[6], frame[7])
        return True

    async def start(self):
        """Nothing: it must not shine for the start alone. Each measurement sets all that is needed."""

    async def _set(self, what, value):
        """Sends a command until the sensor says that it did so; frames with values may come before that."""
        for _ in range(_TRIES):
            self._line.flush()
            self._line.write(command(what, value))
            try:
                frame = await self._line.take(_REPLY, _LENGTH, _reply, _REPLY_MS)
                if (frame[2], frame[4]) == (what, value):
                    return
            except (OSError, BadFrame):
                pass
        raise OSError(110)

    async def measure(self):
        """Wakes, gives the mean of five values, and sleeps; BadFrame if one of them is damaged.

        Whoever asks too early, as after a failure, waits until the laser has rested.
        """
        if self._rest:
            await self._rest
        try:
            await self._set(_SLEEP_OR_WORK, 1)
            # Whoever had the sensor before may have left it in another mode: it remembers that without power.
            await self._set(_PERIOD, 0)
            await self._set(_MODE, 0)
            await asyncio.sleep(_WARM_UP)
            self._line.flush()
            pm25 = pm10 = 0
            for _ in range(_FRAMES):
                values = await self._line.take(HEAD, _LENGTH, parse, _FRAME_MS)
                pm25 += values["pm25"]
                pm10 += values["pm10"]
            return {"pm25": pm25 / _FRAMES, "pm10": pm10 / _FRAMES}
        finally:
            self._rest = asyncio.create_task(_sleep(REST))
            await self._set(_SLEEP_OR_WORK, 0)


async def _sleep(seconds):
    await asyncio.sleep(seconds)


def _reply(frame):
    _check(frame, _REPLY)
    return frame
