# SPDX-License-Identifier: EUPL-1.2
"""A sensor with a few days beside a station, or none: what its type teaches, times one gain of its own.

Co-locations of other units come in and make a `TypeModel`; some days of the new unit make its `Gain`, which is shrunk
towards one as far as so few days can mislead. A `Gain` may also come over hops: station, golden sensor, unit. Called by
`calibrate transfer`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from calibration.align import HOUR, Bools, Floats, Ints, check_hours
from calibration.blocks import GAP
from calibration.calibrate import training_of
from calibration.errors import NoBetter, TooLittleData
from calibration.features import build
from calibration.metrics import rmse
from calibration.models import Fitted, Training
from calibration.models.line import HuberLine
from calibration.select import check_amount, choose
from calibration.stats import day_of

GASES = ("no2", "no", "o3", "so2", "co", "h2s", "nh3")  # measured by electrochemical cells in citizens' kits
PRIOR_GAIN = 0.2  # of log gains between units, before anything is known: optical sensors differ by so much
PRIOR_WEIGHT = 2  # how many measured pairs of units it counts as
MIN_HOURS = 24  # of a unit's own, for a gain; for one week of the wandering, too
WEEK = 7


@dataclass(frozen=True)
class Unit:
    """One sensor beside a reference: hours (n,), as `calibration.fit` takes them."""

    t: Ints
    sensor: Mapping[str, Floats]
    reference: Floats


@dataclass(frozen=True)
class TypeModel:
    """What several units of a type have in common.

    Attributes
    ----------
    models : tuple of Fitted
        One for each unit; the type says their mean.
    between : float
        Standard deviation of log gains between units.
    wander : float
        Standard deviation of log gains of one unit from week to week, which one week cannot tell from its gain.
    """

    models: tuple[Fitted, ...]
    between: float
    wander: float

    def apply(self, t: Ints, sensor: Mapping[str, Floats]) -> Floats:
        """What a unit of gain one says (n,), in the unit of the references; NaN where an input is missing."""
        t = check_hours(t)
        said = [model.apply(build(t, sensor, model.features).values).value for model in self.models]
        return np.asarray(np.mean(said, axis=0))


@dataclass(frozen=True)
class Gain:
    """By what a sensor must be multiplied, and how sure that is.

    Attributes
    ----------
    gain : float
    u : float
        Standard uncertainty of its logarithm; near zero the same as a relative one.
    days : int
        On which it was measured; 0 for none.
    """

    gain: float
    u: float
    days: int

    def then(self, hop: Gain) -> Gain:
        """The gain over one hop more: factors multiply, uncertainties are summed as squares; days are the fewest."""
        return Gain(self.gain * hop.gain, float(np.hypot(self.u, hop.u)), min(self.days, hop.days))


@dataclass(frozen=True)
class TransferScore:
    """How a unit was met by what others taught, RMSE in the reference's unit, means over `starts` begins of its days.

    Attributes
    ----------
    type_alone, type_gain : float
        The type's model, without and with a gain from the unit's own days.
    own_line : float
        A straight line from the same days.
    raw, no_sensor : float
        The raw value, and the mean of the reference on the same days.
    """

    unit: str
    starts: int
    n: int
    type_alone: float
    type_gain: float
    own_line: float
    raw: float
    no_sensor: float

    @property
    def ratio(self) -> float:
        """Error of type times gain against that of the unit's own line: below one, the type helps."""
        return self.type_gain / self.own_line if self.own_line > 0 else np.inf


