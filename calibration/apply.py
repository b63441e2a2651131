# SPDX-License-Identifier: EUPL-1.2
"""Apply a record to a sensor's hours: value, uncertainty, 90 % interval and flags.

Hourly arrays come in, arrays of the same length go out. Every hour is computed by itself with sums in a fixed order, so
that the same record and inputs give the same bytes on any day, in any length of array. Called for every calibrated
series that anybody asks for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntFlag

import numpy as np
from numpy.typing import NDArray

from calibration.align import Bools, Floats, Ints, check_hours, shift
from calibration.errors import BadInput
from calibration.features import build
from calibration.record import Record


class Flag(IntFlag):
    """What to know about a calibrated hour beside its uncertainty."""

    MISSING = 1  # an input is missing: no value
    LAG_REPLACED = 2  # the hour before is missing, the present one stood in
    CLAMPED = 4  # held near the range of the reference that the co-location saw
    OUTSIDE = 8  # an input lies outside of what the co-location saw
    NOT_VALID = 16  # outside of the record's validity


@dataclass(frozen=True)
class Calibrated:
    """Calibrated hours; arrays of one length (n,), floats in the unit of the record, NaN where an input is missing."""

    value: Floats
    u: Floats  # standard uncertainty, k = 1
    lower: Floats  # 90 % interval
    upper: Floats
    flag: NDArray[np.uint8]  # bits of `Flag`
    outside: Bools  # an input lies outside of the envelope


def apply(record: Record, inputs: Mapping[str, Floats], t: Ints) -> Calibrated:
    """Calibrate hours.

    Parameters
    ----------
    record : Record
    inputs : mapping of str to (n,) arrays
        `raw` and the record's covariates, in its units; NaN where missing. Others are ignored.
    t : (n,) array
        Ends of the hours [s since 1970], strictly rising; hours may be missing.

    Returns
    -------
    Calibrated

    Raises
    ------
    BadInput
        If an input is missing, of another length, or if t are not whole hours.

    Notes
    -----
    Models look at the hour before: give one hour more at the beginning than is wanted, and drop its result. With a
    time alignment that is corrected, up to four hours more on both sides.
    """
    t = check_hours(t)
    wanted = {}
    for name in record.inputs:
        if name not in inputs:
            raise BadInput(f"The input {name!r} is missing.", f"This record needs: {', '.join(record.inputs)}.")
        wanted[name] = np.asarray(inputs[name], np.float64)
        if wanted[name].shape != t.shape:
            raise BadInput(f"The input {name!r} has shape {wanted[name].shape}, the times {t.shape}.")
    if record.alignment.corrected:
        wanted = {name: shift(t, x, record.alignment.lag_hours) for name, x in wanted.items()}
    features = build(t, wanted, record.model.features)
    prediction = record.model.apply(features.values)
    missing = np.isnan(prediction.value)
    lower, upper = record.spread.interval(prediction)
    outside = prediction.outside > 0
    return Calibrated(
        value=prediction.value,
        u=np.where(missing, np.nan, record.spread.standard(prediction)),
        lower=lower,
        upper=upper,
        flag=_flags(
            {
                Flag.MISSING: missing,
                Flag.LAG_REPLACED: features.lag_replaced,
                Flag.CLAMPED: prediction.clamped,
                Flag.OUTSIDE: outside,
                Flag.NOT_VALID: ~_valid(record, t),
            }
        ),
        outside=outside,
    )


def _valid(record: Record, t: Ints) -> Bools:
    start, end = record.lineage.valid_from, record.lineage.valid_until
    valid = np.ones(len(t), bool)
    if start is not None:
        valid &= t > start
    if end is not None:
        valid &= t <= end
    return valid


def _flags(bits: Mapping[Flag, Bools]) -> NDArray[np.uint8]:
    found = np.zeros(len(next(iter(bits.values()))), np.uint8)
    for bit, mask in bits.items():
        found |= np.where(mask, np.uint8(bit), np.uint8(0))
    return found
