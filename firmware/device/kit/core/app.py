# SPDX-License-Identifier: EUPL-1.2
"""The application: a task for each sensor, one that closes intervals, one for the way up, one for the time.

A task that fails is started again by itself, with growing pauses, and counted; nobody else notices. Measuring waits for
nothing: not for the network, not for the time, not for the collector.
"""

import asyncio
import gc
import sys

from kit.core.clock import RELEASED, Clock
from kit.core.once import forget
from kit.core.state import State
from kit.core.watchdog import Watchdog
from kit.data.aggregate import Aggregate, next_end
from kit.data.quantities import CODES
from kit.data.record import Record
from kit.data.store import Store
from kit.net.uplink import Uplink
from kit.ota.watch import Updates
from kit.sensors.bus import BadFrame

_BAD_IN_A_ROW = const(3)  # frames until a sensor is started again
_LONGEST_PAUSE = const(600)  # s
_GRACE = const(120)  # s that a task may be late before the watchdog calls it hung
_ASK_TIME_S = const(30)  # until it is known; then every hour
_ASK_AGAIN_S = const(3600)
_CLOCK_FAULT_S = const(600)  # without anybody who tells the time
_LAST_RESORT_S = const(6 * 3600)  # without an acknowledgement, though the kit was connected before: it starts again


