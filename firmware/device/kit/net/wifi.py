# SPDX-License-Identifier: EUPL-1.2
"""Keeps the kit in the host's Wi-Fi. Measuring never waits for it."""

import asyncio

_LOOK_S = 5
_TRY_S = 20


class Wifi:
    """Connects, and connects again when the network was away."""

    def __init__(self, settings):
        import network

        self._settings = settings
        self._station = network.WLAN(network.STA_IF)

    def strength(self):
        """Signal in dBm, or None."""
        try:
            return self._station.status("rssi")
        except (OSError, ValueError):
            return None  # not connected

    async def run(self):
        """Runs for ever."""
        self._station.active(True)
        while True:
            if self._settings["network"] and not self._station.isconnected():
                try:
                    self._station.connect(self._settings["network"], self._settings["wifi_password"])
                except OSError:
                    pass  # still busy with the last try
                await asyncio.sleep(_TRY_S)
            await asyncio.sleep(_LOOK_S)
