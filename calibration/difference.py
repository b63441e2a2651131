# SPDX-License-Identifier: EUPL-1.2
"""What changed between two calibration records, and by how much values move: the answer to "the data just halved".

Two records and a sensor's hours come in; changes by name and moves by level and season go out, as numbers and in words.
Called by `calibrate diff` and by `calibration.renewal`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from calibration.align import HOUR, Bools, Floats, Ints
from calibration.apply import apply
from calibration.errors import BadInput, TooLittleData
from calibration.record import Record

LEAST_SHARE = 0.1  # of the median of the old values: below that a ratio says nothing
MIN_HOURS = 24
_SEASONS = ("winter", "spring", "summer", "autumn")  # from December on, three months each
_LEVELS = ("lowest third", "middle third", "highest third")
_NOTICED = 0.02  # of a ratio: people do not see less


@dataclass(frozen=True)
class Change:
    """One thing in which two records differ."""

    what: str
    before: str
    after: str


@dataclass(frozen=True)
class Move:
    """How values move in one class of hours.

    Attributes
    ----------
    which : str
        "all", a third of the old values, or a season of the northern hemisphere (meteorological, UTC).
    n : int
        Hours with both values.
    ratio : float
        Median of new / old, over hours whose old value is at least a tenth of the median; NaN if these are few.
    low, high : float
        Between them eight of ten ratios.
    difference : float
        Median of new - old, in the records' unit.
    u_ratio : float
        Median of the new standard uncertainty / the old one.
    """

    which: str
    n: int
    ratio: float
    low: float
    high: float
    difference: float
    u_ratio: float

    @property
    def words(self) -> str:
        """A sentence, such as "All values: half (x0.50, from 0.46 to 0.55), -7.1 in the median; n = 744"."""
        name = "All values" if self.which == "all" else self.which.capitalize()
        if np.isnan(self.ratio):
            return f"{name}: {self.difference:+.3g} in the median; too low for a ratio; n = {self.n}"
        spread = f"x{self.ratio:.2f}, from {self.low:.2f} to {self.high:.2f}"
        return f"{name}: {_size(self.ratio)} ({spread}), {self.difference:+.3g} in the median; n = {self.n}"


@dataclass(frozen=True)
class Difference:
    """Two records beside each other."""

    same: bool  # one and the same record
    changes: tuple[Change, ...]
    moves: tuple[Move, ...]  # of all hours first; empty if no hours were given


def difference(
    old: Record, new: Record, t: Ints | None = None, sensor: Mapping[str, Floats] | None = None
) -> Difference:
    """Compare two records, and if hours are given, the values that they make of them.

    Parameters
    ----------
    old, new : Record
        Of one quantity.
    t : (n,) array, optional
        Ends of the hours [s since 1970], strictly rising.
    sensor : mapping of str to (n,) arrays, optional
        `raw` and the covariates of both records, NaN where missing.

    Raises
    ------
    BadInput
        If the records are of two quantities or units.
    TooLittleData
        If fewer than 24 hours have a value of both.
    """
    if (old.quantity, old.unit) != (new.quantity, new.unit):
        raise BadInput(
            f"One record is of {old.quantity} [{old.unit}], the other of {new.quantity} [{new.unit}].",
            "Compare two records of the same quantity.",
        )
    moves = () if t is None or sensor is None else moved(old, new, t, sensor)
    return Difference(old.id == new.id, tuple(changes(old, new)), moves)


def changes(old: Record, new: Record) -> list[Change]:
    """In what two records differ, as words for before and after; what is the same is left out."""
    after = _facts(new)
    return [Change(what, before, after[what]) for what, before in _facts(old).items() if before != after[what]]


def moved(old: Record, new: Record, t: Ints, sensor: Mapping[str, Floats]) -> tuple[Move, ...]:
    """How the values of hours move, over all of them, by thirds of the old values, and by season; see `difference`."""
    a, b = apply(old, sensor, t), apply(new, sensor, t)
    known = np.isfinite(a.value) & np.isfinite(b.value)
    if known.sum() < MIN_HOURS:
        raise TooLittleData(
            f"{int(known.sum())} hours have a value of both records; {MIN_HOURS} are needed.",
            "Give a longer period, or one in which the sensor had all inputs of both.",
        )
    value = a.value[known]
    edges = np.quantile(value, [1 / 3, 2 / 3])
    third = np.searchsorted(edges, value, side="right")
    season = np.array([datetime.fromtimestamp(int(s) - HOUR, UTC).month % 12 // 3 for s in t[known]])
    classes: list[tuple[str, Bools]] = [("all", np.ones(len(value), bool))]
    classes += [(name, third == i) for i, name in enumerate(_LEVELS) if (third == i).any()]
    seasons = [(name, season == i) for i, name in enumerate(_SEASONS) if (season == i).any()]
    classes += seasons if len(seasons) > 1 else []
    least = max(LEAST_SHARE * float(np.median(value)), 1e-9)
    columns = (value, b.value[known], a.u[known], b.u[known])
    return tuple(_move(name, [column[which] for column in columns], least) for name, which in classes)


def _move(name: str, columns: list[Floats], least: float) -> Move:
    x, y, u_x, u_y = columns
    high_enough = x >= least
    ratios = y[high_enough] / x[high_enough]
    low, middle, high = np.quantile(ratios, [0.1, 0.5, 0.9]) if len(ratios) >= MIN_HOURS else [np.nan] * 3
    return Move(
        which=name,
        n=len(x),
        ratio=float(middle),
        low=float(low),
        high=float(high),
        difference=float(np.median(y - x)),
        u_ratio=float(np.median(u_y / u_x)),
    )


def _size(ratio: float) -> str:
    """A ratio as people say it.

    >>> [_size(x) for x in (0.5, 0.81, 1.001, 2.0)]
    ['half', '19 % lower', 'the same', 'twice']
    """
    if abs(ratio - 1) < _NOTICED:
        return "the same"
    if abs(ratio - 0.5) < _NOTICED:
        return "half"
    if abs(ratio - 2) < 2 * _NOTICED:
        return "twice"
    return f"{100 * abs(ratio - 1):.0f} % {'lower' if ratio < 1 else 'higher'}"


def _day(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d")


def _facts(record: Record) -> dict[str, str]:
    """All that people ask for when values have changed, in the order in which they ask."""
    training, lineage = record.training, record.lineage
    own = {score.model: score for score in record.scores}.get(record.model.name)
    stations = ", ".join(f"{one.id} ({one.verification})" for one in lineage.stations)
    return {
        "model": record.model.name,
        "inputs": ", ".join(record.model.features),
        "stations": stations or "none named",
        "devices": ", ".join(lineage.devices) or "none named",
        "learned from": f"{_day(training.start)} to {_day(training.end)}",
        "hours": f"{training.hours}, {training.dropped} left out",
        "reference values": training.reference_hash[:12],
        "sensor values": training.sensor_hash[:12],
        "left out by quality control": ", ".join(f"{name} {n}" for name, n in sorted(lineage.qc.items())) or "nothing",
        "lag corrected": f"{record.alignment.lag_hours:g} h" if record.alignment.corrected else "no",
        "error on left-out days": f"{own.rmse:.3g} {record.unit}".strip() if own else "not known",
        "expanded uncertainty": f"{record.expanded.percent:.0f} %" if record.expanded else "not claimed",
        "valid from": _day(lineage.valid_from) if lineage.valid_from is not None else "always",
        "valid until": _day(lineage.valid_until) if lineage.valid_until is not None else "always",
        "software": record.software,
    }
