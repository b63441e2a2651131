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
from calibration.align import Floats
from calibration.metrics import rmse
from calibration.uncertainty import reference_uncertainty
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
class Daily:
    """Daily means of one unit over its test days."""

    value: Floats
    raw: Floats
    reference: Floats


def folder() -> Path:
    """Where the co-location files are."""
    return Path(os.environ.get("CITIMEASURE_DATA") or ROOT.parent / "shared" / "data")


def judge(campaign: Campaign) -> list[calibration.Metrics]:
    """All units of a campaign on their test hours."""
    units = read(campaign, folder() / campaign.file)
    return [calibration.evaluate(u.fit(campaign), u.t, u.sensor, u.reference) for u in units]


def judge_days(campaign: Campaign) -> list[Daily]:
    """The same on days, as limit values of particulate matter ask."""
    result = []
    for unit in read(campaign, folder() / campaign.file):
        value = np.where(unit.test(), calibration.apply(unit.fit(campaign), unit.sensor, unit.t).value, np.nan)
        _, means = calibration.daily_means(unit.t, value, unit.sensor["raw"], unit.reference)
        result.append(Daily(*means))
    return result


def measure() -> Iterator[Bar]:
    """Bars of all campaigns, means over their units."""
    yield _hourly("Love My Air PM2.5, hourly RMSE [ug/m3]", judge(LOVE_MY_AIR), 2.85, 2.65)
    days = judge_days(LOVE_MY_AIR)
    daily = float(np.mean([rmse(unit.value, unit.reference) for unit in days]))
    raw_daily = float(np.mean([rmse(unit.raw, unit.reference) for unit in days]))
    yield Bar("Love My Air PM2.5, daily RMSE [ug/m3]", daily, 1.75, 1.5, "lower", f"raw {raw_daily:.2f}")
    u_rm = reference_uncertainty(LOVE_MY_AIR.quantity)
    expanded, raw_expanded = (
        float(np.mean([calibration.expanded_uncertainty(x, y, LIMIT_VALUE, u_rm) for x, y in pairs]))
        for pairs in ([(unit.value, unit.reference) for unit in days], [(unit.raw, unit.reference) for unit in days])
    )
    yield Bar("Love My Air PM2.5, daily W(30) [%]", expanded, 18, 14, "lower", f"raw {raw_expanded:.1f}")
    yield _hourly("Toco Toucan PM2.5, hourly RMSE [ug/m3]", judge(TOCO_PM), 1.35, 1.2)
    yield _hourly("Toco Toucan O3, hourly RMSE [ppb]", judge(TOCO_O3), 3.1, 2.8)
    yield _hourly("SATVAM June O3, hourly RMSE [ppb]", judge(SATVAM_O3), 8.0, 7.4, raw_is_volts=True)
    yield _hourly("SATVAM June NO2, hourly RMSE [ppb]", judge(SATVAM_NO2), 18.0, 16.5, raw_is_volts=True)


def _hourly(name: str, units: list[calibration.Metrics], must: float, aim: float, *, raw_is_volts: bool = False) -> Bar:
    constant = np.mean([m.no_sensor_rmse for m in units])
    # A raw value in millivolts has no error in ppb.
    raw = "" if raw_is_volts else f"raw {np.mean([m.raw_rmse for m in units]):.2f}, "
    coverage = ", ".join(f"{100 * m.coverage90:.0f}" for m in units)
    return Bar(
        name=name,
        reached=float(np.mean([m.rmse for m in units])),
        must=must,
        aim=aim,
        better="lower",
        rival=f"{raw}best constant {constant:.2f}",
        note=f"90 % interval holds {coverage} % of the test hours",
    )


def main() -> None:
    if not (folder() / LOVE_MY_AIR.file).exists():
        sys.exit(f"The co-location data are not in {folder()}: name their folder in CITIMEASURE_DATA.")
    bars = list(measure())
    for bar in bars:
        if bar.note:
            print(f"{bar.name}: {bar.note}")
    finish(bars, "science.json")


if __name__ == "__main__":
    main()
