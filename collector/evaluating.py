# SPDX-License-Identifier: EUPL-1.2
"""Evaluating sensors from a plain CSV file, without any store: columns to rows of a table, and a record for each unit.

Says in notes what was found out (quantity, unit, lag, hours left out), so that nothing is guessed in silence. Called by
the `calibrate` commands for files; the way from a store is `collector.calibrating`, which shares `evaluate_units`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

import calibration
from calibration.elsewhere import leave_out, pool
from calibration.evaluation import Aim, Evaluation, Row, evaluate_unit, mean_rows
from calibration.qc import NOTED, SECOND, TESTS, Quality, inspect
from calibration.sanity import check_sides
from calibration.sanity import notes as odd
from calibration.table import Table, read_table
from calibration.timing import Finding, Timing, timing
from collector.errors import DataError, NothingFound, Refused, UsageError
from collector.quantities import QUANTITIES, UNIT_NAMES, Averaging, unit_factor

Floats = NDArray[np.float64]

# Daily (PM) or hourly limit values of Directive (EU) 2024/2881, Annex I, table 1, in the quantities' units.
LIMIT_VALUES = {"pm25": 25.0, "pm10": 45.0, "no2": 200.0, "o3": 120.0}

REFERENCE = "reference"
# What people call the companions of a sensor, and their names in the glossary.
_SYNONYMS = {
    "b": SECOND,
    "second": SECOND,
    "rh": "humidity",
    "relative_humidity": "humidity",
    "temp": "temperature",
    "t": "temperature",
}
_QUANTITY_WORDS = {"ozone": "o3"} | {
    name: name for name, quantity in QUANTITIES.items() if quantity.averaging is Averaging.MEAN
}
_UNIT_WORDS = {"ugm3": "ug/m3", "mgm3": "mg/m3", "ppb": "ppb", "ppm": "ppm"}
_SHARE_WORDS = ("pct", "percent", "rh")
_SENSOR_WORDS = {"raw", "sensor", "uncalibrated", "lcs"}
_REFERENCE_WORDS = {"ref", "reference", "station", "fem", "frm", "official"}
_OTHER_UNITS = ("mv", "v", "volt", "volts", "counts", "adc", "ohm", "ohms", "na")  # of raw signals


@dataclass(frozen=True)
class Source:
    """Which file, and which of its columns is what. `beside` maps names such as `humidity` to columns."""

    path: Path
    time: str
    reference: str
    raw: str
    beside: Mapping[str, str] = field(default_factory=dict)
    zone: str | None = None
    label: Literal["begin", "end"] = "end"
    unit: str | None = None
    site: str | None = None

    def named(self) -> dict[str, str]:
        """`beside` under the names of the glossary."""
        return {_SYNONYMS.get(name.lower(), name): column for name, column in self.beside.items()}

    def read(self, after: int, until: int) -> Table:
        """The hours within (after, until]."""
        columns = {"raw": self.raw, **self.named(), REFERENCE: self.reference}
        if _SENSOR_WORDS & set(_words(self.reference)) and _REFERENCE_WORDS & set(_words(self.raw)):
            raise DataError(
                f"--reference {self.reference!r} sounds like a sensor and --raw {self.raw!r} like a reference: they "
                "seem to be swapped.",
                "Swap the two options; if they are right, give the columns other names.",
            )
        if len(columns) < 2 + len(self.beside):
            raise UsageError("--with names the same thing twice, or `raw` or `reference`.", "Give each its own name.")
        with said_our_way():
            table = read_table(
                self.path,
                time=self.time,
                zone=self.zone,
                columns=columns,
                unit=self.unit,
                site=self.site,
                label=self.label,
            )
        table = table.rows((table.time > after) & (table.time <= until))
        if not len(table.time):
            raise NothingFound(f"{self.path} has no hours in that period.", "Look at --from and --to.")
        with said_our_way():
            units = table.by_unit()
            check_sides({name: (one.time, one.columns["raw"], one.columns[REFERENCE]) for name, one in units.items()})
        return table


@dataclass(frozen=True)
class Beside:
    """Hours (n,) of one sensor beside its reference; `sensor` holds `raw` and what was measured with it."""

    t: NDArray[np.int64]  # ends of the hours, s since 1970
    sensor: Mapping[str, Floats]
    reference: Floats
    lineage: calibration.Lineage


@dataclass(frozen=True)
class Evaluated:
    """All units of a file or a store, and what was found out about the hours and labels of each."""

    units: dict[str, Evaluation]
    quality: dict[str, Quality]
    timing: dict[str, Timing]
    refused: dict[str, str]  # unit: why it could not be evaluated
    aim: Aim
    notes: tuple[str, ...]

    def rows(self) -> list[Row]:
        """Of each unit, then means over them."""
        rows = [row for one in self.units.values() for row in one.rows]
        rows += [Row(unit, "", refused=why) for unit, why in self.refused.items()]
        return rows + (mean_rows(one.rows for one in self.units.values()) if len(self.units) > 1 else [])


@contextmanager
def said_our_way() -> Iterator[None]:
    """Turns the calibration library's errors into ours, with their exit codes."""
    try:
        yield
    except (calibration.RandomSplitRefused, calibration.NoBetter) as error:
        raise Refused(str(error), error.hint) from error
    except calibration.CalibrationError as error:
        raise DataError(str(error), error.hint) from error


