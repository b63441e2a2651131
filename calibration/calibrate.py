# SPDX-License-Identifier: EUPL-1.2
"""The three verbs of calibration: fit a record beside a reference, evaluate one elsewhere, cross-validate models.

Hourly arrays of a sensor and a reference come in, on common labels; a `Record`, `Metrics` or a table goes out. Called
by the collector's `calibrate` commands, and by anybody who has two series and numpy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from calibration.align import HOUR, Bools, Floats, Ints, Lag, check_hours, estimate_lag, shift
from calibration.apply import apply
from calibration.blocks import GAP, folds
from calibration.errors import BadInput, RandomSplitRefused, TooLittleData
from calibration.features import RAW, UNITS, build, feature_names
from calibration.metrics import regression, rmse
from calibration.models import Training, check_suits, model_named, suiting
from calibration.record import Alignment, Expanded, Lineage, Record, TrainingData
from calibration.sanity import check_sane
from calibration.select import Score, Split, check_amount, choose, predict_left_out, table
from calibration.stats import day_of
from calibration.uncertainty import Spread, expanded_uncertainty, reference_uncertainty, share_within

MIN_DAY_HOURS = 18  # 75 % of a day
CLAIM_DAYS = 14  # of a co-location, before an expanded uncertainty is claimed


@dataclass(frozen=True)
class Metrics:
    """How a record did on hours that it had not seen, in the unit of the reference.

    Attributes
    ----------
    n : int
        Hours with a calibrated and a reference value.
    rmse, mbe : float
        Of calibrated minus reference.
    raw_rmse : float
        The same of the raw value, at the same hours.
    no_sensor_rmse : float
        Of the best constant, the mean of the reference at these very hours; what is above it is of no use.
    r2, slope, intercept : float
        Of the ordinary regression of calibrated on reference.
    coverage90 : float
        Share of references within their 90 % interval.
    outside : float
        Share of hours with an input outside of what the co-location saw.
    """

    n: int
    rmse: float
    raw_rmse: float
    no_sensor_rmse: float
    mbe: float
    r2: float
    slope: float
    intercept: float
    coverage90: float
    outside: float


def fit(
    t: Ints,
    sensor: Mapping[str, Floats],
    reference: Floats,
    *,
    quantity: str,
    unit: str,
    model: str = "auto",
    limit_value: float | None = None,
    correct_lag: bool = False,
    u_reference: tuple[float, float] | None = None,
    lineage: Lineage | None = None,
) -> Record:
    """Fit a calibration to hours of a sensor beside a reference.

    Parameters
    ----------
    t : (n,) array
        Ends of the hours [s since 1970], strictly rising; hours may be missing.
    sensor : mapping of str to (n,) arrays
        `raw`, and covariates by name, such as `humidity` [%] and `temperature` [Cel]; NaN where missing.
    reference : (n,) array
        In `unit`; NaN where missing.
    quantity, unit : str
        What the reference measures.
    model : str
        A name of `calibration.models.MODELS`, or "auto": by length and blocked cross-validation.
    limit_value : float, optional
        In `unit`: the expanded uncertainty is given there, for days of particulate matter and hours of anything else,
        after 14 days and if the reference has reached half of it.
    correct_lag : bool
        Shift the sensor by the lag that was found, now and whenever the record is applied.
    u_reference : (float, float), optional
        Standard uncertainty of the reference, absolute [unit] and relative; by default
        `uncertainty.reference_uncertainty`.
    lineage : Lineage, optional
        What else to keep: devices, stations, units, validity.

    Raises
    ------
    TooLittleData
        Under 48 hours, or on fewer than four days.
    BadInput
        If arrays or names do not fit, or no model should learn from such hours (`calibration.sanity`).
    """
    t = check_hours(t)
    training = training_of(t, sensor, reference)
    check_sane(t, sensor, reference)
    lag = _found_lag(t, sensor, reference)
    alignment = Alignment(lag.hours, lag.sure, corrected=correct_lag and lag.hours != 0)
    if alignment.corrected:
        training = training_of(t, sensor, reference, shift_hours=lag.hours)
    check_amount(training)
    chosen = choose(training) if model == "auto" else model_named(model)
    check_suits(chosen, tuple(training.features), quantity)
    training = training.only(chosen.wanted(tuple(training.features)))
    splits = list(folds(training.t))
    left_out = predict_left_out(chosen, training, splits)
    tested = np.isfinite(left_out.value)
    left_out = left_out.rows(tested)
    u_rm = reference_uncertainty(quantity) if u_reference is None else u_reference
    given = lineage or Lineage()
    units = {name: given.units.get(name, UNITS.get(name, "")) for name in sensor if name != RAW}
    return Record(
        quantity=quantity,
        unit=unit,
        model=chosen.fit(training),
        spread=Spread.learn(left_out, training.y[tested], len(np.unique(training.day[tested])), u_rm),
        scores=tuple(table(training, [chosen.name], splits)),
        expanded=_expanded(training.t[tested], left_out.value, training.y[tested], (quantity, limit_value, u_rm)),
        training=TrainingData(
            start=int(training.t[0]) - HOUR,
            end=int(training.t[-1]),
            hours=len(training.t),
            dropped=len(t) - len(training.t),
            reference_hash=_hash(training.t, training.y),
            sensor_hash=_hash(training.t, *training.features.values()),
        ),
        alignment=alignment,
        lineage=Lineage(**{**vars(given), "units": units}),
        software=_software(),
    )


def evaluate(record: Record, t: Ints, sensor: Mapping[str, Floats], reference: Floats) -> Metrics:
    """Judge a record on hours that lie at least a day outside of those it learned from.

    Parameters
    ----------
    t, sensor, reference
        As for `fit`. Hours within the training interval, or less than a day from it, are left out.

    Raises
    ------
    TooLittleData
        If no hour is left.
    """
    t = check_hours(t)
    found = apply(record, sensor, t)
    unseen = (t - HOUR >= record.training.end + GAP) | (t <= record.training.start - GAP)
    reference = np.where(unseen, np.asarray(reference, np.float64), np.nan)
    known = np.isfinite(found.value) & np.isfinite(reference)
    if not known.any():
        raise TooLittleData(
            "No hour with both values lies a day or more outside of the training interval.",
            "Evaluate on other hours; how the record did on blocks left out of its training is in its scores.",
        )
    value, y = found.value[known], reference[known]
    line = regression(value, y)
    return Metrics(
        n=line.n,
        rmse=line.rmse,
        raw_rmse=rmse(np.asarray(sensor[RAW], np.float64)[known], y),
        no_sensor_rmse=float(y.std()),
        mbe=line.mbe,
        r2=line.r2,
        slope=line.slope,
        intercept=line.intercept,
        coverage90=share_within(found.lower[known], found.upper[known], y),
        outside=float(found.outside[known].mean()),
    )


def cross_validate(
    t: Ints,
    sensor: Mapping[str, Floats],
    reference: Floats,
    *,
    models: Sequence[str] | None = None,
    split: str | Sequence[Split] = "blocked",
) -> list[Score]:
    """A table of models on left-out hours, with the raw value and no sensor at all beside them.

    Parameters
    ----------
    t, sensor, reference
        As for `fit`.
    models : sequence of str
        Names of `calibration.models.MODELS`, by default all that suit the inputs, but for published corrections.
    split : "blocked" or sequence of (train, test)
        Blocks of days by default, or boolean arrays (n,) of one's own.

    Raises
    ------
    RandomSplitRefused
        For "random", and for any split whose training and test hours are less than a day apart.
    """
    t = check_hours(t)
    if isinstance(split, str) and split != "blocked":
        raise RandomSplitRefused(
            f"The split {split!r} is refused: neighbouring hours are near copies, it would test memory, not skill.",
            "Use 'blocked', which leaves out blocks of days with a day between them and the training hours.",
        )
    training = training_of(t, sensor, reference)
    present = tuple(training.features)
    models = suiting(present) if models is None else models
    for name in models:
        check_suits(model_named(name), present)
    check_amount(training)
    if isinstance(split, str):
        return table(training, models, list(folds(training.t)))
    used = np.isin(t, training.t)
    return table(training, models, [(np.asarray(train)[used], np.asarray(test)[used]) for train, test in split])


def daily_means(t: Ints, *series: Floats) -> tuple[Ints, list[Floats]]:
    """Means of UTC days of which 75 % is known in all series.

    Parameters
    ----------
    t : (n,) array
        Ends of the hours [s].
    series : (n,) arrays

    Returns
    -------
    days : (m,) array
        Days since 1970.
    means : list of (m,) arrays
    """
    known = np.logical_and.reduce([np.isfinite(x) for x in series])
    days, place, count = np.unique(day_of(t[known]), return_inverse=True, return_counts=True)
    full = count >= MIN_DAY_HOURS
    return days[full], [(np.bincount(place, x[known], len(days)) / np.maximum(count, 1))[full] for x in series]


def training_of(t: Ints, sensor: Mapping[str, Floats], reference: Floats, *, shift_hours: float = 0.0) -> Training:
    """Hours that have a reference and every feature; the sensor put back by `shift_hours` before.

    Parameters
    ----------
    t, sensor, reference
        As for `fit`.
    shift_hours : float
        By which the sensor is late [h].

    Raises
    ------
    BadInput
        If the raw value is missing, or shapes do not fit.
    """
    if RAW not in sensor:
        raise BadInput("The sensor's own values are missing.", "Give them under the name 'raw'.")
    y = np.asarray(reference, np.float64)
    if y.shape != t.shape:
        raise BadInput(f"The reference has shape {y.shape}, the times {t.shape}.")
    # One order for all, whatever the caller's: the same data must give the same record.
    names = (RAW, *sorted(name for name in sensor if name != RAW))
    inputs = {name: np.asarray(sensor[name], np.float64) for name in names}
    if shift_hours:
        inputs = {name: shift(t, x, shift_hours) for name, x in inputs.items()}
    features = build(t, inputs, feature_names(names)).values
    known: Bools = np.isfinite(y) & np.logical_and.reduce([np.isfinite(x) for x in features.values()])
    return Training(t, features, y).rows(known)


def _found_lag(t: Ints, sensor: Mapping[str, Floats], reference: Floats) -> Lag:
    try:
        return estimate_lag(t, sensor[RAW], np.asarray(reference, np.float64))
    except TooLittleData:  # a lag is good to know, and not needed
        return Lag(0.0, 0.0, 0.0, 0.0, 0.0, sure=False)


def _expanded(
    t: Ints, value: Floats, reference: Floats, aim: tuple[str, float | None, tuple[float, float]]
) -> Expanded | None:
    quantity, limit_value, u_rm = aim
    if limit_value is None:
        return None
    averaging = "day" if quantity.startswith("pm") else "hour"
    if averaging == "day":
        _, (value, reference) = daily_means(t, value, reference)
    days = int(day_of(t)[-1] - day_of(t)[0]) + 1
    if days < CLAIM_DAYS or len(reference) == 0 or reference.max() < 0.5 * limit_value:
        return None
    try:
        return Expanded(limit_value, averaging, expanded_uncertainty(value, reference, limit_value, u_rm))
    except TooLittleData:
        return None


def _hash(t: Ints, *series: Floats) -> str:
    digest = hashlib.sha256(t.astype("<i8").tobytes())
    for x in series:
        digest.update(x.astype("<f8").tobytes())
    return digest.hexdigest()


def _software() -> str:
    try:
        return f"citimeasure {version('citimeasure')}"
    except PackageNotFoundError:  # run from a folder that was never installed
        return "citimeasure, not installed"
