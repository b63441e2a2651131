# SPDX-License-Identifier: EUPL-1.2
"""Plans hold on made-up ratios that wander in a known way; the geometry follows its rules."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.align import HOUR, Floats, Ints
from calibration.errors import BadInput, TooLittleData
from calibration.network.interpolate import Variogram
from calibration.planner import Geometry, check_geometry, days_for, plan, uncertainty_after
from tests.calibration.simulated import START, autoregressive

KNOWN = Variogram(nugget=0.01, sill=0.04, length=3.0)


def wandering(seed: int, days: int, known: Variogram = KNOWN) -> tuple[Ints, Floats, Floats]:
    """Times, a sensor and a reference whose daily log ratios have a known variogram."""
    rng = np.random.default_rng(seed)
    ratio = np.sqrt(known.sill) * autoregressive(rng, days, float(np.exp(-1 / known.length)))
    ratio = ratio + np.sqrt(known.nugget) * rng.standard_normal(days)
    t = START + HOUR * np.arange(1, 24 * days + 1, dtype=np.int64)
    reference = 10 * np.exp(0.3 * rng.standard_normal(len(t)))
    return t, reference * np.exp(-ratio).repeat(24), reference


def test_the_days_planned_bring_the_uncertainty_wanted() -> None:
    planned = [plan(*wandering(seed, 120), 0.1).needed for seed in range(12)]
    days = round(float(np.median([one for one in planned if one is not None])))
    assert days == pytest.approx(days_for(KNOWN, 0.1), rel=0.35)
    means = [np.log(y.sum() / x.sum()) for _, x, y in (wandering(seed, days) for seed in range(100, 400))]
    assert np.std(means) == pytest.approx(0.1, rel=0.25)


def test_the_formula_of_the_variance_is_that_of_a_mean() -> None:
    means = [np.mean(autoregressive(np.random.default_rng(seed), 10, np.exp(-1 / 3))) for seed in range(4000)]
    assert uncertainty_after(Variogram(0.0, 1.0, 3.0), 10) == pytest.approx(np.std(means), rel=0.05)
    assert uncertainty_after(Variogram(0.04, 0.0, 3.0), 16) == pytest.approx(0.05)


@given(st.floats(0, 0.2), st.floats(0, 0.2), st.floats(0.5, 60), st.floats(0.01, 0.5))
def test_more_days_are_never_less_sure(nugget: float, sill: float, length: float, wanted: float) -> None:
    known = Variogram(nugget, sill, length)
    steps = [uncertainty_after(known, days) for days in (1, 2, 5, 20, 100)]
    assert all(b <= a * (1 + 1e-12) for a, b in pairwise(steps))
    needed = days_for(known, wanted)
    assert needed is None or uncertainty_after(known, needed) <= wanted
    assert needed in (None, 1) or uncertainty_after(known, needed - 1) > wanted


def test_progress_is_told_and_a_short_co_location_is_not_sure() -> None:
    t, x, y = wandering(1, 60)
    x[240:480] = np.nan
    found = plan(t, x, y, 0.1)
    assert found.days == 50
    assert found.hours == 1200
    assert found.share == pytest.approx(1200 / 1440)
    assert found.reference_high == pytest.approx(np.quantile(y[np.isfinite(x)], 0.95))
    slow = Variogram(0.001, 0.04, 60.0)
    assert not all(plan(*wandering(seed, 20, slow), 0.1).sure for seed in range(4))


def test_what_cannot_be_planned_is_refused() -> None:
    t, x, y = wandering(1, 5)
    with pytest.raises(TooLittleData, match="5 days have 12 hours"):
        plan(t, x, y, 0.1)
    with pytest.raises(BadInput, match="cannot be planned"):
        plan(t, x, y, 10)
    with pytest.raises(BadInput, match="shape"):
        plan(t, x[:-1], y, 0.1)


def test_the_geometry_of_a_co_location() -> None:
    good = check_geometry(Geometry(distance=3, height_difference=0.5, inlet_height=3, free_arc=300, wall_distance=1))
    assert [one.kept for one in good] == [True] * 5
    bad = check_geometry(Geometry(distance=80, height_difference=4, inlet_height=12, free_arc=180, wall_distance=0.1))
    assert [one.kept for one in bad] == [False] * 5
    assert [one.kept for one in check_geometry(Geometry())] == [None] * 5
    for wrong in (Geometry(distance=-1), Geometry(free_arc=400), Geometry(inlet_height=float("nan"))):
        with pytest.raises(BadInput, match="cannot be"):
            check_geometry(wrong)