def aim_of(source: Source, quantity: str | None, unit: str | None, limit_value: float | None) -> tuple[Aim, list[str]]:
    """What the reference measures, from options or the names of columns, and notes on what was taken from names."""
    notes = []
    found = quantity or _quantity_in(source.reference)
    measured_in = unit or _unit_in(source.reference)
    if quantity is None:
        notes.append(
            f"{source.reference!r} is taken as {found}; --quantity says otherwise."
            if found
            else f"What {source.reference!r} measures is not known; say it with --quantity for its limit value."
        )
    if unit is None:
        notes.append(
            f"It is taken to be in {measured_in}; --measured-in says otherwise."
            if measured_in
            else "Its unit of measure is not known; say it with --measured-in."
        )
    if limit_value is None and found in LIMIT_VALUES and measured_in:
        try:
            limit_value = round(LIMIT_VALUES[found] / unit_factor(QUANTITIES[found], measured_in), 1)
        except ValueError as error:
            raise UsageError(f"--measured-in cannot be used: {error}.", "Give ug/m3, mg/m3, ppb or ppm.") from error
    signal = any(word in _OTHER_UNITS for word in _words(source.raw))
    return Aim(found or "unknown", measured_in or "", limit_value, raw_comparable=not signal), notes


def _words(column: str) -> list[str]:
    plain = re.sub(r"pm[ _]?2[._p]?5", "pm25", column.casefold().replace("³", "3"))
    plain = re.sub(r"[uµμ]g[ _/.]*(m\^?-?3)", "ugm3", plain)
    return re.findall(r"[a-zµ]+[0-9]*", re.sub(r"mg[ _/.]*(m\^?-?3)", "mgm3", plain))


def _quantity_in(column: str) -> str | None:
    found = {_QUANTITY_WORDS[word] for word in _words(column) if word in _QUANTITY_WORDS}
    return found.pop() if len(found) == 1 else None


def _unit_in(column: str) -> str | None:
    found = {_UNIT_WORDS[word] for word in _words(column) if word in _UNIT_WORDS}
    return found.pop() if len(found) == 1 else None


def evaluate(source: Source, table: Table, aim: Aim, *, correct_lag: bool = False) -> Evaluated:
    """Every unit of a table by itself."""
    units = {}
    for unit, hours in table.by_unit().items():
        sensor = {name: x for name, x in hours.columns.items() if name != REFERENCE}
        lineage = calibration.Lineage(devices=(unit,) if unit else (), units=_units_of(source))
        units[unit] = Beside(hours.time, sensor, hours.columns[REFERENCE], lineage)
    found = evaluate_units(units, aim, plausible=_plausible(source, aim), correct_lag=correct_lag)
    return replace(found, notes=(*table.notes, *found.notes))


def evaluate_units(
    units: Mapping[str, Beside], aim: Aim, *, plausible: tuple[float, float] | None = None, correct_lag: bool = False
) -> Evaluated:
    """Every unit by itself; a unit that cannot be evaluated says why and does not stop the others.

    Hours that fail quality control are kept out of the training, and counted in the record.
    """
    found: dict[str, Evaluation] = {}
    qualities: dict[str, Quality] = {}
    timings: dict[str, Timing] = {}
    refused: dict[str, calibration.CalibrationError] = {}
    notes: list[str] = []
    for unit, hours in units.items():
        try:
            quality = inspect(hours.t, hours.sensor, hours.reference, plausible=plausible)
            one = evaluate_unit(
                hours.t,
                {name: x for name, x in hours.sensor.items() if name != SECOND},
                hours.reference,
                aim,
                unit=unit,
                left_out=quality.left_out,
                correct_lag=correct_lag,
                lineage=replace(hours.lineage, qc=quality.counts),
            )
            labels = timing(one.t, one.raw, one.reference)
            found[unit], qualities[unit], timings[unit] = one, quality, labels
            notes += _found_out(one, unit, quality, labels)
        except calibration.CalibrationError as error:
            refused[unit] = error
    if not found:
        unit, first = next(iter(refused.items()))
        with said_our_way():
            raise type(first)(f"{unit}: {first}" if unit else str(first), first.hint) from first
    why = {unit: str(error) for unit, error in refused.items()}
    return Evaluated(found, qualities, timings, why, aim, tuple(notes))


