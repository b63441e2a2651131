# SPDX-License-Identifier: EUPL-1.2
"""Keeps the kit in the host's Wi-Fi. Measuring never waits for it."""

import asyncio

_LOOK_S = 5
_TRY_S = 20
# No such network, wrong password (network.STAT_...); others pass by themselves.
_HOPELESS = (201, 202)
_HOPELESS_MS = 2000
_MOST = 20  # networks of a scan


class Wifi:
    """Connects, and connects again when the network was away."""

    def __init__(self, settings):
        import network

        self._settings = settings
        self._station = network.WLAN(network.STA_IF)
        self._trying = False

    def strength(self):
        """Signal in dBm, or None."""
        try:
            return self._station.status("rssi")
        except (OSError, ValueError):
            return None  # not connected

    def address(self):
        """The kit's address in the network, or None."""
        return self._station.ifconfig()[0] if self._station.isconnected() else None

    async def run(self):
        """Runs for ever."""
        self._station.active(True)
        while True:
            if self._settings["network"] and not self._trying and not self._station.isconnected():
                try:
                    self._station.connect(self._settings["network"], self._settings["wifi_password"])
                except OSError:
                    pass  # still busy with the last try
                await asyncio.sleep(_TRY_S)
            await asyncio.sleep(_LOOK_S)

    async def join(self, name, password):
        """Tries a network for 20 s; whether it works. If it does not, the kit goes back to the one in its settings."""
        station = self._station
        self._trying = True
        hopeless = 0
        try:
            station.active(True)
            station.disconnect()
            await asyncio.sleep_ms(500)
            station.connect(name, password or None)
            for _ in range(_TRY_S * 5):
                await asyncio.sleep_ms(200)
                if station.isconnected():
                    return True
                hopeless = hopeless + 200 if station.status() in _HOPELESS else 0
                if hopeless >= _HOPELESS_MS:
                    break
            station.disconnect()
        except OSError:
            pass
        finally:
            self._trying = False
        return False

    def scan(self):
        """(name, dBm, whether it asks for a password) of each network, the strongest first. Blocks for some seconds."""
        station = self._station
        station.active(True)
        if not station.isconnected():
            station.disconnect()  # a radio that tries to join does not scan
        found = {}
        for name, _, _, strength, security, _ in station.scan():
            try:
                name = str(name, "utf-8")
            except UnicodeError:
                continue
            if name and (name not in found or found[name][0] < strength):
                found[name] = (strength, security != 0)
        networks = [(name, strength, closed) for name, (strength, closed) in found.items()]
        return sorted(networks, key=lambda network: -network[1])[:_MOST]
