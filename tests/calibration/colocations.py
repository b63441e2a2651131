# SPDX-License-Identifier: EUPL-1.2
"""Real sensors beside real reference stations, as arrays; read by the data tests and by `make science`.

Files go in (see `tests.parts.data`), one `Colocation` per unit comes out. Labels are kept as the file has them, on its
own clock, so a day is a day of that clock.
"""

from __future__ import annotations

import csv
import gzip
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import calibration
from calibration.align import DAY, Bools, Floats

TRAIN_SHARE = 0.6


@dataclass(frozen=True)
class Campaign:
    """Columns of one file: the sensor's inputs, and the reference."""

    file: str
    quantity: str
    unit: str
    time: str
    inputs: dict[str, str]
    reference: str


AIR = {"humidity": "rh_pct", "temperature": "temp_c"}
LOVE_MY_AIR = Campaign(
    "love_my_air_hourly.csv.gz", "pm25", "ug/m3", "time_local", {"raw": "pm25_raw_ugm3"} | AIR, "pm25_ref_ugm3"
)
TOCO_PM = Campaign(
    "toco_toucan_pm25_hourly.csv.gz", "pm25", "ug/m3", "time_utc", {"raw": "pm25_raw_ugm3"} | AIR, "pm25_ref_ugm3"
)
TOCO_O3 = Campaign(
    "toco_toucan_o3_hourly.csv.gz",
    "o3",
    "ppb",
    "time_utc",
    {"raw": "o3_raw_ppb", "no2": "no2_raw_ppb"} | AIR,
    "o3_ref_ppb",
)
SATVAM_O3 = Campaign(
    "satvam_june_hourly.csv.gz",
    "o3",
    "ppb",
    "time_ist",
    {"raw": "ox_op1_mv", "ox_op2": "ox_op2_mv", "no2_op1": "no2_op1_mv", "no2_op2": "no2_op2_mv"} | AIR,
    "o3_ref_ppb",
)
SATVAM_NO2 = Campaign(
    "satvam_june_hourly.csv.gz",
    "no2",
    "ppb",
    "time_ist",
    {"raw": "no2_op1_mv", "no2_op2": "no2_op2_mv", "ox_op1": "ox_op1_mv", "ox_op2": "ox_op2_mv"} | AIR,
    "no2_ref_ppb",
)


@dataclass(frozen=True)
class Colocation:
    """One unit beside its reference."""

    unit: str
    t: NDArray[np.int64]
    sensor: dict[str, Floats]
    reference: Floats

    def train(self) -> Bools:
        """The first 60 % of the time."""
        return np.asarray(self.t <= self.t[0] + TRAIN_SHARE * (self.t[-1] - self.t[0]))

    def test(self) -> Bools:
        """What is left after a gap of 24 hours."""
        return np.asarray(self.t > self.t[0] + TRAIN_SHARE * (self.t[-1] - self.t[0]) + DAY)

    def fit(self, campaign: Campaign, model: str = "auto") -> calibration.Record:
        """A calibration from the training hours."""
        use = self.train()
        return calibration.fit(
            self.t[use],
            {name: x[use] for name, x in self.sensor.items()},
            self.reference[use],
            quantity=campaign.quantity,
            unit=campaign.unit,
            model=model,
        )


def read(campaign: Campaign, path: Path) -> list[Colocation]:
    """All units of a campaign, by name."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    units = sorted({row.get("sensor_id", "") for row in rows})
    return [_colocation(campaign, unit, [row for row in rows if row.get("sensor_id", "") == unit]) for unit in units]


def _colocation(campaign: Campaign, unit: str, rows: list[dict[str, str]]) -> Colocation:
    rows = sorted(rows, key=lambda row: row[campaign.time])
    labels = [datetime.fromisoformat(row[campaign.time]).replace(tzinfo=UTC) for row in rows]

    def column(name: str) -> Floats:
        return np.array([float(row[name]) if row[name] else np.nan for row in rows])

    return Colocation(
        unit=unit,
        t=np.array([int(label.timestamp()) for label in labels], dtype=np.int64),
        sensor={name: column(source) for name, source in campaign.inputs.items()},
        reference=column(campaign.reference),
    )