def evaluate_elsewhere(source: Source, table: Table, aim: Aim, by: str) -> list[Row]:
    """Rows for each unit, site or season left out in turn, then means over them."""
    units = {
        name: (part.time, {key: x for key, x in part.columns.items() if key != REFERENCE}, part.columns[REFERENCE])
        for name, part in table.by_unit().items()
    }
    sites = {name: part.site for name, part in table.by_unit().items() if part.site is not None}
    with said_our_way():
        bad = {name: inspect(*hours, plausible=_plausible(source, aim)).left_out for name, hours in units.items()}
        inputs = {
            name: (t, {key: x for key, x in sensor.items() if key != SECOND}, reference)
            for name, (t, sensor, reference) in units.items()
        }
        rows = leave_out(pool(inputs, sites or None, bad), by, aim)
    groups = [[row for row in rows if row.unit == name] for name in dict.fromkeys(row.unit for row in rows)]
    return rows + mean_rows(group for group in groups if group[0].model)


def _found_out(one: Evaluation, unit: str, quality: Quality, found: Timing) -> list[str]:
    """What to say of a unit's hours and labels."""
    of = f"{unit}: " if unit else ""
    left = {name: n for name, n in quality.counts.items() if name not in NOTED}
    notes = [of + words for words in odd(one.sensor)]
    if left:
        tests = ", ".join(f"{name} {n}" for name, n in left.items())
        notes.append(f"{of}{int(quality.left_out.sum())} hours are kept out of the training ({tests}).")
    if found.finding not in (Finding.OK, Finding.UNSURE):
        done = " It was corrected." if one.record.alignment.corrected else ""
        notes.append(f"{of}{found.words}{done}")
    return notes


def _plausible(source: Source, aim: Aim) -> tuple[float, float] | None:
    """What the raw value can be, if it is in the unit of the quantity."""
    quantity = QUANTITIES.get(aim.quantity)
    if quantity is None or aim.unit != quantity.unit or _unit_in(source.raw) not in (None, aim.unit):
        return None
    return (quantity.low, quantity.high) if aim.raw_comparable else None


def aligned(table: Table) -> list[dict[str, Any]]:
    """What was found about the labels of each unit, as rows."""
    rows = []
    for unit, hours in table.by_unit().items():
        row: dict[str, Any] = {"unit": unit, "finding": "", "lag": None, "spread": None, "sure": False}
        row |= {"r": None, "r unshifted": None, "zone": None, "step": None, "words": ""}
        try:
            found = timing(hours.time, hours.columns["raw"], hours.columns[REFERENCE])
        except calibration.CalibrationError as error:
            rows.append({**row, "finding": "too few", "words": f"{error} {error.hint}".strip()})
            continue
        row |= {"finding": str(found.finding), "lag": found.lag.estimate, "spread": found.lag.spread}
        row |= {"sure": found.lag.sure, "r": found.lag.correlation, "r unshifted": found.lag.correlation_unshifted}
        row |= {"zone": found.zone_hours or None, "step": found.step or None, "words": found.words}
        rows.append(row)
    return rows


def inspected(source: Source, table: Table, aim: Aim) -> list[dict[str, Any]]:
    """How many hours of each unit each test of quality control finds, as rows."""
    rows = []
    for unit, hours in table.by_unit().items():
        sensor = {name: x for name, x in hours.columns.items() if name != REFERENCE}
        with said_our_way():
            quality = inspect(hours.time, sensor, hours.columns[REFERENCE], plausible=_plausible(source, aim))
        for name, mask in quality.masks.items():
            share = float(mask.mean()) if len(mask) else 0.0
            done = "noted" if name in NOTED else "kept out of the training"
            rows.append(
                {
                    "unit": unit,
                    "test": name,
                    "hours": int(mask.sum()),
                    "share": share,
                    "done": done,
                    "means": TESTS[name],
                }
            )
    return rows


def _units_of(source: Source) -> dict[str, str]:
    """Units of the companions that a column's name states."""
    return {name: _companions_unit(_words(column)) for name, column in source.named().items()}


def _companions_unit(words: list[str]) -> str:
    if any(word in _SHARE_WORDS for word in words):
        return "%"
    known = [UNIT_NAMES.get(word, word if word == "mv" else "") for word in words]
    return next((unit for unit in known if unit), "").replace("mv", "mV")


def check_split(split: str) -> None:
    """Only a split in time tests skill."""
    if split != "blocked":
        raise Refused(
            f"The split {split!r} is refused: neighbouring hours are near copies, it would test memory, not skill.",
            "Leave --split away: the first 60 % of the time are for training, the rest after a day's gap for judging.",
        )