def fit_type(units: Sequence[Unit]) -> TypeModel:
    """Learn a type from two units or more.

    Raises
    ------
    TooLittleData
        With fewer than two units, or too few hours of one.
    """
    if len(units) < 2:
        raise TooLittleData(
            f"{len(units)} unit beside a station: how units differ cannot be seen.", "Co-locate two or more of a type."
        )
    trained = [training_of(unit.t, unit.sensor, unit.reference) for unit in units]
    models = []
    for training in trained:
        check_amount(training)
        chosen = choose(training)
        names = chosen.wanted(tuple(training.features))
        models.append(chosen.fit(Training(training.t, {k: training.features[k] for k in names}, training.y)))
    pairs, wandering = [], []
    for i, model in enumerate(models):
        for j, other in enumerate(trained):
            if i == j:
                continue
            said = model.apply(other.features).value
            pairs.append(_log_ratio(said, other.y))
            wandering += _wander(other.t, said, other.y)
    known = [x for x in pairs if x is not None]
    between = np.sqrt((PRIOR_WEIGHT * PRIOR_GAIN**2 + np.square(known).sum()) / (PRIOR_WEIGHT + len(known)))
    wander = np.sqrt(np.mean(np.square(wandering))) if wandering else PRIOR_GAIN
    return TypeModel(tuple(models), float(between), float(wander))


def unit_gain(known: TypeModel, unit: Unit, *, quantity: str = "", electrochemical: bool | None = None) -> Gain:
    """The gain of a unit, from what it has of hours beside a reference.

    Parameters
    ----------
    known : TypeModel
    unit : Unit
        With no hours at all, the gain is one, as sure as units of the type are alike.
    quantity : str
        What is measured: gases are held for electrochemical.
    electrochemical : bool, optional
        Whether it is such a cell, where the quantity's name does not say it.

    Raises
    ------
    NoBetter
        For an electrochemical cell without a day of its own: such cells do not resemble each other.

    Notes
    -----
    exp(w m), with m the logarithm of sum(reference) / sum(type) over the unit's hours, w = b^2 / (b^2 + s^2 7 / d) for
    d days, b between units and s from week to week: the mean of a normal distribution that is shrunk to its prior.
    """
    cell = quantity in GASES if electrochemical is None else electrochemical
    said = known.apply(unit.t, unit.sensor) if len(unit.t) else np.zeros(0)
    both = np.isfinite(said) & np.isfinite(unit.reference)
    measured = _log_ratio(said[both], np.asarray(unit.reference)[both]) if both.sum() >= MIN_HOURS else None
    if measured is None:
        if cell:
            raise NoBetter(
                f"An electrochemical cell{f' for {quantity}' if quantity else ''} without {MIN_HOURS} hours of its own "
                "beside a reference: what other cells learned does not hold for this one.",
                "Hang this very unit beside a station for two weeks or more.",
            )
        return Gain(1.0, known.between, 0)
    days = len(np.unique(day_of(unit.t[both])))
    error = known.wander**2 * WEEK / days
    weight = known.between**2 / (known.between**2 + error)
    return Gain(float(np.exp(weight * measured)), float(np.sqrt(weight * error)), days)


def hop(t: Ints, better: Floats, sensor: Floats) -> Gain:
    """One hop of a chain: a sensor beside a better one, be that a station, a mobile reference or a golden sensor.

    Parameters
    ----------
    t : (n,) array
        Ends of the hours together [s].
    better, sensor : (n,) arrays
        NaN where missing; in one unit.

    Raises
    ------
    TooLittleData
        Under 24 hours or two days together, or where one of them is not above zero on average.

    Notes
    -----
    The ratio of sums; its uncertainty is the spread of the days' log ratios over the square root of the number of days.
    What either of them drifts until the next hop is not in it.
    """
    t = check_hours(t)
    both = np.isfinite(better) & np.isfinite(sensor)
    x, y, day = np.asarray(sensor)[both], np.asarray(better)[both], day_of(t[both])
    days = np.unique(day)
    whole = _log_ratio(x, y)
    if both.sum() < MIN_HOURS or len(days) < 2 or whole is None:
        raise TooLittleData(
            f"{int(both.sum())} hours on {len(days)} days together, means above zero; {MIN_HOURS} on 2 are needed.",
            "Leave the two beside each other for longer, in air that is not clean all the time.",
        )
    each = [ratio for one in days if (ratio := _log_ratio(x[day == one], y[day == one])) is not None]
    u = float(np.std(each, ddof=1) / np.sqrt(len(each))) if len(each) > 1 else PRIOR_GAIN
    return Gain(float(np.exp(whole)), u, len(days))


