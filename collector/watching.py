# SPDX-License-Identifier: EUPL-1.2
"""What a collector shows to who watches it: `/metrics` for Prometheus, `/health` for people and for what restarts it.

Numbers come from the committing thread (meters.py), from the spool and from the disk, when somebody asks. There is
nothing of a single device in it, no place, no name, no secret. The service adds it to the servers' thread.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import msgspec
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from collector import __version__
from collector.certificates import days_left, good_until
from collector.errors import CitimeasureError
from collector.ingest.http import Readings
from collector.ingest.meters import CLASSES, Meters
from collector.ingest.sinks import Sink, sinks
from collector.ingest.spool import Spool
from collector.ingest.webserver import Bounds, Request, Response, WebServer, WebThread
from collector.settings import Settings, parse_address

_SAME = 2.0  # who asks again within this gets the same answer [s]
_PATIENCE = 900.0  # so long a store may be away before that is called unhealthy [s]
_AWAY = 60.0  # and so long a broker [s]
_CERTIFICATE = 3600.0  # how often the certificate's file is looked at [s]
_SINK_STATES = ("new", "working", "waiting", "refused")
# Counters of the spool that are not reasons of a refusal.
_NO_REFUSAL = frozenset({"taken", "held", "locked_out", "duplicate", "late", "unknown_quantity"})
_Labels = tuple[tuple[str, str], ...]
_NOTES = ("duplicate", "late", "unknown_quantity")


@dataclass(frozen=True)
class _Look:
    """What the spool says at one moment."""

    counts: dict[str, int]
    sinks: list[Sink]
    quarantined: int
    messages: int


class Watch:
    """Answers requests. It may block for a moment on the spool, so it looks in a thread."""

    def __init__(
        self,
        settings: Settings,
        meters: Meters,
        readings: Readings | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._meters, self._readings, self._clock = settings, meters, readings, clock
        self._kept: dict[str, tuple[float, Response]] = {}
        self._looking = asyncio.Lock()
        self._certificate: tuple[float, str | None] = (-_CERTIFICATE, None)
        self._spool: Spool | None = None
        self._registry = CollectorRegistry()
        self._registry.register(_Numbers(self))

    async def handle(self, request: Request) -> Response:
        """Answers one request."""
        make = {"/metrics": self._metrics, "/health": self._health}.get(request.path)
        if make is None:
            return Response(404, b"See /metrics and /health.\n", "text/plain; charset=utf-8")
        if request.method not in ("GET", "HEAD"):
            return Response(405, b"GET it.\n", "text/plain; charset=utf-8", {"allow": "GET, HEAD"})
        async with self._looking:
            at, response = self._kept.get(request.path, (0.0, Response(500)))
            if response.status == 500 or self._clock() - at >= _SAME:
                response = await asyncio.to_thread(make)
                self._kept[request.path] = self._clock(), response
        return response

    def _metrics(self) -> Response:
        return Response(200, generate_latest(self._registry), CONTENT_TYPE_PLAIN_0_0_4)

    def _health(self) -> Response:
        checks = dict(self._checks())
        good = all(right for right, _ in checks.values())
        told = {name: {"good": right, "text": text} for name, (right, text) in checks.items()}
        body = {"status": "good" if good else "bad", "version": __version__, "checks": told}
        return Response(200 if good else 503, msgspec.json.format(msgspec.json.encode(body)) + b"\n")

    def _checks(self) -> Iterator[tuple[str, tuple[bool, str]]]:
        yield "broker", self._check_broker()
        free = self.free() // 1_000_000
        room = free >= self._settings.free_mb
        yield "disk", (room, f"{free} MB free" if room else f"{free} MB free: too little, nothing is acknowledged now")
        try:
            look = self.look()
        except (CitimeasureError, sqlite3.Error) as error:
            yield "spool", (False, f"It cannot be read: {error}")
            return
        empty = self._meters.empty
        text = "readings are committed" if empty < 3 else f"the last {empty} commits took nothing; the log says why"
        yield "spool", (empty < 3, text)
        for sink in look.sinks:
            yield f"store {sink.sink}", _check_sink(sink)
        for whose, days in self.certificates().items():
            good = days > 0
            yield (
                f"certificate {whose}",
                (good, f"good for {days:.0f} days" if good else "it has ended: make a new one"),
            )

    def _check_broker(self) -> tuple[bool, str]:
        since = self._meters.away_since
        if since is None:
            return True, "connected"
        away = self._clock() - since
        return away < _AWAY, f"away for {away:.0f} s; kits keep their readings"

    def look(self) -> _Look:
        """What the spool says, through a connection of its own."""
        spool = self._spool = self._spool or Spool(self._settings.folder)
        counts = dict(spool.db.execute("SELECT name, sum(n) FROM counter GROUP BY name").fetchall())
        stores = [one for one in sinks(spool) if one.sink in self._settings.stores]
        (quarantined,) = spool.db.execute("SELECT count(*) FROM quarantine").fetchone()
        (messages,) = spool.db.execute("SELECT count(*) FROM message").fetchone()
        return _Look(counts, stores, quarantined, messages)

    def close(self) -> None:
        """Lets go of the spool."""
        if self._spool is not None:
            self._spool.close()

    def free(self) -> int:
        """Bytes that are free on the disk of the folder."""
        return shutil.disk_usage(self._settings.folder).free

    def certificates(self) -> dict[str, float]:
        """Days for which the broker's certificate and our own are good, where there is one."""
        found = {}
        if end := self._meters.broker_certificate:
            found["broker"] = days_left(end)
        if self._settings.http_listen and self._settings.http_certificate:
            at, own = self._certificate
            if self._clock() - at >= _CERTIFICATE:
                try:
                    own = good_until(self._settings.http_certificate)
                except CitimeasureError:  # it is being replaced
                    own = None
                self._certificate = self._clock(), own
            if own:
                found["http"] = days_left(own)
        return found

    def numbers(self) -> Iterator[Metric]:
        """Everything that /metrics shows."""
        meters = self._meters
        yield _gauge("info", "1; the version is in the label", {(("version", __version__),): 1})
        yield _gauge("broker_connected", "1 while the broker is connected", {(): int(meters.away_since is None)})
        yield _counter("messages", "messages that came", "way", meters.messages)
        yield _counter("message_bytes", "bytes of messages that came", "way", meters.bytes)
        yield _counter("messages_held", "messages over a device's limits: not acknowledged", "way", meters.held)
        yield _counter("messages_committed", "messages in commits that succeeded", "", {"": meters.committed_messages})
        kits: dict[_Labels, float] = {(("state", state),): n for state, n in meters.kits.items()}
        yield _gauge("kits", "kits by state, of those that this collector has heard", kits)
        if self._readings is not None:
            answered = {str(status): n for status, n in sorted(self._readings.answered.items())}
            yield _counter("http_responses", "responses of the HTTPS way in", "status", answered)
        yield _commits(meters)
        yield _gauge("disk_free_bytes", "bytes free on the spool's disk", {(): self.free()})
        days: dict[_Labels, float] = {(("of", whose),): days for whose, days in self.certificates().items()}
        yield _gauge("certificate_days", "days for which a certificate is still good", days)
        try:
            look = self.look()
        except (CitimeasureError, sqlite3.Error):
            yield _gauge("spool_readable", "1 if the spool can be read", {(): 0})
            return
        yield _gauge("spool_readable", "1 if the spool can be read", {(): 1})
        counts = look.counts
        refused = {name: n for name, n in counts.items() if name not in _NO_REFUSAL}
        noted = {name: counts[name] for name in _NOTES if name in counts}
        yield _counter(
            "readings_taken", "readings that were committed since the spool is there", "", {"": counts.get("taken", 0)}
        )
        yield _counter("readings_refused", "readings that were refused, since the spool is there", "reason", refused)
        yield _counter("readings_noted", "readings that were unusual", "reason", noted)
        yield _gauge("spool_messages", "messages in the spool, its archive included", {(): look.messages})
        yield _gauge("quarantine_entries", "entries of the quarantine", {(): look.quarantined})
        by_sink = {(("store", one.sink),): one for one in look.sinks}
        yield _gauge(
            "store_waiting_messages", "messages that wait for a store", {k: v.lag_messages for k, v in by_sink.items()}
        )
        yield _gauge(
            "store_waiting_seconds", "how long the oldest of them has waited", {k: v.lag_s for k, v in by_sink.items()}
        )
        yield _gauge("store_set_aside", "values that a store refused", {k: v.set_aside for k, v in by_sink.items()})
        states: dict[_Labels, float] = {
            (*key, ("state", state)): int(one.state == state) for key, one in by_sink.items() for state in _SINK_STATES
        }
        yield _gauge("store_state", "1 for the state in which a store is", states)


