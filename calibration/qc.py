# SPDX-License-Identifier: EUPL-1.2
"""Which hours of a co-location a model should not learn from: tests of the sensor, of its air, of the reference.

Hourly arrays come in, a mask for each test goes out. Hours are never deleted: they are kept out of the training, are
counted in the record, and are judged like all others. Called by `citimeasure calibrate qc`, `fit` and `evaluate`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from calibration.align import HOUR, Bools, Floats, Ints, check_hours
from calibration.errors import BadInput
from calibration.features import RAW

SECOND = "raw_b"  # the second channel of a sensor that has two
STUCK_HOURS = 6
MOST_STUCK_HOURS = 72
SATURATED = 99.5  # relative humidity at which sensors in a housing stop telling more [%]
SPIKE_SIZE = 8.0  # in robust standard deviations of the steps
CHANNELS_APART = (5.0, 0.7)  # in the unit of the value, and as a share of the mean; both must be exceeded
TESTS = {
    "range": "the raw value is outside of what the quantity can be",
    "stuck": "the raw value does not move for six hours or more",
    "zero": "the raw value is exactly zero for six hours or more",
    "spike": "one hour stands out from those beside it, and the reference does not",
    "humidity": "the air in the housing is saturated, so droplets are measured, too",
    "channels": "the two channels of the sensor disagree",
    "reference": "the reference does not move for twelve hours or more",
}
# Found and counted, but not left out: models hold a humidity that stays at its end where training has been, and without
# these hours they know nothing of damp days.
NOTED = ("humidity",)


@dataclass(frozen=True)
class Quality:
    """Masks (n,) by test, in the order of TESTS, of the hours to be left out; only tests that could be made."""

    masks: Mapping[str, Bools]

    @property
    def left_out(self) -> Bools:
        """Hours that any test but those of NOTED leaves out (n,)."""
        return np.asarray(np.logical_or.reduce([mask for name, mask in self.masks.items() if name not in NOTED]))

    @property
    def counts(self) -> dict[str, int]:
        """How many hours each test found, with those that are only noted; tests that found none are not named."""
        found = {name: int(mask.sum()) for name, mask in self.masks.items()}
        return {name: n for name, n in found.items() if n}


def inspect(
    t: Ints,
    sensor: Mapping[str, Floats],
    reference: Floats | None = None,
    *,
    plausible: tuple[float, float] | None = None,
) -> Quality:
    """Tests hours before a model learns from them.

    Parameters
    ----------
    t : (n,) array
        Ends of the hours [s], strictly rising; hours may be missing.
    sensor : mapping of str to (n,) arrays
        `raw`, and if there are any `humidity` [%] and `raw_b`, the second channel of the sensor; NaN where missing.
    reference : (n,) array, optional
    plausible : (float, float), optional
        The least and the greatest raw value that can be, both included.

    Raises
    ------
    BadInput
        If arrays do not fit.

    Notes
    -----
    A value repeats by chance where a sensor has few steps: the run that counts as stuck is four times as long as the
    95th percentile of this sensor's own runs, from six to 72 hours. A spike is an hour whose steps up and down both
    exceed eight robust standard deviations (1.4826 MAD) of all steps; it is none if the reference steps by as many of
    its own. Channels disagree where they differ by more than 5 units and by more than 70 % of their mean, after
    Barkjohn et al. (2021), Atmos. Meas. Tech. 14, 4617-4637, doi:10.5194/amt-14-4617-2021.
    """
    t = check_hours(t)
    raw = np.asarray(sensor[RAW], np.float64)
    for name, x in {**sensor, "reference": t if reference is None else reference}.items():
        if len(x) != len(t):
            raise BadInput(f"{name} has {len(x)} hours, the times {len(t)}.")
    masks: dict[str, Bools] = {}
    if plausible is not None:
        masks["range"] = (raw < plausible[0]) | (raw > plausible[1])
    runs = _runs(t, raw)
    masks["stuck"] = (raw != 0) & (runs >= _stuck_after(runs[raw != 0]))
    masks["zero"] = (raw == 0) & (runs >= STUCK_HOURS)
    steps = np.zeros(len(t)) if reference is None else _least_step(t, np.asarray(reference, np.float64))
    masks["spike"] = (_least_step(t, raw) > SPIKE_SIZE) & (steps <= SPIKE_SIZE)
    if "humidity" in sensor:
        masks["humidity"] = np.asarray(sensor["humidity"], np.float64) >= SATURATED
    if SECOND in sensor:
        second = np.asarray(sensor[SECOND], np.float64)
        apart, middle = np.abs(raw - second), np.abs(raw + second) / 2
        masks["channels"] = (apart > CHANNELS_APART[0]) & (apart > CHANNELS_APART[1] * middle)
    if reference is not None:
        masks["reference"] = _runs(t, np.asarray(reference, np.float64)) >= 2 * STUCK_HOURS
    return Quality(masks)


def _stuck_after(runs: Ints) -> int:
    """The run of equal values that counts as stuck [h], from the run in which each hour lies."""
    lengths, hours = np.unique(runs[runs > 0], return_counts=True)
    if not len(lengths):
        return STUCK_HOURS
    each = np.repeat(lengths, hours // lengths)  # a run of n hours is one run
    usual = float(np.percentile(each, 95))
    return int(min(max(STUCK_HOURS, 4 * usual), MOST_STUCK_HOURS))


def _runs(t: Ints, x: Floats) -> Ints:
    """For each hour the number of hours in its run of equal values; 0 where the value is missing."""
    if not len(x):
        return np.empty(0, np.int64)
    new = np.concatenate([[True], (np.diff(x) != 0) | (np.diff(t) != HOUR)])
    number = np.cumsum(new) - 1
    return np.where(np.isfinite(x), np.bincount(number)[number], 0)


def _least_step(t: Ints, x: Floats) -> Floats:
    """The smaller of the steps up to and down from each hour, in robust standard deviations; 0 if it is no peak."""
    steps = np.diff(x)
    steps = np.where(np.diff(t) == HOUR, steps, np.nan)
    known = steps[np.isfinite(steps)]
    result = np.zeros(len(x))
    spread = 1.4826 * float(np.median(np.abs(known - np.median(known)))) if len(known) else 0.0
    if len(x) < 3 or spread == 0:
        return result
    before, behind = steps[:-1], steps[1:]
    peak = before * behind < 0
    result[1:-1] = np.where(peak, np.minimum(np.abs(before), np.abs(behind)) / spread, 0.0)
    return np.nan_to_num(result)
