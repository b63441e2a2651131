# SPDX-License-Identifier: EUPL-1.2
"""The demo: a month of a simulated neighbourhood through the real chain, as fast as it goes.

A collector runs as a process of its own with its embedded broker and store; simulated kits publish to it over MQTT; the
station's hours come in by the importer; each kit is calibrated on the days it hung beside the station, and judged at
its own place against the truth that only a simulation knows.
"""

from __future__ import annotations

import csv
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from collector import calibrating
from collector.errors import CitimeasureError
from collector.ingest.spool import Spool
from collector.moments import iso, parse_moment
from collector.reference import Mapping, read_columns, write_reference
from collector.reference.csvfile import Table
from collector.registry import Registry
from collector.series import calibrated, hour_grid
from collector.settings import Settings
from collector.simulate.city import City
from collector.simulate.fleet import Fleet, Sending
from collector.simulate.kit import Kit
from collector.simulate.outbox import Counts
from collector.store import open_store
from collector.store.base import Store

START = parse_moment("2026-03-01")
STATION = "sim-station"
QUANTITY = "pm25"
_TIMEOUT = 300.0  # for all readings to be acknowledged [s]

Progress = Callable[[str, int | None], AbstractContextManager[Callable[[int], None]]]


@dataclass(frozen=True)
class Plan:
    """How large a demo."""

    kits: int = 12
    days: int = 30
    colocated_days: int = 14
    seed: int = 1


@dataclass(frozen=True)
class Outcome:
    """What came of one kit. Errors are hourly, at its own place, against the truth [ug/m3]."""

    kit: str
    made: int
    acknowledged: int
    stored: int
    rejected: int
    reasons: str
    raw_rmse: float
    rmse: float
    coverage90: float


def run_demo(folder: Path, plan: Plan, progress: Progress) -> list[Outcome]:
    """Runs everything in an empty folder and returns a row for each kit."""
    settings = Settings(folder=folder, broker_listen=f"127.0.0.1:{_free_port()}")
    city = City(plan.seed, START, START + plan.days * 86400, plan.kits)
    kits = [Kit(city, number, colocated_days=plan.colocated_days) for number in range(plan.kits)]
    _register(settings, kits)
    with _Collector(settings) as collector:
        fleet = Fleet(kits, Sending(f"mqtt://{settings.broker_listen}"))
        total = sum(len(kit.columns()) for kit in kits)
        with progress("kits publish, the collector acknowledges", total) as report:
            whole = fleet.run(timeout=_TIMEOUT, progress=lambda done, _: report(done))
        if not whole:
            raise CitimeasureError(
                f"{fleet.total.left} readings were not acknowledged within {_TIMEOUT:.0f} s.",
                f"See {collector.log} for why.",
            )
        _wait_until_stored(folder, progress)
    store = open_store("sqlite", settings)
    try:
        with Registry(settings.registry_url) as registry, progress("calibrating", len(kits)) as report:
            _import_reference(store, city, folder)
            outcomes = []
            for n, kit in enumerate(kits, 1):
                outcomes.append(_calibrate(store, registry, kit, fleet.counts[kit.device]))
                report(n)
            return outcomes
    finally:
        store.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _register(settings: Settings, kits: list[Kit]) -> None:
    """Each kit hangs beside the station first, then at its own place."""
    with Registry(settings.registry_url) as registry:
        for kit in kits:
            station, own = kit.city.place(-1), kit.place
            registry.add_device("simulated", kit.device, simulated=True)
            for start, place in ((kit.city.start, station), (kit.moved, own)):
                registry.start_deployment(kit.device, start, latitude=place.latitude, longitude=place.longitude)
        station = kits[0].city.place(-1)
        registry.add_station(
            STATION, "Simulated station", network="simulated", type="background",
            latitude=station.latitude, longitude=station.longitude,
        )  # fmt: skip


class _Collector:
    """`citimeasure run` as a process, with no settings but ours."""

    def __init__(self, settings: Settings) -> None:
        self.log = settings.folder / "collector.log"
        command = [sys.executable, "-m", "collector.cli", "run", "--folder", str(settings.folder)]
        command += ["--broker", "embedded", "--listen", settings.broker_listen, "--stores", "sqlite"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CITIMEASURE_")}
        # A month in a few seconds is what the limits are against.
        environment |= dict.fromkeys(("CITIMEASURE_LIMIT_MESSAGES", "CITIMEASURE_LIMIT_READINGS"), "0")
        environment["CITIMEASURE_LIMIT_BYTES"] = "0"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=settings.folder)

    def __enter__(self) -> _Collector:
        deadline = time.monotonic() + 30
        while b"Collecting" not in self.log.read_bytes():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._process.kill()
                raise CitimeasureError("The collector did not start.", f"See {self.log} for why.")
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        if self._process.wait(timeout=60) != 0 and _[0] is None:
            raise CitimeasureError("The collector did not stop cleanly.", f"See {self.log} for why.")


def _wait_until_stored(folder: Path, progress: Progress) -> None:
    """Returns when what is in the spool is in the store as well."""
    spool = Spool(folder)
    try:
        first = max(spool.backlog().values(), default=0)
        with progress("storing the rest", first) as report:
            while waiting := max(spool.backlog().values(), default=1):
                report(max(first - waiting, 0))
                time.sleep(0.05)
    finally:
        spool.close()


def _import_reference(store: Store, city: City, folder: Path) -> None:
    """The station's hours, by way of a file, as they would come from a network."""
    path = folder / "station.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["end", "PM2.5 (ug/m3)"])
        times, values = city.reference(QUANTITY)
        writer.writerows([iso(t), value] for t, value in zip(times.tolist(), values.tolist(), strict=True))
    found = read_columns(path, {QUANTITY: ("PM2.5 (ug/m3)", None)}, Mapping(time=("end",)))
    table = Table(found.t, found.values[QUANTITY], found.interval, found.units_found[QUANTITY], found.report)
    write_reference(store, STATION, QUANTITY, table)


def _calibrate(store: Store, registry: Registry, kit: Kit, counts: Counts) -> Outcome:
    """Fits a kit beside the station, uses that at its own place, and compares with the truth there."""
    place = calibrating.CoLocation(kit.device, QUANTITY, STATION, kit.city.start, kit.moved)
    calibrating.keep(registry, calibrating.fit(store, place), kit.device, start=kit.moved, note="demo")
    grid = hour_grid(kit.moved, kit.city.end)
    found = calibrated(store, registry, kit.device, QUANTITY, grid)
    times, truth = kit.truth_hours(QUANTITY)
    judgement = calibrating.compare(kit.device, found, truth[np.searchsorted(times, grid)])
    stored = max((series.n for series in store.series(kit.device)), default=0)
    return Outcome(
        kit=kit.device,
        made=counts.made,
        acknowledged=counts.acknowledged,
        stored=stored,
        rejected=counts.rejected.total(),
        reasons=", ".join(f"{n} {reason}" for reason, n in sorted(counts.rejected.items())),
        raw_rmse=judgement.raw_rmse,
        rmse=judgement.rmse,
        coverage90=judgement.coverage90,
    )
