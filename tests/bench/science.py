# SPDX-License-Identifier: EUPL-1.2
"""`make science`: how near calibrated values come to real reference stations, into build/science.json.

Every unit is fitted on the first 60 % of its time with the defaults, and judged on what follows a gap of 24 hours.
The files are found as `tests.calibration.colocations` finds them; without them the program says so and exits with 1.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import calibration
from calibration.align import DAY, Floats
from calibration.drift import FAIL, UNKNOWN, watch
from calibration.metrics import rmse
from calibration.stats import day_of
from calibration.transfer import Unit, score_transfer
from calibration.uncertainty import reference_uncertainty
from tests.bench.networks import measure_network
from tests.bench.table import ROOT, Bar, finish
from tests.calibration.colocations import (
    LOVE_MY_AIR,
    SATVAM_NO2,
    SATVAM_O3,
    TOCO_O3,
    TOCO_PM,
    Campaign,
    read,
)

LIMIT_VALUE = 30.0  # ug/m3, daily PM2.5, of the Guide to the Demonstration of Equivalence


@dataclass(frozen=True)
class Task:
    """A campaign with its bars for the hourly RMSE."""

    name: str
    campaign: Campaign
    must: float
    aim: float
    volts: bool = False  # the sensor's raw value, which then has no error in the reference's unit


@dataclass(frozen=True)
class Daily:
    """Daily means of one unit over its test days."""

    value: Floats
    raw: Floats
    reference: Floats


def folder() -> Path:
    """Where the co-location files are."""
    return Path(os.environ.get("CITIMEASURE_DATA") or ROOT.parent / "shared" / "data")


def judge(campaign: Campaign, model: str = "auto") -> list[calibration.Metrics]:
    """All units of a campaign on their test hours."""
    units = read(campaign, folder() / campaign.file)
    return [calibration.evaluate(u.fit(campaign, model), u.t, u.sensor, u.reference) for u in units]


def judge_days(campaign: Campaign) -> list[Daily]:
    """The same on days, as limit values of particulate matter ask."""
    result = []
    for unit in read(campaign, folder() / campaign.file):
        value = np.where(unit.test(), calibration.apply(unit.fit(campaign), unit.sensor, unit.t).value, np.nan)
        _, means = calibration.daily_means(unit.t, value, unit.sensor["raw"], unit.reference)
        result.append(Daily(*means))
    return result


TASKS = (
    Task("Love My Air PM2.5 [ug/m3]", LOVE_MY_AIR, 2.80, 2.65),
    Task("Toco Toucan PM2.5 [ug/m3]", TOCO_PM, 1.35, 1.2),
    Task("Toco Toucan O3 [ppb]", TOCO_O3, 3.1, 2.8),
    Task("SATVAM June O3 [ppb]", SATVAM_O3, 8.0, 7.4, volts=True),
    Task("SATVAM June NO2 [ppb]", SATVAM_NO2, 18.0, 16.5, volts=True),
)


def measure() -> Iterator[Bar]:
    """Bars of all campaigns: means over their units, and the worst of them."""
    found = [(task, judge(task.campaign)) for task in TASKS]
    for task, units in found:
        raw = "" if task.volts else f"raw {np.mean([m.raw_rmse for m in units]):.2f}, "
        constant = np.mean([m.no_sensor_rmse for m in units])
        reached = float(np.mean([m.rmse for m in units]))
        yield Bar(
            f"{task.name}: hourly RMSE", reached, task.must, task.aim, "lower", f"{raw}best constant {constant:.2f}"
        )
    yield from _days()
    for task, units in found:
        shares = [100 * m.coverage90 for m in units]
        each = ", ".join(f"{share:.0f}" for share in shares)
        yield Bar(f"{task.name}: least share in 90 % intervals", min(shares), 86, 88, "higher", f"units: {each}")
        yield Bar(f"{task.name}: greatest share in them", max(shares), 95, 92, "lower", f"units: {each}")
    against = {
        task.name: max(a.rmse / b.rmse for a, b in zip(units, judge(task.campaign, "huber_line"), strict=True))
        for task, units in found
    }
    worst = max(against, key=lambda name: against[name])
    yield Bar("default / robust line, RMSE, worst unit", against[worst], 1.05, 1.0, "lower", worst)


def _days() -> Iterator[Bar]:
    days = judge_days(LOVE_MY_AIR)
    daily = float(np.mean([rmse(unit.value, unit.reference) for unit in days]))
    raw_daily = float(np.mean([rmse(unit.raw, unit.reference) for unit in days]))
    yield Bar("Love My Air PM2.5 [ug/m3]: daily RMSE", daily, 1.75, 1.5, "lower", f"raw {raw_daily:.2f}")
    u_rm = reference_uncertainty(LOVE_MY_AIR.quantity)
    expanded, raw_expanded = (
        float(np.mean([calibration.expanded_uncertainty(x, y, LIMIT_VALUE, u_rm) for x, y in pairs]))
        for pairs in ([(unit.value, unit.reference) for unit in days], [(unit.raw, unit.reference) for unit in days])
    )
    yield Bar("Love My Air PM2.5: daily W(30) [%]", expanded, 18, 14, "lower", f"raw {raw_expanded:.1f}")


def measure_transfer() -> Bar:
    """A week of its own and what other units taught, against a line through that week; units left out in turn."""
    units = read(LOVE_MY_AIR, folder() / LOVE_MY_AIR.file)
    scores = score_transfer({unit.unit: Unit(unit.t, unit.sensor, unit.reference) for unit in units})
    return Bar(
        name="Love My Air PM2.5, 7-day unit gain / 7-day own line",
        reached=float(np.mean([score.type_gain for score in scores]) / np.mean([score.own_line for score in scores])),
        must=1.0,
        aim=0.9,
        better="lower",
        rival=f"own line {np.mean([score.own_line for score in scores]):.2f} ug/m3",
        note=", ".join(f"{score.unit} {score.ratio:.2f} ({score.starts} weeks)" for score in scores),
    )


def measure_drift(factor: float = 0.6, every: int = 3) -> Iterator[Bar]:
    """Days until a loss of sensitivity is failed, put into each unit from every third day on, and false alarms."""
    delays, false, told = [], [], []
    for unit in read(LOVE_MY_AIR, folder() / LOVE_MY_AIR.file):
        t, raw = unit.t, unit.sensor["raw"]
        days = np.arange(day_of(t)[0], day_of(t)[-1] + 1)
        watched = days[int(0.6 * len(days)) :]
        until = int(watched[0]) * DAY
        as_it_was = watch(t, raw, unit.reference, until)
        judged = ~as_it_was.baseline_day & (as_it_was.state != UNKNOWN)
        false.append(100 * float(np.mean(as_it_was.state[judged] == FAIL)))
        told.append(100 * as_it_was.baseline.false_fail)
        each = []
        for start in watched[:-20:every]:
            found = watch(t, np.where(day_of(t) >= start, factor * raw, raw), unit.reference, until)
            failed = found.day[(found.day >= start) & (found.state == FAIL)]
            each.append(float(failed[0] - start + 1) if len(failed) else float(watched[-1] - start + 1))
        delays.append(float(np.mean(each)))
    listed = (", ".join(f"{x:.1f}" for x in part) for part in (delays, false, told))
    by_delay, by_false, by_told = listed
    yield Bar(f"drift x{factor:g}: days until it is found", float(np.mean(delays)), 12, 8, "lower", by_delay)
    yield Bar(
        "days failed without drift [%]", float(np.mean(false)), 5, 2, "lower", f"units: {by_false}; told: {by_told}"
    )


def main() -> None:
    if not (folder() / LOVE_MY_AIR.file).exists():
        sys.exit(f"The co-location data are not in {folder()}: name their folder in CITIMEASURE_DATA.")
    bars = [*measure(), measure_transfer(), *measure_drift(), *measure_network()]
    for bar in bars:
        if bar.note:
            print(f"{bar.name}: {bar.note}")
    finish(bars, "science.json")


if __name__ == "__main__":
    main()
