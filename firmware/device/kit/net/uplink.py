# SPDX-License-Identifier: EUPL-1.2
"""The way up: takes readings from the store to the collector, and lets go of exactly those that it acknowledges.

A broker's PUBACK is not enough: a reading stays until the collector's own acknowledgement names it. What is not named
in time is sent again, and everything open is sent again on a new connection. The newest reading goes first, so that a
kit that catches up still shows what is now.
"""

import asyncio
import gc
import json
import random

from kit.core.once import forget
from kit.data.message import FIRMWARE, BadAck, Encoder, decode_ack, pieces
from kit.net.mqtt import Client, MQTTError

# Readings of one message, as far as they fit into so many bytes; the second is for boards without PSRAM.
_LARGE, _SMALL = (20, 2600), (4, 640)
_ROOMY = const(100_000)  # bytes free at the start
_OPEN = const(40)  # readings that may be on their way
_RESEND_MS = const(30_000)
_LONGEST_RESEND_MS = const(600_000)
_LONGEST_WAIT = const(300)  # s between two tries to connect
_PACE_MS = const(500)  # between two messages while catching up
_LOOK_MS = const(10_000)  # for readings to send again, and the status; all else wakes it
_STATUS_MS = const(900_000)  # between two status messages
_SILENT_MS = const(240_000)  # when no acknowledgement came at this pace of asking, nobody is there to give one


