# SPDX-License-Identifier: EUPL-1.2
"""The glossary in code: each quantity's one name, unit, meaning and rules.

The wire message, the stores, the export's columns and the pages use these names; `docs/reference/words.md` is made
from this file. Ranges tell a reading that no real air or street can give from one that it can: a value outside is
flagged, never deleted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

# A quantity that this version does not know is kept under its own name, if it is a name at all.
NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


class Averaging(StrEnum):
    """How values of shorter intervals become the value of a longer one."""

    MEAN = "mean"
    ENERGY_MEAN = "energy mean"
    MAXIMUM = "maximum"
    MINIMUM = "minimum"
    NONE = "none"  # a percentile of levels: cannot be had from percentiles of parts


@dataclass(frozen=True, slots=True)
class Quantity:
    """One thing that is measured. `low` and `high` bound what is plausible, in `unit`, both included."""

    name: str
    unit: str
    title: str
    averaging: Averaging
    low: float
    high: float
    cf_name: str | None = None
    molar_mass: float | None = None  # g/mol, of a gas that may arrive in ppb

    @property
    def ug_per_ppb(self) -> float:
        """µg/m³ in one ppb at 20 °C and 1013 hPa, the convention of Directive 2008/50/EC, Annex VI."""
        if self.molar_mass is None:
            raise ValueError(f"{self.name} has no molar mass: ppb means nothing for it")
        return self.molar_mass / MOLAR_VOLUME


# Litres of one mole of ideal gas at 293.15 K and 101.325 kPa: R T / p.
MOLAR_VOLUME = 8.314462618 * 293.15 / 101.325

_PM = "mass_concentration_of_{}_ambient_aerosol_particles_in_air"
_GAS = "mass_concentration_of_{}_in_air"
_SOUND = "sound_pressure_level_in_air"

_ALL = (
    Quantity("pm1", "ug/m3", "Particulate matter under 1 µm", Averaging.MEAN, 0, 1000, _PM.format("pm1")),
    Quantity("pm25", "ug/m3", "Particulate matter under 2.5 µm", Averaging.MEAN, 0, 1000, _PM.format("pm2p5")),
    Quantity("pm4", "ug/m3", "Particulate matter under 4 µm", Averaging.MEAN, 0, 1500),
    Quantity("pm10", "ug/m3", "Particulate matter under 10 µm", Averaging.MEAN, 0, 2000, _PM.format("pm10")),
    Quantity(
        "no2",
        "ug/m3",
        "Nitrogen dioxide",
        Averaging.MEAN,
        -100,
        2000,
        _GAS.format("nitrogen_dioxide"),
        46.0055,
    ),
    Quantity("o3", "ug/m3", "Ozone", Averaging.MEAN, -100, 1000, _GAS.format("ozone"), 47.9982),
    Quantity(
        "no",
        "ug/m3",
        "Nitrogen monoxide",
        Averaging.MEAN,
        -100,
        3000,
        _GAS.format("nitrogen_monoxide"),
        30.0061,
    ),
    Quantity("so2", "ug/m3", "Sulphur dioxide", Averaging.MEAN, -100, 3000, _GAS.format("sulfur_dioxide"), 64.064),
    Quantity("co", "mg/m3", "Carbon monoxide", Averaging.MEAN, -1, 100, _GAS.format("carbon_monoxide"), 28.0101),
    Quantity("co2", "ppm", "Carbon dioxide", Averaging.MEAN, 300, 10000, "mole_fraction_of_carbon_dioxide_in_air"),
    Quantity("voc_index", "1", "Index of volatile organic compounds (Sensirion)", Averaging.MEAN, 1, 500),
    Quantity("nox_index", "1", "Index of nitrogen oxides (Sensirion)", Averaging.MEAN, 1, 500),
    Quantity("laeq", "dB", "Sound level, A-weighted, equivalent continuous", Averaging.ENERGY_MEAN, 15, 140, _SOUND),
    Quantity("lceq", "dB", "Sound level, C-weighted, equivalent continuous", Averaging.ENERGY_MEAN, 15, 140, _SOUND),
    Quantity("lafmax", "dB", "Highest A-weighted sound level, fast", Averaging.MAXIMUM, 15, 140, _SOUND),
    Quantity("lafmin", "dB", "Lowest A-weighted sound level, fast", Averaging.MINIMUM, 15, 140, _SOUND),
    Quantity("la10", "dB", "A-weighted sound level exceeded for 10 % of the time", Averaging.NONE, 15, 140, _SOUND),
    Quantity("la50", "dB", "A-weighted sound level exceeded for 50 % of the time", Averaging.NONE, 15, 140, _SOUND),
    Quantity("la90", "dB", "A-weighted sound level exceeded for 90 % of the time", Averaging.NONE, 15, 140, _SOUND),
    Quantity("temperature", "Cel", "Air temperature", Averaging.MEAN, -40, 60, "air_temperature"),
    Quantity("humidity", "%", "Relative humidity", Averaging.MEAN, 0, 100, "relative_humidity"),
    Quantity("pressure", "hPa", "Air pressure", Averaging.MEAN, 300, 1100, "air_pressure"),
)

QUANTITIES: dict[str, Quantity] = {quantity.name: quantity for quantity in _ALL}

# What an importer may write for a unit, and its name here. ppb and ppm of a gas are converted, not renamed.
UNIT_NAMES = {
    "ug/m3": "ug/m3",
    "µg/m³": "ug/m3",
    "μg/m³": "ug/m3",
    "µg/m3": "ug/m3",
    "ug/m^3": "ug/m3",
    "mg/m3": "mg/m3",
    "mg/m³": "mg/m3",
    "cel": "Cel",
    "°c": "Cel",
    "c": "Cel",
    "degc": "Cel",
    "%": "%",
    "hpa": "hPa",
    "mbar": "hPa",
    "pa": "Pa",
    "db": "dB",
    "db(a)": "dB",
    "ppm": "ppm",
    "ppb": "ppb",
    "1": "1",
}


def unit_factor(quantity: Quantity, unit: str) -> float:
    """What a value in `unit` is multiplied with to be in the quantity's own unit; ValueError if it cannot be.

    >>> round(unit_factor(QUANTITIES["no2"], "ppb"), 4)
    1.9125
    >>> unit_factor(QUANTITIES["pressure"], "Pa")
    0.01
    """
    name = UNIT_NAMES.get(unit.strip().lower())
    if name == quantity.unit:
        return 1.0
    if name == "Pa" and quantity.unit == "hPa":
        return 0.01
    if name in ("ug/m3", "mg/m3") and quantity.unit in ("ug/m3", "mg/m3"):
        return 1000.0 if name == "mg/m3" else 0.001
    if name in ("ppb", "ppm") and quantity.molar_mass is not None:
        to_ug = quantity.ug_per_ppb * (1000.0 if name == "ppm" else 1.0)
        return to_ug / 1000.0 if quantity.unit == "mg/m3" else to_ug
    raise ValueError(f"{quantity.name} is kept in {quantity.unit} and cannot be had from {unit!r}")
