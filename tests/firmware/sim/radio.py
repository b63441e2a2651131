# SPDX-License-Identifier: EUPL-1.2
"""A Wi-Fi station like network.WLAN, in a home whose router has moods. MicroPython."""


class Station:
    """`mood`: "there", "password", "missing", "no_address", "away"; may be changed at any time."""

    CODES = {"password": 202, "missing": 201, "no_address": 1001, "away": 1000, "there": 1010}

    def __init__(self, mood="there"):
        self.mood = mood
        self.joined = self.busy = False
        self.tries = 0

    def active(self, on=None):
        return True

    def disconnect(self):
        self.joined = self.busy = False

    def connect(self, network, password):
        if self.busy:
            raise OSError("Wifi Internal State Error")
        self.tries += 1
        self.busy = self.mood != "there"
        self.joined = self.mood == "there"

    def isconnected(self):
        if self.mood != "there":
            self.joined = False
        return self.joined

    def status(self, what=None):
        if what == "rssi":
            if not self.joined:
                raise OSError("not connected")
            return -61
        return self.CODES[self.mood]

    def ifconfig(self):
        return "192.0.2.7", "255.255.255.0", "192.0.2.1", "192.0.2.1"

    def scan(self):
        return [
            (b"Home", b"", 6, -61, 3, False),
            (b"Home", b"", 11, -80, 3, False),
            (b"Caf\xc3\xa9", b"", 1, -70, 0, False),
            (b"\xff\xfe", b"", 1, -50, 3, False),
            (b"", b"", 1, -40, 3, True),
        ]


class AccessPoint:
    """Like network.WLAN(network.AP_IF)."""

    def __init__(self):
        self.on, self.settings = False, {}

    def active(self, on):
        self.on = on

    def config(self, **settings):
        self.settings.update(settings)
