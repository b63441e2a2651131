# SPDX-License-Identifier: EUPL-1.2
"""What the tests compare with: one table, a line for each quantity. None means that the test is not made.

The plausible range stands in the glossary. The limits of the weather are those for values of one minute in
I. Zahumensky, Guidelines on Quality Control Procedures for Data from Automatic Weather Stations, WMO, 2004. No standard
has any for citizens' sensors of particles, gases and sound; theirs are wide, and only make a value suspect: smoke and
fireworks are real. A TOML file of a city's own (setting `limits`) overrides single limits.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from collector.errors import SettingError
from collector.quantities import QUANTITIES

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one quantity, in its unit."""

    humidity_above: float | None = None  # suspect in air damper than this [%]
    order_slack: float | None = None  # how much more of a smaller size there may be, beside 5 %
    spike_suspect: float | None = None  # height of a single value above or below both of its neighbours in time
    spike_fail: float | None = None  # the same; such a value fails
    rate_suspect: float | None = None  # change in a minute
    rate_fail: float | None = None  # the same; such a value fails
    flat_tolerance: float = 0.0  # values that differ by no more are the same
    flat_suspect_h: float | None = None  # the same for so long [h]
    flat_fail_h: float | None = None  # the same; such a value fails
    attenuated_suspect: float | None = None  # highest less lowest value of 24 hours is smaller
    attenuated_fail: float | None = None  # the same; such a value fails
    neighbour_floor: float | None = None  # the hour's median differs from the neighbours' by more than this ...
    neighbour_share: float = 0.0  # ... and by more than this share of theirs
    climatology: tuple[tuple[float, float] | None, ...] = ()  # lowest and highest for each of 12 months


_PARTICLES = Limits(
    humidity_above=95,
    order_slack=1,
    spike_suspect=200,
    rate_suspect=200,
    flat_tolerance=0.05,
    flat_suspect_h=6,
    flat_fail_h=24,
    attenuated_suspect=0.3,
    neighbour_floor=20,
    neighbour_share=1.0,
)
_GAS = Limits(flat_tolerance=0.01, flat_suspect_h=6, flat_fail_h=24)
_LEVEL = Limits(flat_tolerance=0.05, flat_suspect_h=2, flat_fail_h=12, attenuated_suspect=3)

LIMITS: Mapping[str, Limits] = {
    "pm1": _PARTICLES,
    "pm25": _PARTICLES,
    "pm4": _PARTICLES,
    "pm10": replace(_PARTICLES, spike_suspect=400, rate_suspect=400, neighbour_floor=30),
    "no2": _GAS,
    "o3": _GAS,
    "no": _GAS,
    "so2": _GAS,
    "co": replace(_GAS, flat_tolerance=0.001),
    "co2": replace(_GAS, flat_tolerance=0.5, flat_suspect_h=3, attenuated_suspect=3),
    "laeq": _LEVEL,
    "lceq": _LEVEL,
    "lafmax": _LEVEL,
    "lafmin": _LEVEL,
    "la10": _LEVEL,
    "la50": _LEVEL,
    "la90": _LEVEL,
    # WMO: a minute brings at most 3 Cel, 10 (15) % and 0.5 (2) hPa; an hour at least 0.1 Cel, 1 % and 0.1 hPa.
    # The least movement is asked of longer spans here, as kits hang sheltered and sensors have coarse steps.
    "temperature": Limits(
        spike_suspect=3,
        spike_fail=10,
        rate_suspect=3,
        rate_fail=10,
        flat_tolerance=0.005,
        flat_suspect_h=3,
        flat_fail_h=12,
        attenuated_suspect=0.5,
        attenuated_fail=0.1,
        neighbour_floor=6,
    ),
    "humidity": Limits(
        spike_suspect=10,
        spike_fail=30,
        rate_suspect=10,
        rate_fail=30,
        flat_tolerance=0.05,
        flat_suspect_h=12,  # fog keeps a night at 100 %
        attenuated_suspect=2,
        neighbour_floor=25,
    ),
    "pressure": Limits(
        spike_suspect=0.5,
        spike_fail=2,
        rate_suspect=0.5,
        rate_fail=2,
        flat_tolerance=0.005,
        flat_suspect_h=3,
        flat_fail_h=12,
        attenuated_suspect=0.3,
        attenuated_fail=0.1,
        neighbour_floor=10,
    ),
}


def load_limits(path: str) -> Mapping[str, Limits]:
    """The table with a file's own limits put over it; the table itself without a file.

    Each quantity is a TOML table: `[temperature]`, `rate_suspect = 2`, `climatology.jan = [-20, 18]`; `"none"` makes a
    test not to be made. SettingError says what is wrong with the file.
    """
    if not path:
        return LIMITS
    try:
        found = tomllib.loads(Path(path).read_text())
    except (OSError, ValueError) as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        raise SettingError(
            f"The file of limits {path} cannot be read: {error}.", "Correct the setting limits."
        ) from error
    table = dict(LIMITS)
    for quantity, given in found.items():
        try:
            if quantity not in QUANTITIES:
                raise ValueError("the glossary has no such quantity")
            if not isinstance(given, dict):
                raise ValueError(f"write [{quantity}], and its limits below")
            table[quantity] = replace(table.get(quantity, Limits()), **_checked(given))
        except ValueError as error:
            raise SettingError(
                f"The file of limits {path} is wrong about {quantity}: {error}.",
                "docs/reference/flags.md names the limits there are.",
            ) from error
    return table


def _checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """The limits of one quantity as they are kept; ValueError if they are none."""
    known = {one.name: one.default for one in fields(Limits)}
    result: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known:
            raise ValueError(f"there is no limit {name!r}; there are {', '.join(known)}")
        if name == "climatology":
            result[name] = _months(value)
        elif value == "none" and known[name] is None:
            result[name] = None
        else:
            result[name] = _number(name, value)
            if result[name] < 0:
                raise ValueError(f"{name} cannot be negative")
    return result


def _months(value: Any) -> tuple[tuple[float, float] | None, ...]:
    if not isinstance(value, dict) or not set(value) <= set(MONTHS):
        raise ValueError(f"climatology names months: {', '.join(MONTHS)}")
    months: list[tuple[float, float] | None] = []
    for month in MONTHS:
        pair = value.get(month)
        if pair is None:
            months.append(None)
            continue
        if not isinstance(pair, list) or len(pair) != 2:
            raise ValueError(f"climatology.{month} is [lowest, highest]")
        low, high = (_number(f"climatology.{month}", one) for one in pair)
        if low >= high:
            raise ValueError(f"climatology.{month} is [lowest, highest], the lowest first")
        months.append((low, high))
    return tuple(months)


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{name} is a number, not {value!r}")
    return float(value)
