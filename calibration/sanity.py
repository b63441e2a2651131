# SPDX-License-Identifier: EUPL-1.2
"""What makes a model of hours worthless before it is fitted: empty, constant, copied, swapped or mixed columns.

Hourly arrays come in, sentences go out: what was found, what is needed, what to do. `check_sane` and `check_sides`
refuse; `notes` only tells. Called by `calibration.fit`, `calibration.elsewhere` and the commands that read files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import numpy as np

from calibration.align import DAY, HOUR, Floats, Ints
from calibration.errors import BadInput, CalibrationError, TooLittleData
from calibration.features import RAW

CONSTANT_SHARE = 0.95  # of hours at one value: nothing can be learned from the rest
MIN_HOURS = 24
WEEK = 7 * DAY
STEP = 20.0  # a ratio of weeks that no weather makes; mg and ug differ by 1000, Pa and hPa by 100
STEADY = 5.0  # within which the ratio stays on both sides of a step
IMPLAUSIBLE_SHARE = 0.02
HUMIDITY, TEMPERATURE = "humidity", "temperature"
_LIMITS = {HUMIDITY: (0.0, 105.0), TEMPERATURE: (-60.0, 65.0)}  # [%], [Cel]: what sensors outdoors say
_KELVIN = 200.0
_WEATHER = (RAW, HUMIDITY, TEMPERATURE, "pressure", "dew_point", "absolute_humidity")


def check_sane(t: Ints, sensor: Mapping[str, Floats], reference: Floats) -> None:
    """Refuse hours from which no sound model can come.

    Parameters
    ----------
    t : (n,) array
        Ends of the hours [s], strictly rising.
    sensor : mapping of str to (n,) arrays
        `raw` and what was measured with it: `humidity` [%], `temperature` [Cel], others; NaN where missing.
    reference : (n,) array

    Raises
    ------
    TooLittleData
        If a column is empty.
    BadInput
        If the sensor or the reference is constant or one is a copy of the other, if humidity and temperature are
        swapped or in other units, or if the units of a column change on the way.
    """
    for error in _refusals(t, {name: np.asarray(x, np.float64) for name, x in sensor.items()}, reference):
        raise error


def check_sides(units: Mapping[str, tuple[Ints, Floats, Floats]]) -> None:
    """Refuse units whose references are the sensors and the other way round.

    Parameters
    ----------
    units : mapping of str to (t, raw, reference)
        Arrays (n,) of each unit: ends of hours [s], what is called the raw value, what is called the reference.

    Raises
    ------
    BadInput
        If units have the same raw value hour by hour, and different references: a reference stands beside many sensors,
        not a sensor beside many references.
    """
    (first, (t, raw, reference)), *others = units.items()
    for name, (other_t, other_raw, other_reference) in others:
        _, here, there = np.intersect1d(t, other_t, return_indices=True)
        same_raw, hours = _equal(raw[here], other_raw[there])
        same_reference, _ = _equal(reference[here], other_reference[there])
        if hours >= MIN_HOURS and same_raw >= CONSTANT_SHARE and same_reference <= 1 - CONSTANT_SHARE:
            raise BadInput(
                f"{first} and {name} have the same raw value in {same_raw:.0%} of {hours} hours, and different "
                "references: the columns of sensor and reference seem to be swapped.",
                "Swap the two columns.",
            )


def _equal(a: Floats, b: Floats) -> tuple[float, int]:
    """Share of equal pairs among those without a gap, and how many these are."""
    both = np.isfinite(a) & np.isfinite(b)
    return (float((a[both] == b[both]).mean()) if both.any() else 0.0), int(both.sum())


def notes(sensor: Mapping[str, Floats]) -> list[str]:
    """What is odd about columns, in sentences, though a model may come of them."""
    said = []
    for name, x in sensor.items():
        known = np.asarray(x, np.float64)[np.isfinite(x)]
        share = float((known < 0).mean()) if len(known) else 0.0
        if name not in _WEATHER and share > IMPLAUSIBLE_SHARE:
            said.append(
                f"{name} is below zero in {share:.0%} of the hours: an electrode is not, as a rule. Look whether "
                "its zero was taken off, or its two wires are swapped; models take it as it is."
            )
        low, high = _LIMITS.get(name, (-np.inf, np.inf))
        outside = int(((known < low) | (known > high)).sum())
        if outside > 0:
            said.append(f"{name} lies outside of {low:g} to {high:g} in {outside} hours.")
    return said


def _refusals(t: Ints, sensor: Mapping[str, Floats], reference: Floats) -> Iterator[CalibrationError]:
    raw, reference = sensor[RAW], np.asarray(reference, np.float64)
    for name, x in {"the reference": reference, "the raw value": raw, **_companions(sensor)}.items():
        if len(x) and not np.isfinite(x).any():
            yield TooLittleData(
                f"All {len(x)} hours of {name} are missing.", "Name another column or period, or leave this one away."
            )
    for name, x in {"reference": reference, "raw value": raw}.items():
        known = x[np.isfinite(x)]
        if len(known) < MIN_HOURS:
            continue  # said elsewhere, with the numbers that are needed
        values, counts = np.unique(known, return_counts=True)
        if counts.max() >= CONSTANT_SHARE * len(known):
            yield BadInput(
                f"The {name} is {values[counts.argmax()]:g} in {counts.max() / len(known):.0%} of its {len(known)} "
                "hours: nothing can be learned from a constant.",
                "Look whether the instrument hung, or whether this is the right column.",
            )
    both = np.isfinite(raw) & np.isfinite(reference)
    if both.sum() >= MIN_HOURS and np.array_equal(raw[both], reference[both]):
        yield BadInput(
            f"Sensor and reference are equal in all {int(both.sum())} hours: one is a copy of the other.",
            "Name two different columns.",
        )
    yield from _weather(sensor)
    step = _step(t[both], raw[both], reference[both])
    if step:
        yield step


def _companions(sensor: Mapping[str, Floats]) -> dict[str, Floats]:
    return {name: x for name, x in sensor.items() if name != RAW}


def _weather(sensor: Mapping[str, Floats]) -> Iterator[CalibrationError]:
    """Humidity and temperature in each other's place, or in other units."""
    found = {name: sensor[name][np.isfinite(sensor[name])] for name in (HUMIDITY, TEMPERATURE) if name in sensor}
    found = {name: x for name, x in found.items() if len(x) >= MIN_HOURS}

    def fits(x: Floats, name: str) -> bool:
        low, high = _LIMITS[name]
        return float(((x < low) | (x > high)).mean()) <= IMPLAUSIBLE_SHARE

    if len(found) == 2:
        here = fits(found[HUMIDITY], HUMIDITY) and fits(found[TEMPERATURE], TEMPERATURE)
        if not here and fits(found[HUMIDITY], TEMPERATURE) and fits(found[TEMPERATURE], HUMIDITY):
            yield BadInput(
                f"Humidity goes from {_range(found[HUMIDITY])}, temperature from {_range(found[TEMPERATURE])}: they "
                "seem to be swapped.",
                "Swap the two columns.",
            )
    if TEMPERATURE in found and float(np.median(found[TEMPERATURE])) > _KELVIN:
        yield BadInput(
            f"Temperature goes from {_range(found[TEMPERATURE])}: it seems to be in kelvin.", "Give degrees Celsius."
        )
    if HUMIDITY in found and float(found[HUMIDITY].max()) <= 1.0:
        yield BadInput(
            f"Humidity goes from {_range(found[HUMIDITY])}: it seems to be a share of one.", "Give percent, 0 to 100."
        )


