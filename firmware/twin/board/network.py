# SPDX-License-Identifier: EUPL-1.2
"""In place of a board's `network`: a radio that hears the networks of AIR, and joins one with the right password.

Joining takes half a second. Sockets are the computer's own, joined or not. MicroPython.
"""

import time

STA_IF, AP_IF = 0, 1
STAT_IDLE, STAT_CONNECTING, STAT_GOT_IP = 1000, 1001, 1010
STAT_NO_AP_FOUND, STAT_WRONG_PASSWORD = 201, 202

AIR = {}  # the networks that are heard: name to password, "" for an open one
_JOIN_MS = 500
_RSSI = -58  # dBm
_name = "mpy-esp32s3"


def hostname(name=None):
    global _name
    if name is None:
        return _name
    _name = name
    return None


class WLAN:
    """Like network.WLAN: whoever asks for an interface gets the same one."""

    IF_STA, IF_AP = STA_IF, AP_IF
    _made = {}

    def __new__(cls, interface=STA_IF):
        if interface not in cls._made:
            one = cls._made[interface] = object.__new__(cls)
            one._active, one._goal, one._since = False, None, 0
        return cls._made[interface]

    def active(self, on=None):
        if on is not None:
            self._active = bool(on)
            self._goal = self._goal if on else None
        return self._active

    def connect(self, name, password=None):
        if not self._active:
            raise OSError("Wifi Not Started")
        self._goal, self._since = (name, password or ""), time.ticks_ms()

    def disconnect(self):
        self._goal = None

    def status(self, what=None):
        if what == "rssi":
            if not self.isconnected():
                raise OSError("not connected")
            return _RSSI
        if self._goal is None:
            return STAT_IDLE
        if time.ticks_diff(time.ticks_ms(), self._since) < _JOIN_MS:
            return STAT_CONNECTING
        name, password = self._goal
        if name not in AIR:
            return STAT_NO_AP_FOUND
        return STAT_GOT_IP if AIR[name] in ("", password) else STAT_WRONG_PASSWORD

    def isconnected(self):
        return self._active and self.status() == STAT_GOT_IP

    def scan(self):
        """(name, address, channel, rssi, security, hidden) of each network."""
        if not self._active:
            raise OSError("STA must be active")
        return [
            (name.encode(), b"\x02air%02d" % n, 1 + n % 13, _RSSI - 5 * n, 3 if AIR[name] else 0, False)
            for n, name in enumerate(sorted(AIR))
        ]

    def ifconfig(self, how=None):
        return ("127.0.0.1", "255.0.0.0", "127.0.0.1", "127.0.0.1") if self.isconnected() else ("0.0.0.0",) * 4

    def config(self, *names, **values):
        if names == ("mac",):
            return b"\x02twin!"
        if names == ("ssid",):
            return self._goal[0] if self._goal else ""
        return None