class App:
    """A kit. What depends on the board or the network can be given by tests: clock, streams, the time's source.

    `finding` is the coroutine of `kit.sensors.find`, which is run first; `ask_time` is one that gives Unix time [ms];
    `on_time` is told it [s]; `restart` starts the chip again.
    """

    def __init__(
        self, settings, finding, folder, state=None, clock=None, open_=None, ask_time=None, on_time=None, wdt=None,
        restart=None, reset="unknown", roots="/cfg/roots",
    ):  # fmt: skip
        self.settings, self._finding = settings, finding
        self.drivers = self.sensors = ()
        self.state = state or State()
        self.clock = clock or Clock()
        self.store = Store(folder, settings["store_bytes"])
        self.watchdog = Watchdog(self.clock, folder + "/late", wdt)
        self._ask_time, self._on_time, self._restart = ask_time or self._ask_servers, on_time, restart
        self._roots = roots
        self.interval = Aggregate()
        self._seq = 0
        self._measuring = True
        self._more = []
        self.made = 0
        self.errors = {}  # by driver or task, and kind
        self.reset = reset
        self.heap_min = gc.mem_free()
        self.wifi = self.portal = self.meter = None
        self.uplink = Uplink(
            settings, self.store, self.clock, open_ or self._open, self.state, self._status, self.watchdog.alive,
            self._why_away,
        )  # fmt: skip
        self.state.changed = self.uplink.tell
        self.updates = Updates(settings, self.uplink, self.clock)
        self.updates.open_ = self._open_to

    async def _open(self):
        return await self._open_to(self.settings["host"], self.settings["port"], self.settings["tls"])

    async def _open_to(self, host, port, tls):
        if not tls:
            return await asyncio.open_connection(host, port)
        from kit.net.tls import connect

        try:
            return await connect(host, port, self._roots)
        finally:
            forget("kit.net.tls")

    async def _ask_servers(self):
        from kit.net.ntp import ask_hosts

        try:
            return await ask_hosts(self.settings, self.wifi)
        finally:
            forget("kit.net.ntp")

    async def _why_away(self, word):
        """Whether it is the Wi-Fi that keeps the broker away."""
        if not self.wifi or not self.wifi.there:
            return word
        from kit.net.captive import is_captive

        captive = await is_captive(self.settings["host"])
        forget("kit.net.captive")
        return "captive" if captive else word

    def _status(self):
        return {
            "state": self.state.word,
            "reset": self.reset,
            "errors": dict(self.errors, link=self.uplink.counts["errors"]),
            "heap_min": self.heap_min,
            "torn": self.store.torn,
            "undated": self.uplink.counts["undated"],
            "sensors": self.sensors,
            "rssi": self.wifi.strength() if self.wifi else None,
            "grid": self.settings["grid"],
            "noise": self.meter.health() if self.meter else None,
            "update": self.updates.status(),
        }

    def add(self, name, run, *args):
        """One more task that runs for ever, before `run`; it tells the watchdog that it goes on."""
        self._more.append((name, run) + args)

    def stop_measuring(self):
        """From now on only what waits is sent, as before a kit is packed up."""
        self._measuring = False

    async def run(self):
        """Runs for ever."""
        if self._on_time:
            # A certificate must not seem to be from the future; the true time comes later, or never.
            self._on_time(max(RELEASED, self.store.last_known_ms // 1000))
        shares, self.sensors = await self._finding
        self._finding = None  # it would keep what it used
        self.drivers = [driver for driver, _ in shares]
        gc.collect()
        # Collecting early keeps what lives long together: else a small heap ends in pieces too small to use.
        # An eighth is a collection for every 2 kB on a board without PSRAM, and for every megabyte with it.
        gc.threshold(gc.mem_free() // 8)
        jobs = [
            self._forever("interval", self._close_intervals),
            self._forever("clock", self._learn_time),
            self.watchdog.run(),
        ]
        known = self.settings["network"] or not self.wifi
        if known and self.settings["device"] and self.settings["host"]:  # else it measures, and keeps
            jobs.append(self._forever("uplink", self.uplink.run))
        jobs += [self._forever(driver.NAME, self._drive, driver, names) for driver, names in shares]
        jobs += [self._forever(*one) for one in self._more]
        if self.meter:
            jobs.append(self._forever(self.meter.NAME, self.meter.run))
        elif not self.drivers:
            self.state.set("sensors", "sensor")
        if self.wifi:
            jobs.append(self._forever("wifi", self.wifi.run))
        await asyncio.gather(*jobs)

    async def _forever(self, name, run, *args):
        """A task that nothing ends: whatever goes wrong in it is told and counted, and it begins again."""
        pause = 1
        while True:
            began = self.clock.uptime_ms()
            try:
                await run(*args)
            except Exception as error:  # noqa: BLE001 - a fault that nobody foresaw must not end measuring
                print(name, "failed")
                sys.print_exception(error)
            self.count(name + " restarts")
            gc.collect()
            if self.clock.uptime_ms() - began > _LONGEST_PAUSE * 1000:
                pause = 1
            self.watchdog.alive(name, pause + _GRACE)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _drive(self, driver, names):
        """One sensor's life; of what it measures, `names` are taken."""
        pause = 1
        name = driver.NAME
        while True:
            try:
                self.watchdog.alive(name, _GRACE)
                await driver.start()
                bad = 0
                while bad < _BAD_IN_A_ROW:
                    self.watchdog.alive(name, driver.PERIOD + _GRACE)
                    try:
                        values = await driver.measure()
                        self.interval.add({name: values[name] for name in names if name in values})
                        bad, pause = 0, 1
                        self.state.set(name)
                    except BadFrame:
                        bad += 1
                        self.count(name + " bad frames")
                    await asyncio.sleep(driver.PERIOD)
            except BadFrame:  # at its start
                self.count(name + " bad frames")
            except OSError:
                self.count(name + " no answer")
            if pause > 60:
                self.state.set(name, "sensor")
            self.watchdog.alive(name, pause + _GRACE)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def count(self, what):
        """Counts a fault; the status tells it."""
        self.errors[what] = self.errors.get(what, 0) + 1

    async def _close_intervals(self):
        """At the end of each interval its means become a reading, on flash before it is sent."""
        length = self.settings["interval"]
        first = True
        while True:
            self.watchdog.alive("interval", length + _GRACE)
            end = next_end(self.clock, length)
            await asyncio.sleep_ms(max(end - self.clock.uptime_ms(), 0))
            means = self.interval.close()
            if self.meter:
                means.update(self.meter.close())
                self.state.set(self.meter.NAME, "sensor" if self.meter.faulty else "ok")
            if means and not first and self._measuring:
                self._keep(end, length, means)
            first = False
            self.heap_min = min(self.heap_min, gc.mem_free())
            gc.collect()
            self._look_after()

    def _keep(self, end, length, means):
        self._seq += 1
        unix = self.clock.unix_ms(end)
        t = None if unix is None else (unix + 500) // 1000
        values = [(CODES[name], value) for name, value in means.items()]
        self.made += 1
        try:
            self.store.append(Record(self.store.boot, self._seq, t, end // 1000, length, values))
            self.state.set("store", "readings_dropped" if self.store.dropped else "ok")
        except OSError:
            self.store.dropped += 1  # in memory: the flash does not take it
            self.state.set("store", "flash_full")
        self.uplink.wake()

    def _look_after(self):
        """What should be so after some time: a known clock, and an acknowledgement now and then."""
        now = self.clock.uptime_ms()
        if not self.clock.known and now > _CLOCK_FAULT_S * 1000:
            self.state.set("clock", "clock")
        heard = self.uplink.last_ack
        # Every reading is on flash, so starting again costs a minute. A kit that was never connected has no use of it.
        if self._restart and heard is not None and now - heard > _LAST_RESORT_S * 1000 and self.store.held:
            print("no acknowledgement for hours: starting again")
            self._restart()

    async def _learn_time(self):
        """Asks for the time until somebody knows, then now and again."""
        while True:
            self.watchdog.alive("clock", _ASK_AGAIN_S + _GRACE)
            try:
                now = await self._ask_time()
                if self.clock.set(now):
                    self.store.remember_zero(self.clock.zero_ms)
                if self._on_time:
                    self._on_time(now // 1000)
                self.state.set("clock")
            except (OSError, ImportError):
                pass  # nobody answers yet; readings carry their age meanwhile
            await asyncio.sleep(_ASK_AGAIN_S if self.clock.known else _ASK_TIME_S)
