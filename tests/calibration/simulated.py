# SPDX-License-Identifier: EUPL-1.2
"""A sensor beside a reference, made up: a town's particulate matter seen by a sensor that swells with humidity.

Length, seed and noise come in; times, inputs and the reference go out. Used by tests that need to know the truth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calibration.align import HOUR, Floats, Ints

START = 1_767_225_600  # 2026-01-01T00:00Z


@dataclass(frozen=True)
class Simulated:
    """Hourly arrays (n,)."""

    t: Ints
    sensor: dict[str, Floats]
    reference: Floats

    def part(self, start: int, end: int) -> Simulated:
        """Hours from index start up to end."""
        return Simulated(
            self.t[start:end], {k: v[start:end] for k, v in self.sensor.items()}, self.reference[start:end]
        )


def autoregressive(rng: np.random.Generator, n: int, memory: float) -> Floats:
    """Noise that remembers, of variance one."""
    x = np.empty(n)
    x[0] = rng.standard_normal()
    step = rng.standard_normal(n) * np.sqrt(1 - memory**2)
    for i in range(1, n):
        x[i] = memory * x[i - 1] + step[i]
    return x


def simulate(days: float = 40, *, seed: int = 1, noise: float = 1.0) -> Simulated:
    """A co-location. `noise` is the sensor's own, in ug/m3."""
    rng = np.random.default_rng(seed)
    n = int(24 * days)
    t = START + HOUR * np.arange(1, n + 1, dtype=np.int64)
    reference = 10 * np.exp(0.6 * autoregressive(rng, n, 0.95))
    humidity = 65 + 15 * autoregressive(rng, n, 0.97) + 10 * np.sin(2 * np.pi * np.arange(n) / 24)
    temperature = 10 + 4 * autoregressive(rng, n, 0.98) - 5 * np.sin(2 * np.pi * np.arange(n) / 24)
    swollen = 1 + 0.01 * (np.clip(humidity, 5, 100) - 50)
    raw = 2 + 1.6 * reference * swollen + noise * rng.standard_normal(n)
    inputs = {"raw": raw, "humidity": np.clip(humidity, 5, 100), "temperature": temperature}
    return Simulated(t, inputs, reference)
