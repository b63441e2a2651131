# SPDX-License-Identifier: EUPL-1.2
"""How long a sensor must hang beside a reference, how far it has come, and whether the two breathe the same air.

Hours of a co-location come in (this one, or one of the same type in the same place); days still needed for a wanted
uncertainty go out. Lengths and heights come in; what keeps or breaks the rules of siting goes out. Called by
`calibrate plan`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from calibration.align import Floats, Ints, check_hours
from calibration.errors import BadInput, TooLittleData
from calibration.network.interpolate import Variogram, fit_variogram
from calibration.stats import day_of

MIN_DAYS = 6  # for a variogram in time
MIN_DAY_HOURS = 12
MAX_DAYS = 366  # longer plans are none
LEAST_DAYS = 14  # before an expanded uncertainty may be claimed
LEAST_SHARE = 0.75  # of hours with both values


@dataclass(frozen=True)
class Plan:
    """How long to co-locate.

    Attributes
    ----------
    wanted : float
        Relative standard uncertainty of the sensor's mean level, its gain.
    now : float
        What is reached by the days there are.
    days : int
        On which sensor and reference were together.
    needed : int or None
        Days in a row in all; None if more than a year would be.
    sure : bool
        Whether the data are long against the memory that they show: if not, `needed` may be far too small.
    variogram : Variogram
        Of the days' log ratios, over days instead of km: what is each day's own (`nugget`), what lasts (`sill`), and
        how long (`length`, in days).
    hours, share : int, float
        Hours with both values, and their share of the time from the first to the last.
    reference_high : float
        The 95 % quantile of the reference's hours.
    """

    wanted: float
    now: float
    days: int
    needed: int | None
    sure: bool
    variogram: Variogram
    hours: int
    share: float
    reference_high: float


def plan(t: Ints, sensor: Floats, reference: Floats, wanted: float) -> Plan:
    """Plan a co-location from hours of it, or of one like it.

    Parameters
    ----------
    t : (n,) array
        Ends of the hours [s], strictly rising.
    sensor, reference : (n,) arrays
        Hourly means in one unit; NaN where missing.
    wanted : float
        Relative standard uncertainty of the sensor's mean level, such as 0.1.

    Raises
    ------
    BadInput
        If it is not between 0 and 1.
    TooLittleData
        With fewer than six days of twelve hours.

    Notes
    -----
    The days' log ratios of reference and sensor wander, as aerosol and weather change. With the variogram nugget + sill
    (1 - exp(-h / L)) the variance of the mean of D days in a row is nugget / D + (sill / D^2) sum_ij exp(-|i - j| / L).
    A variogram from a time that is short against its own length sees too little of what lasts, and the plan is then too
    short: `sure` says so.

    References
    ----------
    Cressie (1993), Statistics for Spatial Data, chapter 2, doi:10.1002/9781119115151.
    """
    if not 0 < wanted < 1:
        raise BadInput(f"A relative uncertainty of {wanted:g} cannot be planned for.", "Such as 0.1, for 10 %.")
    t = check_hours(t)
    x, y = np.asarray(sensor, np.float64), np.asarray(reference, np.float64)
    if not x.shape == y.shape == t.shape:
        raise BadInput(f"Times have shape {t.shape}, the sensor {x.shape}, the reference {y.shape}.")
    both = np.isfinite(x) & np.isfinite(y)
    days, ratios = _daily(t[both], x[both], y[both])
    if len(days) < MIN_DAYS:
        raise TooLittleData(
            f"{len(days)} days have {MIN_DAY_HOURS} hours or more with both values, and means above zero; "
            f"{MIN_DAYS} are needed to see how the ratio wanders.",
            "Wait for more days, or give an older co-location of the same type.",
        )
    first, second = np.triu_indices(len(days), 1)
    apart = (days[second] - days[first]).astype(np.float64)
    near = apart <= max(2.0 * MIN_DAYS, (days[-1] - days[0]) / 2)  # the longest lags rest on a few days only
    squares = 0.5 * (ratios[second] - ratios[first]) ** 2
    lags = np.unique(apart[near])
    # Means over the pairs of a lag: classes of pairs would see the nearest days, of which there are few, too late.
    gamma = np.array([squares[apart == lag].mean() for lag in lags])
    span = int(days[-1] - days[0]) + 1
    longest = max(2.0, span / 4)
    found = fit_variogram(lags, gamma, np.geomspace(0.5, longest, 24))
    return Plan(
        wanted=wanted,
        now=uncertainty_after(found, len(days)),
        days=len(days),
        needed=days_for(found, wanted),
        sure=found.sill <= 0 or found.length < 0.8 * longest,
        variogram=found,
        hours=int(both.sum()),
        share=float(both.sum() / ((t[both][-1] - t[both][0]) // 3600 + 1)),
        reference_high=float(np.quantile(y[both], 0.95)),
    )


def uncertainty_after(found: Variogram, days: int) -> float:
    """Relative standard uncertainty of the mean level after days in a row."""
    lags = np.arange(1, days)
    shared = days + 2.0 * float(((days - lags) * np.exp(-lags / found.length)).sum())
    return float(np.sqrt(found.nugget / days + found.sill * shared / days**2))


def days_for(found: Variogram, wanted: float) -> int | None:
    """The fewest days in a row after which the uncertainty is as wanted; None if that is more than a year."""
    return next((days for days in range(1, MAX_DAYS + 1) if uncertainty_after(found, days) <= wanted), None)


def _daily(t: Ints, x: Floats, y: Floats) -> tuple[Ints, Floats]:
    """Days with enough hours, and their log ratios of sums."""
    unique, place, count = np.unique(day_of(t), return_inverse=True, return_counts=True)
    sum_x, sum_y = (np.bincount(place, values, len(unique)) for values in (x, y))
    good = (count >= MIN_DAY_HOURS) & (sum_x > 0) & (sum_y > 0)
    return unique[good], np.log(sum_y[good] / sum_x[good])


@dataclass(frozen=True)
class Geometry:
    """How a sensor hangs beside a reference; None where nobody measured. Lengths in metres, the arc in degrees.

    Attributes
    ----------
    distance : float
        Between the inlets, on the ground.
    height_difference : float
        Between the inlets, either way.
    inlet_height : float
        Of the sensor's inlet above the ground.
    free_arc : float
        Around the sensor's inlet, in which nothing stands in the air's way.
    wall_distance : float
        From the sensor's inlet to the nearest wall.
    """

    distance: float | None = None
    height_difference: float | None = None
    inlet_height: float | None = None
    free_arc: float | None = None
    wall_distance: float | None = None


@dataclass(frozen=True)
class Finding:
    """One rule of siting: what it asks, what was measured, whether it is kept (None: not measured), and its source."""

    rule: str
    measured: float | None
    low: float
    high: float
    kept: bool | None
    source: str


_EPA = "Duvall et al. (2021), EPA/600/R-20/280"
_EU = "Directive 2008/50/EC, Annex III C"
_RULES = {
    "distance": ("inlets apart on the ground [m]", 0.0, 20.0, _EPA),
    "height_difference": ("inlets apart in height [m]", 0.0, 1.0, _EPA),
    "inlet_height": ("inlet above the ground [m]", 1.5, 4.0, _EU),
    "free_arc": ("free arc around the inlet [degrees]", 270.0, 360.0, _EU),
    "wall_distance": ("inlet to the nearest wall [m]", 0.5, np.inf, _EU),
}


def check_geometry(geometry: Geometry) -> list[Finding]:
    """Each rule of siting against what was measured.

    Raises
    ------
    BadInput
        For lengths below zero, arcs of more than 360 degrees, and numbers that are none.

    Notes
    -----
    A station may rightly stand on a roof or at a street's building line: a rule that the station itself breaks is no
    fault of the co-location as long as both inlets are beside each other.

    References
    ----------
    Directive 2008/50/EC, Annex III, section C, and Duvall et al. (2021), Performance Testing Protocols, Metrics, and
    Target Values for Fine Particulate Matter Air Sensors, EPA/600/R-20/280, chapter 2.
    """
    findings = []
    for one in fields(geometry):
        value = getattr(geometry, one.name)
        rule, low, high, source = _RULES[one.name]
        most = 360.0 if one.name == "free_arc" else np.inf
        if value is not None and not 0 <= value <= most:
            raise BadInput(f"{value:g} for {rule} cannot be.", "Give lengths in metres and the arc in degrees.")
        kept = None if value is None else bool(low <= value <= high)
        findings.append(Finding(rule, value, low, high, kept, source))
    return findings