class _Numbers(Collector):
    """What prometheus_client asks."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def describe(self) -> list[Metric]:
        """Nothing beforehand: the names are known when somebody asks."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All numbers of this moment."""
        return self._watch.numbers()


def _check_sink(sink: Sink) -> tuple[bool, str]:
    if sink.state == "refused":
        return False, "it refuses what it is sent; `citimeasure sink status` shows its words. Nothing is lost."
    if sink.lag_s > _PATIENCE:
        return False, f"{sink.lag_messages} messages wait, the oldest for {sink.lag_s} s. Nothing is lost."
    return True, f"{sink.state}; {sink.lag_messages} messages wait"


def _gauge(name: str, about: str, values: Mapping[_Labels, float]) -> Metric:
    family = GaugeMetricFamily(f"citimeasure_{name}", about)
    for labels, value in values.items():
        family.add_sample(family.name, dict(labels), value)
    return family


def _counter(name: str, about: str, label: str, values: dict[str, int]) -> Metric:
    family = CounterMetricFamily(f"citimeasure_{name}", about, labels=[label] if label else [])
    for value, n in values.items():
        family.add_metric([value] if label else [], n)
    return family


def _commits(meters: Meters) -> Metric:
    buckets, total = [], 0
    for upper, n in zip([*map(str, CLASSES), "+Inf"], meters.commits, strict=True):
        total += n
        buckets.append((upper, total))
    return HistogramMetricFamily(
        "citimeasure_commit_seconds", "how long commits took", buckets=buckets, sum_value=meters.commit_s
    )


def show(settings: Settings, meters: Meters, readings: Readings | None, thread: WebThread) -> None:
    """Shows it at the address of the settings, in the servers' thread."""
    watch = Watch(settings, meters, readings)
    bounds = Bounds(connections=20, per_address=10, body_bytes=0)
    server = WebServer("watch", parse_address(settings.watch_listen), watch.handle, bounds=bounds)

    async def run() -> None:
        try:
            await server.run()
        finally:
            watch.close()

    thread.add(run)