def _range(x: Floats) -> str:
    return f"{x.min():.4g} to {x.max():.4g}"


def _step(t: Ints, raw: Floats, reference: Floats) -> BadInput | None:
    """A ratio of raw value to reference that jumps once and for all, as units do and air does not."""
    use = (raw > 0) & (reference > 0)
    week = (t[use] - HOUR) // WEEK
    ratio = np.log(raw[use] / reference[use])
    weeks = [one for one in np.unique(week) if (week == one).sum() >= MIN_HOURS]
    if len(weeks) < 2:
        return None
    medians = np.array([np.median(ratio[week == one]) for one in weeks])
    jumps = np.abs(np.diff(medians))
    at = int(jumps.argmax())
    before, after = medians[: at + 1], medians[at + 1 :]
    if jumps[at] < np.log(STEP) or max(np.ptp(before), np.ptp(after)) > np.log(STEADY):
        return None
    day = datetime.fromtimestamp(int(weeks[at + 1]) * WEEK, UTC).strftime("%Y-%m-%d")
    return BadInput(
        f"About {day} the ratio of sensor and reference changes by a factor of {np.exp(jumps[at]):.3g}, and stays so: "
        "the unit of one of the columns changes there.",
        "Give each period by itself (--from, --to), or bring the columns to one unit first.",
    )
