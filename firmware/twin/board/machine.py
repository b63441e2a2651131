# SPDX-License-Identifier: EUPL-1.2
"""In place of a board's `machine`: an I2C bus with simulated sensors, pins that hold what they were told, resets.

The watchdog bites even a program that stands still: the computer's kernel ends it with a signal, by which the host
knows why. The serial ports are silent. MicroPython.
"""

import io
import os
import time

import ffi

PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 1, 2, 3, 4, 5
# Exit codes by which the host knows what to start again.
SOFT, SOFT_RAW, HARD = 42, 43, 44

cause = PWRON_RESET
parts = {}  # simulated sensors by address; filled when the twin starts


class Reset(SystemExit):
    """Ends the program, and the host starts it again."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


def reset():
    raise Reset(HARD)


def soft_reset():
    raise Reset(SOFT)


def reset_cause():
    return cause


def unique_id():
    return b"\x02twin!"  # a locally administered address: nobody's


def freq(hz=240_000_000):
    return 240_000_000


def idle():
    time.sleep_ms(1)


class Pin:
    IN, OUT, OPEN_DRAIN = 1, 3, 7
    PULL_DOWN, PULL_UP = 1, 2
    IRQ_RISING, IRQ_FALLING = 1, 2

    def __init__(self, id, mode=IN, pull=None, value=None):
        self.id = id
        self._value = value if value is not None else pull == self.PULL_UP

    def init(self, mode=IN, pull=None, value=None):
        if value is not None:
            self._value = value

    def value(self, value=None):
        if value is None:
            return int(self._value)
        self._value = bool(value)
        return None

    __call__ = value

    def on(self):
        self._value = True

    def off(self):
        self._value = False

    def irq(self, handler=None, trigger=0):
        pass


class I2C:
    """Like machine.I2C; an address where nobody is gives OSError(19), as on an ESP32."""

    def __init__(self, id=-1, scl=None, sda=None, freq=400_000, timeout=50_000):
        pass

    def scan(self):
        return sorted(parts)

    def _part(self, address):
        if address not in parts:
            raise OSError(19)
        return parts[address]

    def writeto(self, address, data, stop=True):
        self._part(address).write(bytes(data))
        return len(data)

    def readfrom(self, address, n, stop=True):
        data = self._part(address).read(n)
        return data + b"\xff" * (n - len(data))

    def readfrom_into(self, address, buffer, stop=True):
        buffer[:] = self.readfrom(address, len(buffer))

    def readfrom_mem(self, address, register, n, addrsize=8):
        self.writeto(address, bytes((register,)))
        return self.readfrom(address, n)

    def writeto_mem(self, address, register, data, addrsize=8):
        self.writeto(address, bytes((register,)) + data)


SoftI2C = I2C


class UART:
    """Nothing is connected."""

    def __init__(self, id, baudrate=9600, **how):
        pass

    def any(self):
        return 0

    def read(self, n=-1):
        return None

    def readinto(self, buffer, n=-1):
        return None

    def write(self, data):
        return len(data)


class WDT:
    """Like machine.WDT, in whole seconds; as on an ESP32 nothing stops it but a reset."""

    _alarm = ffi.open(None).func("I", "alarm", "I")

    def __init__(self, id=0, timeout=5000):
        self._seconds = -(-timeout // 1000)
        self.feed()

    def feed(self):
        self._alarm(self._seconds)


class RTC:
    def datetime(self, moment=None):
        if moment is None:
            year, month, day, hour, minute, second, weekday, _ = time.gmtime()
            return (year, month, day, weekday, hour, minute, second, 0)
        return None  # the computer's own clock stays as it is


class I2S(io.IOBase):
    """A microphone in a quiet room: 32-bit samples that come at their rate, the same 21 ms of noise over and over."""

    RX, TX, MONO, STEREO = 0, 1, 0, 1

    def __init__(self, id, rate=48_000, ibuf=40_000, **how):
        self._rate, self._room = rate, ibuf // 4
        # 24 bits above 8 of nothing; so many of them move as make some 45 dB(A).
        self._noise = bytearray(os.urandom(4096))
        for i in range(0, 4096, 4):
            high = 0xFF if self._noise[i + 1] & 0x80 else 0
            self._noise[i] = 0
            self._noise[i + 2] = self._noise[i + 3] = high
        self._began, self._taken = time.ticks_us(), 0

    def _waiting(self):
        """Bytes that came and were not read; what finds no room is lost, as on a board."""
        passed = time.ticks_diff(time.ticks_us(), self._began)
        if passed > 1_000_000:  # whole seconds are counted off, before the counter wraps
            self._began = time.ticks_add(self._began, 1_000_000)
            self._taken -= self._rate
            passed -= 1_000_000
        came = passed // 1000 * self._rate // 1000
        self._taken = max(self._taken, came - self._room)
        return (came - self._taken) * 4

    def ioctl(self, request, argument):
        return argument & 1 if request == 3 and self._waiting() > 0 else 0  # MP_STREAM_POLL

    def readinto(self, buffer):
        n = min(self._waiting(), len(buffer)) & -4
        if not n:
            return None
        at = self._taken * 4 % 4096
        for i in range(0, n, 4096):
            piece = min(4096, n - i)
            first = min(piece, 4096 - at)
            buffer[i : i + first] = self._noise[at : at + first]
            buffer[i + first : i + piece] = self._noise[: piece - first]
        self._taken += n // 4
        return n

    def deinit(self):
        pass
