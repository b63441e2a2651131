# SPDX-License-Identifier: EUPL-1.2
"""Two records beside each other, and renewal within bounds, where the truth is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import calibration
from calibration.difference import difference, moved
from calibration.renewal import Bounds, Verdict, propose
from tests.calibration.simulated import Simulated, simulate


def fit(town: Simulated, **options: Any) -> calibration.Record:
    return calibration.fit(town.t, town.sensor, town.reference, quantity="pm25", unit="ug/m3", **options)


def scaled(town: Simulated, factor: float) -> Simulated:
    """The same air, the sensor reading `factor` times as much."""
    return replace(town, sensor={**town.sensor, "raw": factor * town.sensor["raw"]})


TOWN = simulate(40)
RECORD = fit(TOWN, model="huber_line")


@given(st.floats(0.3, 3.0))
def test_a_sensor_that_reads_differently_moves_values_by_just_that(factor: float) -> None:
    """A record from a time when the sensor read `factor` times as much makes 1 / factor of today's values."""
    new = fit(scaled(TOWN, factor), model="ratio")
    old = fit(TOWN, model="ratio")
    whole = moved(old, new, TOWN.t, TOWN.sensor)[0]
    assert whole.which == "all" and whole.n == len(TOWN.t)
    assert whole.ratio == pytest.approx(1 / factor, rel=1e-9)
    assert whole.u_ratio > 0


def test_data_that_just_halved_are_said_to_be_half_and_why() -> None:
    new = fit(scaled(TOWN.part(0, 480), 2.0), model="ratio")
    found = difference(fit(TOWN, model="ratio"), new, TOWN.t, TOWN.sensor)
    assert found.moves[0].words.startswith("All values: half (x0.")
    what = {one.what: (one.before, one.after) for one in found.changes}
    assert what["learned from"] == ("2026-01-01 to 2026-02-10", "2026-01-01 to 2026-01-21")
    assert "sensor values" in what and "reference values" in what
    assert "model" not in what and "software" not in what


def test_thirds_and_seasons_hold_every_hour_once() -> None:
    long = simulate(120)  # January to the end of April
    new = fit(long, model="multiple_linear")
    moves = {one.which: one for one in moved(RECORD, new, long.t, long.sensor)}
    assert sum(moves[name].n for name in ("lowest third", "middle third", "highest third")) == moves["all"].n
    assert moves["winter"].n == 24 * 59 and moves["winter"].n + moves["spring"].n == moves["all"].n
    assert "summer" not in moves


def test_a_record_beside_itself_is_the_same() -> None:
    found = difference(RECORD, RECORD, TOWN.t, TOWN.sensor)
    assert found.same and not found.changes
    assert all(one.ratio == 1.0 and one.difference == 0.0 for one in found.moves)
    assert "the same" in found.moves[0].words


def test_records_of_two_quantities_are_refused_and_so_are_too_few_hours() -> None:
    other = calibration.fit(TOWN.t, TOWN.sensor, TOWN.reference, quantity="pm10", unit="ug/m3")
    with pytest.raises(calibration.BadInput, match="One record is of pm25"):
        difference(RECORD, other)
    with pytest.raises(calibration.TooLittleData, match="23 hours"):
        moved(RECORD, RECORD, TOWN.t[:23], {name: x[:23] for name, x in TOWN.sensor.items()})


def window_after(record_days: int, factor: float, *, seed: int = 3) -> tuple[calibration.Record, Simulated]:
    """A record from the first days, and a later window in which the sensor reads `factor` times as much."""
    town = simulate(record_days + 42, seed=seed)
    return fit(town.part(0, 24 * record_days)), scaled(town.part(24 * (record_days + 2), len(town.t)), factor)


def test_a_sensor_that_did_not_change_keeps_its_record() -> None:
    now, window = window_after(40, 1.0)
    found = propose(now, window.t, window.sensor, window.reference)
    assert found.verdict is Verdict.KEEP
    assert "does as well" in found.reasons[0]


def test_a_sensor_that_reads_a_little_more_is_renewed_within_the_bounds() -> None:
    now, window = window_after(40, 1.18)
    found = propose(now, window.t, window.sensor, window.reference)
    assert found.verdict is Verdict.APPLY, found.reasons
    assert found.rmse_new < 0.9 * found.rmse_now
    assert found.record.lineage.supersedes == now.id
    assert found.difference.moves[0].ratio == pytest.approx(1 / 1.18, rel=0.05)


def test_a_sensor_that_reads_twice_as_much_is_left_to_a_person() -> None:
    now, window = window_after(40, 2.0)
    found = propose(now, window.t, window.sensor, window.reference)
    assert found.verdict is Verdict.ASK
    assert any("look whether the sensor" in reason for reason in found.reasons)


def test_a_window_of_clean_air_alone_is_left_to_a_person() -> None:
    now, window = window_after(40, 1.18)
    clean = window.reference < np.quantile(window.reference, 0.3)
    hours = Simulated(window.t[clean], {k: x[clean] for k, x in window.sensor.items()}, window.reference[clean])
    found = propose(now, hours.t, hours.sensor, hours.reference, bounds=Bounds(change=0.5))
    assert found.verdict in (Verdict.ASK, Verdict.KEEP)
    if found.verdict is Verdict.ASK:
        assert any("% of the raw values' range" in reason for reason in found.reasons)


def test_the_two_are_judged_on_days_that_neither_has_seen() -> None:
    """Whatever the latest quarter holds, the record fitted for the comparison does not depend on it."""
    now, window = window_after(40, 1.18)
    noise = np.random.default_rng(1).lognormal(0, 0.4, len(window.t))
    changed = window.reference.copy()
    latest = window.t > window.t[-1] - 9 * 86400
    changed[latest] = (changed * noise)[latest]
    one = propose(now, window.t, window.sensor, window.reference)
    two = propose(now, window.t, window.sensor, changed)
    assert two.rmse_new > one.rmse_new  # errors of days that were not learned by heart


def test_too_few_days_and_days_that_were_learned_from_are_refused() -> None:
    now, window = window_after(40, 1.0)
    with pytest.raises(calibration.TooLittleData, match="The window has 10 days"):
        propose(now, window.t[:240], {k: x[:240] for k, x in window.sensor.items()}, window.reference[:240])
    town = simulate(40, seed=3)
    with pytest.raises(calibration.TooLittleData, match="learned from these very days"):
        propose(now, town.t[480:], {k: x[480:] for k, x in town.sensor.items()}, town.reference[480:])
    with pytest.raises(calibration.BadInput, match="These bounds are none"):
        Bounds(change=1.5)
