# SPDX-License-Identifier: EUPL-1.2
"""The application: a task for each sensor, one that closes intervals, one for the way up, one for the time.

A sensor that fails is started again by itself, with growing pauses, and counted; nobody else notices. Measuring waits
for nothing: not for the network, not for the time, not for the collector.
"""

import asyncio
import gc

from kit.core.clock import Clock, ntp_ms
from kit.data.aggregate import Aggregate, next_end
from kit.data.quantities import CODES
from kit.data.store import Record, Store
from kit.net.uplink import Uplink
from kit.ota.watch import Updates
from kit.sensors.bus import BadFrame

_BAD_IN_A_ROW = 3  # frames until a sensor is started again
_LONGEST_PAUSE = 600  # s
_ASK_TIME_S = 30  # until it is known; then every hour
_ASK_AGAIN_S = 3600


class App:
    """A kit. What depends on the board or the network can be given by tests: clock, streams, the time's source."""

    def __init__(self, settings, drivers, folder, wifi=None, clock=None, open_=None, ask_time=ntp_ms):
        self._settings, self._drivers, self._wifi = settings, drivers, wifi
        self.clock = clock or Clock()
        self.store = Store(folder, settings["store_bytes"])
        self._ask_time = ask_time
        self._interval = Aggregate()
        self._seq = 0
        self._measuring = True
        self.made = 0
        self.errors = {}  # by driver and kind
        self.uplink = Uplink(settings, self.store, self.clock, open_ or self._open, self._status)
        self.updates = Updates(settings, self.uplink, self.clock)

    async def _open(self):
        return await asyncio.open_connection(self._settings["host"], self._settings["port"])

    def _status(self):
        return {
            "errors": dict(self.errors, link=self.uplink.counts["errors"]),
            "heap_free": gc.mem_free(),
            "torn": self.store.torn,
            "undated": self.uplink.counts["undated"],
            "update": self.updates.status(),
            "rssi": self._wifi.strength() if self._wifi else None,
        }

    def stop_measuring(self):
        """From now on only what waits is sent, as before a kit is packed up."""
        self._measuring = False

    async def run(self):
        """Runs for ever."""
        # Collecting early keeps what lives long together: else a small heap ends in pieces too small to use.
        gc.threshold(gc.mem_free() // 2)
        jobs = [self._close_intervals(), self.uplink.run(), self._learn_time()]
        jobs += [self._drive(driver) for driver in self._drivers]
        if self._wifi:
            jobs.append(self._wifi.run())
        await asyncio.gather(*jobs)

    async def _drive(self, driver):
        """One sensor's life."""
        pause = 1
        while True:
            try:
                await driver.start()
                bad = 0
                while bad < _BAD_IN_A_ROW:
                    try:
                        self._interval.add(await driver.measure())
                        bad, pause = 0, 1
                    except BadFrame:
                        bad += 1
                        self._count(driver.NAME + " bad frames")
                    await asyncio.sleep(driver.PERIOD)
            except OSError:
                self._count(driver.NAME + " no answer")
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _count(self, what):
        self.errors[what] = self.errors.get(what, 0) + 1

    async def _close_intervals(self):
        """At the end of each interval its means become a reading, on flash before it is sent."""
        length = self._settings["interval"]
        first = True
        while True:
            end = next_end(self.clock, length)
            await asyncio.sleep_ms(max(end - self.clock.uptime_ms(), 0))
            means = self._interval.close()
            if means and not first and self._measuring:
                self._keep(end, length, means)
            first = False
            gc.collect()

    def _keep(self, end, length, means):
        self._seq += 1
        unix = self.clock.unix_ms(end)
        t = None if unix is None else (unix + 500) // 1000
        values = [(CODES[name], value) for name, value in means.items()]
        self.store.append(Record(self.store.boot, self._seq, t, end // 1000, length, values))
        self.made += 1
        self.uplink.wake()

    async def _learn_time(self):
        """Asks for the time until somebody knows, then now and again."""
        while True:
            try:
                if self.clock.set(self._ask_time()):
                    self.store.remember_zero(self.clock.zero_ms)
            except (OSError, ImportError):
                pass  # nobody answers yet; readings carry their age meanwhile
            await asyncio.sleep(_ASK_AGAIN_S if self.clock.known else _ASK_TIME_S)
