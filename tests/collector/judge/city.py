# SPDX-License-Identifier: EUPL-1.2
"""A small street of kits with known faults, for the tests that judge what a store holds."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from collector.judging import Places
from collector.registry import Deployment
from collector.store.base import Row, Store

DAY = 86400
START = 20_454 * DAY  # 2026-01-01, midnight UTC
STEP = 600
KITS = ("kit-00a", "kit-00b", "kit-00c", "kit-00d", "kit-00e")


def deployment(no: int, device: str, north_km: float, exposure: str = "outdoor", **more: int | None) -> Deployment:
    """A kit so far north of the street's corner."""
    place = {"latitude": 52.0 + north_km / 111.2, "longitude": 5.0, "exposure": exposure}
    rest = {"project": None, "host": None, "grid": "100m", "height": None, "environment": "unknown", "zone": "UTC"}
    times = {"start": START - DAY, "until": None, "created": 0, **more}
    return Deployment(no=no, device=device, **place, **rest, **times)  # type: ignore[arg-type]


def places() -> Places:
    """All kits of the street, 100 m from each other."""
    return Places([deployment(n, kit, n / 10) for n, kit in enumerate(KITS)])


def street(days: int = 2) -> list[Row]:
    """Values every ten minutes. On the first day: kit-00a's temperature leaps once at 10:00 and stands still from 14:00
    on; kit-00b's air is damp at 03:00; kit-00c has more PM2.5 than PM10 at 05:00; kit-00d cannot be at 07:00; kit-00e's
    PM2.5 is far above the street's from 18:00 to 20:00. A value of kit-00a's was dated by the collector."""
    t = START + STEP * np.arange(1, days * DAY // STEP + 1)
    hour = (t - START) / 3600
    rng = np.random.default_rng(5)
    rows = []
    for kit in KITS:
        temperature = np.round(12 + 5 * np.sin(2 * np.pi * (hour - 9) / 24) + rng.normal(0, 0.1, len(t)), 2)
        humidity, pm25 = np.round(70 - 2 * (temperature - 12), 1), np.round(10 + rng.normal(0, 0.5, len(t)), 1)
        pm10 = np.round(pm25 * 1.5, 1)
        if kit == "kit-00a":
            temperature[hour == 10] += 40
            temperature[(hour > 14) & (hour <= 20)] = 14.0
        if kit == "kit-00b":
            humidity[hour == 3] = 98.0
        if kit == "kit-00c":
            pm10[hour == 5] = 1.0
        if kit == "kit-00d":
            temperature[hour == 7] = 300.0
        if kit == "kit-00e":
            pm25[(hour > 18) & (hour <= 20)] += 90
            pm10[(hour > 18) & (hour <= 20)] += 90
        parts = {"temperature": temperature, "humidity": humidity, "pm25": pm25, "pm10": pm10}
        for name, values in parts.items():
            rows += [Row(kit, name, int(one), STEP, float(value), 1, 0) for one, value in zip(t, values, strict=True)]
    return [one._replace(tests=4) if one[:3] == ("kit-00a", "pm25", START + STEP) else one for one in rows]


def contents(store: Store) -> Iterator[tuple[str, str, int, int, float, int, int]]:
    """Everything that a store holds."""
    for one in store.series():
        v = store.read(one.source, one.quantity, 0, 2**40)
        for row in zip(*(part.tolist() for part in (v.t, v.dt, v.value, v.flag, v.tests)), strict=True):
            yield (one.source, one.quantity, *row)


def flagged(store: Store) -> dict[tuple[str, str, float], tuple[int, int]]:
    """Flag and mask of what is not simply good, by kit, quantity and hour of the first day."""
    return {(s, q, (t - START) / 3600): (flag, tests) for s, q, t, _, _, flag, tests in contents(store) if flag != 1}
