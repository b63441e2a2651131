# SPDX-License-Identifier: EUPL-1.2
"""The watchdog: the chip resets the kit unless every task has said in time that it goes on.

A task says for how long it may be silent; so a sensor that pauses for ten minutes is no reason to reset, and one that
hangs is. Which task it was is written down, and told after the reset.
"""

import asyncio

TIMEOUT_MS = 120_000  # of the chip's own timer: longer than a name look-up or a TLS handshake can block everything
_LOOK_S = const(5)


class Watchdog:
    """`wdt` is machine.WDT, or None where nothing can be reset. `note` is the file for the name of a late task."""

    def __init__(self, clock, note, wdt=None):
        self._clock, self._note, self._wdt = clock, note, wdt
        self._due = {}
        self._told = False

    def alive(self, name, seconds):
        """A task goes on, and will say so again within so many seconds."""
        self._due[name] = self._clock.uptime_ms() + seconds * 1000

    def late(self):
        """A task that should have spoken by now, or None."""
        now = self._clock.uptime_ms()
        for name, due in self._due.items():
            if due < now:
                return name
        return None

    async def run(self):
        """Feeds the chip's timer for as long as nobody is late."""
        while True:
            name = self.late()
            if name is None:
                if self._wdt:
                    self._wdt.feed()
            elif not self._told:
                self._told = True
                print("watchdog: %s hangs; the kit starts again" % name)
                try:
                    with open(self._note, "w") as file:
                        file.write(name)
                except OSError:
                    pass  # then nobody learns who it was; the reset comes all the same
            await asyncio.sleep(_LOOK_S)