def score_transfer(units: Mapping[str, Unit], *, days: int = WEEK, share: float = 0.6) -> list[TransferScore]:
    """Leave each unit out of its type, give it some days of its own, and judge it on later hours.

    Parameters
    ----------
    units : mapping of str to Unit
        Three or more of one type.
    days : int
        That the unit is given.
    share : float
        Of the whole time: before it lie all training hours, of the others and of the unit's own; after it and a gap of
        24 hours what is judged.

    Raises
    ------
    TooLittleData
        If there are fewer than three units, or one has no hours left to judge.
    """
    if len(units) < 3:
        raise TooLittleData(f"{len(units)} units: a type without one of them needs three.", "Give more units.")
    first = min(int(unit.t[0]) for unit in units.values())
    last = max(int(unit.t[-1]) for unit in units.values())
    end = first + share * (last - first)
    early = {name: _part(unit, first - HOUR, end) for name, unit in units.items()}
    scores = []
    for name, unit in units.items():
        known = fit_type([other for key, other in early.items() if key != name])
        later = _part(unit, end + GAP, last)
        said = known.apply(later.t, later.sensor) if len(later.t) else np.zeros(0)
        raw = np.asarray(later.sensor["raw"], np.float64)
        judged = np.isfinite(said) & np.isfinite(later.reference) & np.isfinite(raw)
        found = []
        for begin in _starts(early[name].t, days) if judged.any() else ():
            row = _one_start(known, unit, begin, days, (said, raw, later.reference), judged)
            found += [row] if row is not None else []
        if not found:
            raise TooLittleData(
                f"{name} has no {days} days before, or no hours after, {100 * share:.0f} % of the time.",
                "Give units that were beside a reference in the same months.",
            )
        mean = np.mean(found, axis=0)
        scores.append(TransferScore(name, len(found), int(judged.sum()), *(float(x) for x in mean)))
    return scores


def _one_start(
    known: TypeModel, unit: Unit, begin: int, days: int, later: tuple[Floats, Floats, Floats], judged: Bools
) -> tuple[float, ...] | None:
    said, raw, reference = (x[judged] for x in later)
    own = _part(unit, begin, begin + days * 24 * HOUR)
    training = training_of(own.t, own.sensor, own.reference)
    if len(training.t) < 0.75 * 24 * days:
        return None
    gain = unit_gain(known, own).gain
    line = HuberLine.fit(Training(training.t, {"raw": training.features["raw"]}, training.y))
    estimates = (said, gain * said, line.apply({"raw": raw}).value, raw, np.full(len(said), training.y.mean()))
    return tuple(rmse(x, reference) for x in estimates)


def _starts(t: Ints, days: int) -> range:
    """Begins of the unit's own days [s], a week apart."""
    if not len(t):
        return range(0)
    return range(int(t[0]) - HOUR, int(t[-1]) - days * 24 * HOUR + 1, WEEK * 24 * HOUR)


def _part(unit: Unit, after: float, until: float) -> Unit:
    use = (unit.t > after) & (unit.t <= until)
    return Unit(unit.t[use], {name: np.asarray(x)[use] for name, x in unit.sensor.items()}, unit.reference[use])


def _log_ratio(said: Floats, reference: Floats) -> float | None:
    top, bottom = float(reference.sum()), float(said.sum())
    return float(np.log(top / bottom)) if top > 0 and bottom > 0 else None


def _wander(t: Ints, said: Floats, reference: Floats) -> list[float]:
    """Log gains of weeks against the gain of the whole time."""
    week = day_of(t) // WEEK
    whole = _log_ratio(said, reference)
    if whole is None:
        return []
    found = []
    for one in np.unique(week):
        part = week == one
        ratio = _log_ratio(said[part], reference[part]) if part.sum() >= MIN_HOURS else None
        if ratio is not None:
            found.append(ratio - whole)
    return found
