# SPDX-License-Identifier: EUPL-1.2
"""Calibrating many sensors at once, beside loops of numpy and scikit-learn over the same numbers in the same run.

A year of hours, three inputs, 5 % of them missing, 32-bit floats as a store would give them. Rivals are given the hours
that they can use, one sensor at a time; where a loop would take minutes, a part of it is timed and multiplied.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np

from calibration.align import HOUR, Floats
from calibration.many import apply_many, fit_every_day, fit_many
from tests.bench.table import ROOT, Bar

HOURS = 8760
SENSORS = 1_000
WINDOW = 30
BLOCK = 500  # sensors read from a store at a time
ROUNDS = 3
T = 1_767_225_600 + HOUR * np.arange(1, HOURS + 1, dtype=np.int64)


def city(sensors: int) -> tuple[Floats, Floats]:
    """Inputs (S, n, 3) and references (S, n)."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((sensors, HOURS, 3), np.float32) * np.float32([10, 15, 8]) + np.float32([20, 60, 10])
    y = x @ np.float32([0.6, -0.05, 0.1]) + rng.standard_normal((sensors, HOURS), np.float32)
    x[rng.random((sensors, HOURS), np.float32) < 0.05] = np.nan
    return x, y


def timed(work: Callable[[], object]) -> float:
    """Seconds of the best of three."""
    best = np.inf
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return float(best)


def usable(x: Floats, y: Floats) -> Iterator[tuple[Floats, Floats]]:
    """Of each sensor the hours that have everything."""
    for inputs, target in zip(x, y, strict=True):
        good = np.isfinite(inputs).all(axis=1)
        yield inputs[good], target[good]


def measure() -> Iterator[Bar]:
    """Rolling fits, one-off fits, applying."""
    from sklearn.linear_model import LinearRegression  # `make bench` installs it, for this alone

    x, y = city(BLOCK)

    def rolling() -> None:
        for _ in range(SENSORS // BLOCK):
            fit_every_day(T, x, y, WINDOW)

    days, found = fit_every_day(T, x[:2], y[:2], WINDOW)
    apart: list[float] = []

    def loop() -> None:
        apart.clear()
        for s in range(2):
            for d in range(0, len(days), 5):
                these = slice(24 * d, 24 * (d + WINDOW))
                inputs, target = next(usable(x[s : s + 1, these].astype(float), y[s : s + 1, these].astype(float)))
                fitted = LinearRegression().fit(inputs, target)
                apart.append(float(np.abs(np.r_[fitted.intercept_, fitted.coef_] - found[s, d]).max()))

    one = timed(loop) / len(apart)
    ours = timed(rolling)
    rival = one * SENSORS * len(days)
    note = f"{SENSORS} sensors, {len(days)} days: {ours:.2f} s, scikit-learn {rival:.0f} s"
    yield Bar("rolling daily fits / scikit-learn loop", rival / ours, 100, 450, "higher", note)
    yield Bar("their greatest distance from a direct fit", max(apart), 1e-9, 1e-9, "lower", "coefficients")

    def lstsq() -> None:
        for inputs, target in usable(x, y):
            np.linalg.lstsq(np.c_[np.ones(len(target), np.float32), inputs], target, rcond=None)

    many, each = timed(lambda: fit_many(x, y)), timed(lstsq)
    note = f"{BLOCK} sensor-years: {many:.2f} s, numpy {each:.2f} s"
    yield Bar("one-off fits / numpy lstsq loop", each / many, 2, 2, "higher", note)

    b = fit_many(x, y)
    models = [LinearRegression().fit(inputs, target) for inputs, target in usable(x, y)]

    def predict() -> None:
        for model, inputs in zip(models, x, strict=True):
            good = np.isfinite(inputs).all(axis=1)
            value = np.full(HOURS, np.nan, np.float32)
            value[good] = model.predict(inputs[good])

    applied, predicted = timed(lambda: apply_many(b, x)), timed(predict)
    note = f"{BLOCK} sensor-years: {applied:.3f} s, scikit-learn {predicted:.3f} s"
    yield Bar("applying / scikit-learn predict", predicted / applied, 15, 15, "higher", note)

    done = subprocess.run(
        [sys.executable, "-m", __name__, "memory"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    yield Bar(
        "memory of 10,000 sensor-years of fits [MiB]",
        float(done.stdout),
        1024,
        1024,
        "lower",
        f"read {BLOCK} at a time",
    )


def main() -> None:
    """The most memory [MiB] that 10,000 one-off fits take, read in blocks."""
    for _ in range(10_000 // BLOCK):
        fit_many(*city(BLOCK))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    main()
