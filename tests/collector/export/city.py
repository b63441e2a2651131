# SPDX-License-Identifier: EUPL-1.2
"""A small city to be exported: two kits, one of which moves, beside a station; gaps, flags, two calibrations."""

from __future__ import annotations

import functools

import numpy as np

from collector import calibrating
from collector.calibrating import CoLocation
from collector.moments import DAY, HOUR
from collector.registry import Registry
from collector.store.base import Row, Store

BEGIN = 1768867200  # 2026-01-20T00:00Z
DAYS = 24  # until 13 February: parts of two months
MOVED = BEGIN + 15 * DAY
FIRST_FIT, SECOND_FIT = BEGIN + 12 * DAY, BEGIN + 20 * DAY  # when the calibrations were made known
KITS = ("kit-one", "kit-two")
STATION = "station:nl10636"
DT = 1800


@functools.cache
def rows() -> list[Row]:
    """What the store holds: values with few decimals and with many, of quantities of every rule, and of none."""
    random = np.random.default_rng(7)
    t = BEGIN + DT * np.arange(1, DAYS * DAY // DT + 1)
    air = 12 + 6 * np.sin(t / DAY * 2 * np.pi) + 3 * random.standard_normal(len(t))
    found = []
    for k, kit in enumerate(KITS):
        humidity = np.round(70 + 12 * np.cos(t / DAY * 2 * np.pi) + random.standard_normal(len(t)), 1)
        series = {
            "pm25": np.round(np.maximum(0, (1.4 + 0.2 * k) * air + 0.05 * (humidity - 70)), 1),
            "humidity": humidity,
            "temperature": np.round(random.normal(8, 3, len(t)), 2),
            "no2": np.abs(random.normal(20, 5, len(t))) * 1.9125,
            "laeq": np.round(random.normal(52, 4, len(t)), 1),
            "lafmax": np.round(random.normal(66, 4, len(t)), 1),
            "la90": np.round(random.normal(44, 3, len(t)), 1),
            "radon": random.normal(30, 5, len(t)),
        }
        for quantity, values in series.items():
            flags, tests = np.ones(len(t), int), np.zeros(len(t), int)
            flags[100:140], tests[100:140] = 3, 128
            flags[500:510], tests[500:510] = 4, 1
            use = random.random(len(t)) > 0.03
            use[900:1000] = False
            found += [
                Row(kit, quantity, int(t[n]), DT, float(values[n]), int(flags[n]), int(tests[n]))
                for n in np.flatnonzero(use)
            ]
    hourly = air.reshape(-1, 2).mean(axis=1)
    return found + [Row(STATION, "pm25", int(t[2 * n + 1]), HOUR, float(v), 1, 0) for n, v in enumerate(hourly)]


def fill(store: Store, registry: Registry) -> None:
    """Writes the city into an empty store and registry."""
    store.write(rows())
    registry.add_station(
        STATION.partition(":")[2], "Kardinaal de Jongweg", network="RIVM", latitude=52.1, longitude=5.13
    )
    for kit in KITS:
        registry.add_device("kit-1", kit)
        registry.start_deployment(kit, BEGIN, latitude=52.0907, longitude=5.1214, height=2.5)
    registry.start_deployment(KITS[1], MOVED, latitude=52.1, longitude=5.11, grid="none")
    for made, model in ((FIRST_FIT, "huber_line"), (SECOND_FIT, "ratio")):
        for kit in KITS:
            place = CoLocation(kit, "pm25", STATION.partition(":")[2], BEGIN, made)
            record = calibrating.fit(store, place, model=model)
            registry.put_calibration(record.id, record.to_json())
            registry.assign(kit, "pm25", record.id, start=BEGIN, created=made)