class Uplink:
    """Runs for ever. `counts` is what the status tells: connections, errors, what was sent, acknowledged, rejected."""

    def __init__(
        self, settings, store, clock, open_, state, status=dict, alive=lambda name, seconds: None, why_away=None
    ):  # fmt: skip
        self._settings, self._store, self._clock = settings, store, clock
        self._open, self._state, self._status, self._alive = open_, state, status, alive
        self.why_away = why_away  # a coroutine that gives a better word for a broker that does not answer
        self._topic = "citimeasure/v1/%s/" % settings["device"]
        self._sent = {}  # (boot, seq): uptime [ms] at which it is sent again
        self._resend_ms = _RESEND_MS
        self._more = asyncio.Event()
        self._client = None
        self.on_command = None  # called with the payload of each command
        self._batch, size = _LARGE if gc.mem_free() > _ROOMY else _SMALL
        self._encoder = Encoder(size)
        self.online = False
        self.last_ack = None  # uptime [ms] of the last acknowledgement
        self._announced = False  # to Home Assistant
        self._status_due = 0
        self.counts = {"sent": 0, "acked": 0, "rejected": 0, "bad_acks": 0, "errors": 0, "connects": 0, "undated": 0}

    def wake(self):
        """There is a new reading."""
        self._more.set()

    def tell(self):
        """The status has changed: it is sent again."""
        self._status_due = 0
        self._more.set()

    async def run(self):
        """Connects, serves, waits with jitter, and again."""
        wait = 1
        while True:
            began = self._clock.uptime_ms()
            self._alive("uplink", _LONGEST_WAIT + 180)
            try:
                await self._serve()
            except (OSError, EOFError, asyncio.TimeoutError, ValueError) as error:
                # A certificate that is not right comes as a ValueError with the reason in words.
                wrong = "certificate" if isinstance(error, ValueError) else "broker_away"
                word = getattr(error, "word", wrong)
                if wait > 4 and self.why_away and word in ("broker_away", "certificate"):
                    word = await self.why_away(word)
                self._state.set("link", word)
                print("broker:", error)
                self.counts["errors"] += 1
            finally:
                self._drop()
            if self._clock.uptime_ms() - began > 60_000:
                wait = 1
            self._alive("uplink", _LONGEST_WAIT + 180)
            await asyncio.sleep_ms(random.randint(wait * 500, wait * 1000))
            wait = min(wait * 2, _LONGEST_WAIT)

    def _drop(self):
        self.online = False
        self._sent.clear()  # what was open may be lost with the connection
        self._store.rewind()
        if self._client:
            self._client.close()
            self._client = None

    async def _serve(self):
        settings = self._settings
        client = self._client = Client(
            self._open, settings["device"], self._on_message, settings["device"] if settings["mqtt_password"] else "",
            settings["mqtt_password"], now_ms=self._clock.uptime_ms,
        )  # fmt: skip
        offline = json.dumps({"online": False, "fw": FIRMWARE, "update": self._status()["update"]})
        await client.connect(self._topic + "status", offline)
        reader = asyncio.create_task(self._read(client))
        try:
            await client.subscribe(self._topic + "ack")
            await client.subscribe(self._topic + "command", needed=False)
            self.online = True
            self._status_due = 0
            self._state.set("link")
            self.counts["connects"] += 1
            while not reader.done():
                self._alive("uplink", 180)
                if self._clock.uptime_ms() >= self._status_due:
                    self._status_due = self._clock.uptime_ms() + _STATUS_MS
                    await client.publish(self._topic + "status", self._status_text(), 1, True)
                if self._settings["home_assistant"] and not self._announced and self._store.newest:
                    from kit.net.discovery import announce

                    self._announced = True
                    await announce(client, self._settings["device"], self._store.newest)
                    forget("kit.net.discovery")
                await self._send_some(client)
        finally:
            await _end(reader)
        raise MQTTError("connection ended")

    def _status_text(self):
        status = {"online": True, "fw": FIRMWARE, "uptime": self._clock.uptime_ms() // 1000}
        status.update({"queued": self._store.held, "dropped": self._store.dropped, "errors": self.counts["errors"]})
        status.update(self._status())
        return pieces(status)

    async def _send_some(self, client):
        """Sends a message if there is something to send and room on the way, then waits for a reason to look again."""
        now = self._clock.uptime_ms()
        self._expire(now)
        batch = []
        if len(self._sent) < _OPEN:
            batch = self._choose()
        if batch:
            self._more.clear()
            times = [self._time_of(record, self._clock.uptime_ms()) for record in batch]
            payload, n = self._encoder.encode(batch, times)
            for record in batch[:n]:
                self._sent[record.boot, record.seq] = now + self._resend_ms
            if batch[0] is not self._store.newest:
                self._store.passed(n)
            await client.publish(self._topic + "readings", payload, 1)
            self.counts["sent"] += n
            await asyncio.sleep_ms(_PACE_MS)
            return
        try:
            await asyncio.wait_for_ms(self._more.wait(), _LOOK_MS)
            self._more.clear()
        except asyncio.TimeoutError:
            pass

    def _expire(self, now):
        late = [key for key, deadline in self._sent.items() if deadline <= now]
        for key in late:
            del self._sent[key]
        if late:  # the collector may be busy: asking more slowly helps it
            self._store.rewind()
            self._resend_ms = min(self._resend_ms * 2, _LONGEST_RESEND_MS)
            if self._resend_ms > _SILENT_MS:
                self._state.set("collector", "no_answer")

    def _choose(self):
        """Readings of one boot that can be dated: the newest one alone if it waits, else the oldest ones."""
        store = self._store
        newest = store.newest
        if newest and (newest.boot, newest.seq) not in self._sent and not store.is_acked(newest):
            return [newest]
        found = store.waiting(self._sent, self._batch)
        found = [record for record in found if record.boot == found[0].boot]
        if found and self._time_of(found[0], 0) is None:
            # Of a boot that ended before the time was known: nobody can say any more when it was.
            for record in found:
                if self._time_of(record, 0) is None:
                    store.drop(store.ack(record.boot, record.seq, record.seq))
                    self.counts["undated"] += 1
            return []
        return found

    def _time_of(self, record, now):
        """("t", s) or ("age", ms) of a record; None if it cannot be dated."""
        if record.t is not None:
            return "t", record.t
        zero = self._store.zero_of(record.boot)
        if record.boot == self._store.boot and self._clock.known:
            zero = self._clock.zero_ms
        if zero is not None:
            return "t", (zero + record.uptime * 1000 + 500) // 1000
        if record.boot == self._store.boot:
            return "age", max(now - record.uptime * 1000, 0)
        return None

    async def _read(self, client):
        """Reads until the connection ends, for whatever reason: the one who sends sees that it did."""
        try:
            await client.run()
        except (OSError, EOFError):
            pass
        finally:
            self._more.set()

    def _on_message(self, topic, payload):
        if topic.endswith(b"/command"):
            if self.on_command:
                self.on_command(payload)
            return
        try:
            boot, ranges, rejected, error, now = decode_ack(payload)
        except BadAck:
            self.counts["bad_acks"] += 1
            return
        if error:
            self.counts["errors"] += 1
        for low, high in ranges:
            self.counts["acked"] += self._store.ack(boot, low, high)
        for seq in rejected:
            self.counts["rejected"] += self._store.ack(boot, seq, seq)
        for key in [key for key in self._sent if key[0] == boot]:
            if key[1] in rejected or any(low <= key[1] <= high for low, high in ranges):
                del self._sent[key]
        self._resend_ms = _RESEND_MS
        self.last_ack = self._clock.uptime_ms()
        self._state.set("collector", "readings_refused" if rejected or error else "ok")
        if now and not self._clock.known:
            # No time server answers; the collector, who dates our readings, tells its time.
            self._clock.set(now)
            self._store.remember_zero(self._clock.zero_ms)
        self._more.set()


async def _end(task):
    """Cancels a task and waits until it has gone."""
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass
