# SPDX-License-Identifier: EUPL-1.2
"""Keeps the kit in the host's Wi-Fi, and says in a word why it is not there. Measuring never waits for it."""

import asyncio

_LOOK_S = const(5)
_TRY_S = const(20)
_LONGEST_WAIT_S = const(300)
# Codes of ESP32's MicroPython (network.STAT_...); numbers, as other ports lack the names.
_WORDS = {
    201: "wifi_not_found", 202: "wifi_password", 204: "wifi_password",  # 204: the handshake ends without an answer
    1000: "wifi_away", 1001: "wifi_no_address",
}  # fmt: skip


class Wifi:
    """Connects, and connects again when the network was away. `alive` is the watchdog's."""

    def __init__(self, settings, state, alive=lambda name, seconds: None, station=None):
        if station is None:
            import network

            network.hostname(settings["device"][:32] or "citimeasure")  # also the mDNS name: http://<device>.local
            station = network.WLAN(network.STA_IF)
        self._settings, self._state, self._alive = settings, state, alive
        self.station = station
        self.was_there = False

    def strength(self):
        """Signal in dBm, or None."""
        try:
            return self.station.status("rssi")
        except (OSError, ValueError):
            return None  # not connected

    @property
    def there(self):
        """Whether the kit is in the network, with an address."""
        return self.station.isconnected()

    async def run(self):
        """Runs for ever."""
        self.station.active(True)
        wait = _LOOK_S
        while True:
            self._alive("wifi", _LONGEST_WAIT_S + 120)
            if self.there or (self._settings["network"] and await self._try()):
                self.was_there = True
                self._state.set("wifi")
                wait = _LOOK_S
            else:
                wait = min(wait * 2, _LONGEST_WAIT_S)
            await asyncio.sleep(_LOOK_S if self.there else wait)

    async def _try(self):
        """One try; says why it failed."""
        try:
            self.station.disconnect()  # a try that hangs would refuse the next one
            self.station.connect(self._settings["network"], self._settings["wifi_password"])
        except OSError:
            pass  # still busy with the last try
        for _ in range(_TRY_S):
            await asyncio.sleep(1)
            if self.there:
                return True
        self._state.set("wifi", _WORDS.get(self.station.status(), "wifi_away"))
        return False
