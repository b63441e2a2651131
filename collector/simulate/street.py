# SPDX-License-Identifier: EUPL-1.2
"""The simulated street: how much traffic passes, and what a meter at the façade makes of it, minute by minute.

A place's strengths and civil time go in; traffic's daily pattern (which the air uses too) and sound levels come out.
Levels are built from pass-bys, so that they hang together: LA90 <= LA50 <= LA10 <= LAFmax, and LAeq in between.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from collector.simulate.signals import Array, Civil, bump, coloured

PEAK_FLOW = 8.0  # vehicles a minute past a place of strength 1 in the rush hour
PASS_BY = 5.0  # how long one vehicle is above the background [s]
PASS_BY_LEVEL = 66.0  # median LAFmax of one vehicle at the façade [dB]
PASS_BY_SPREAD = 2.5  # scale of its logistic distribution [dB]
EXPOSURE = 6.0  # SEL of a pass-by above its LAFmax [dB]: a vehicle lasts longer than a second


def traffic_pattern(when: Civil) -> Array:
    """Traffic as a share of the rush hour's: two peaks on working days, one broad hump on a weekend's afternoon."""
    working = bump(when.hour, 8.1, 1.1) + bump(when.hour, 17.3, 1.4) + 0.5 * bump(when.hour, 12.7, 2.8)
    weekend = 0.6 * bump(when.hour, 14.5, 3.3) + 0.15 * bump(when.hour, 23.5, 1.5)
    return 0.03 + 0.97 * np.where(when.weekday < 5, working, weekend)


def nightlife_pattern(when: Civil) -> Array:
    """Voices in the street: the nights after Friday and Saturday, 21 h to 4 h."""
    out = np.isin((when.day - (when.hour < 12) + 3) % 7, (4, 5))  # the night belongs to the day on which it began
    return out * bump(when.hour, 0.5, 1.9)


def sound_levels(rng: Generator, when: Civil, traffic: float, nightlife: float) -> dict[str, Array]:
    """laeq, lceq, lafmax, lafmin, la10, la50, la90 [dB] of each minute.

    N vehicles pass (Poisson). The loudest of them is drawn as the maximum of N logistic levels M, by its quantile
    u^(1/N). LAeq = 10 lg(10^(B/10) + E/60) with B the background and E the energy [s] of all pass-bys, the loudest
    at its own level and the others at their mean. The percentiles lie between B and M, higher the larger the share
    of the minute f = 1 - exp(-N PASS_BY / 60) in which some vehicle is heard.
    """
    n = len(when.hour)
    pattern = traffic_pattern(when)
    day = 1 / (1 + np.exp(-1.5 * (6.5 - np.abs(when.hour - 13.5))))  # the town's hum: 34 dB at night, 42 dB by day
    voices = nightlife * nightlife_pattern(when) * np.maximum(0, 7 + 2.5 * coloured(rng, n, 12))
    background = 34 + 8 * day + 2 * np.log1p(3 * traffic * pattern) + voices + 1.2 * coloured(rng, n, 20)

    vehicles = rng.poisson(PEAK_FLOW * traffic * pattern)
    some = np.maximum(vehicles, 1)
    quantile = rng.uniform(1e-9, 1 - 1e-9, n) ** (1 / some)
    loudest = PASS_BY_LEVEL + PASS_BY_SPREAD * np.log(quantile / (1 - quantile))
    quiet = background + 2 + rng.exponential(2.5, n)  # what sticks out where nobody passes: doors, steps, birds
    lafmax = np.maximum(np.where(vehicles > 0, loudest, quiet), background + 2)

    mean_energy = 10 ** ((PASS_BY_LEVEL + EXPOSURE + 1) / 10)  # 1 dB: the mean energy lies above the median level's
    energy = np.where(vehicles > 0, 10 ** ((lafmax + EXPOSURE) / 10) + (some - 1) * mean_energy, 0)
    laeq = 10 * np.log10(10 ** (background / 10) + energy / 60)

    heard = 1 - np.exp(-vehicles * PASS_BY / 60)
    span = lafmax - background
    la90 = background - 0.5 + span * 0.15 * heard**2
    laeq = np.clip(laeq, la90 + 0.3, lafmax - 0.5)
    return {
        "laeq": laeq,
        "lceq": laeq + 6 + 1.5 * coloured(rng, n, 30),  # engines' low notes, which A-weighting takes away
        "lafmax": lafmax,
        "lafmin": la90 - 1 - rng.exponential(0.7, n),
        "la10": background + span * (0.15 + 0.6 * heard),
        "la50": background + span * (0.02 + 0.4 * heard**1.5),
        "la90": la90,
    }
