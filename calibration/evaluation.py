# SPDX-License-Identifier: EUPL-1.2
"""One sensor beside one reference, judged as it will be used: models learn from the first part of the time only.

Hourly arrays of a sensor and a reference come in, an `Evaluation` goes out: a row for each model, for the raw value and
for no sensor at all, and the record of the model that was chosen. The choice is made within the training hours. Called
by `citimeasure calibrate evaluate` for files, and by its report.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from calibration.align import DAY, Bools, Floats, Ints, check_hours
from calibration.apply import Calibrated, apply
from calibration.calibrate import CLAIM_DAYS, daily_means, fit
from calibration.errors import CalibrationError, TooLittleData
from calibration.features import RAW
from calibration.metrics import mae, regression
from calibration.models import MODELS
from calibration.record import Lineage, Record
from calibration.sanity import check_sane
from calibration.select import MIN_DAYS, MIN_HOURS, Score
from calibration.stats import day_of
from calibration.uncertainty import expanded_uncertainty, reference_uncertainty, share_within

TRAIN_SHARE = 0.6  # of the time
GAP = DAY
MIN_TEST_HOURS = 24
NO_SENSOR = "no sensor"
MEAN = "mean"  # in the place of a unit
CHOSEN = "chosen"  # in the place of a model


@dataclass(frozen=True)
class Row:
    """How one model did with one unit; numbers are in the unit of the reference, and None where there is none.

    Attributes
    ----------
    unit, model : str
    chosen : bool
        Whether it was chosen, within the training hours.
    cv_rmse : float
        On blocks of days left out of the training hours.
    n : int
        Test hours; the other measures are of them.
    rmse, mae, bias : float
        Of value minus reference.
    r2, slope, intercept : float
        Of the regression of value on reference.
    coverage90 : float
        Share of references within their 90 % interval.
    expanded : float
        Relative expanded uncertainty at the limit value [%].
    outside : float
        Share of hours with an input outside of what the training hours saw.
    refused : str
        Which rule refused the model; empty if none did.
    """

    unit: str
    model: str
    chosen: bool = False
    cv_rmse: float | None = None
    n: int = 0
    rmse: float | None = None
    mae: float | None = None
    bias: float | None = None
    r2: float | None = None
    slope: float | None = None
    intercept: float | None = None
    coverage90: float | None = None
    expanded: float | None = None
    outside: float | None = None
    refused: str = ""


MEASURES = tuple(field.name for field in fields(Row) if field.name not in ("unit", "model", "chosen", "n", "refused"))


@dataclass(frozen=True)
class Aim:
    """What the reference measures, and where the expanded uncertainty is wanted."""

    quantity: str
    unit: str
    limit_value: float | None = None
    raw_comparable: bool = True  # False: the raw value is in another unit, such as mV, and has no error in this one

    @property
    def averaging(self) -> str:
        """Limit values of particulate matter are for days, others for hours."""
        return "day" if self.quantity.startswith("pm") else "hour"


@dataclass(frozen=True)
class Evaluation:
    """Rows of one unit, the chosen record, and its values at all hours; `test` marks those that count.

    `sensor` holds the raw value and what was measured with it, by name.
    """

    rows: tuple[Row, ...]
    record: Record
    t: Ints
    sensor: Mapping[str, Floats]
    reference: Floats
    train: Bools
    test: Bools
    found: Calibrated

    @property
    def raw(self) -> Floats:
        """The sensor's own values (n,)."""
        return np.asarray(self.sensor[RAW], np.float64)


def split_by_time(t: Ints, known: Bools) -> tuple[Bools, Bools]:
    """Training and test hours: the first 60 % of the time, and what follows a gap of 24 hours.

    Parameters
    ----------
    t : (n,) array
        Ends of the hours [s], strictly rising.
    known : (n,) array
        Which hours have all values; the first and last of them bound the time.

    Raises
    ------
    TooLittleData
        If either part is too short to learn or to judge from.
    """
    train, test = np.zeros(len(t), bool), np.zeros(len(t), bool)
    if known.any():
        first, last = t[known][[0, -1]]
        cut = first + TRAIN_SHARE * (last - first)
        train, test = t <= cut, t > cut + GAP
    hours, days = int((train & known).sum()), len(np.unique(day_of(t[train & known])))
    tested = int((test & known).sum())
    if hours < MIN_HOURS or days < MIN_DAYS or tested < MIN_TEST_HOURS:
        raise TooLittleData(
            f"Too few pairs: {int(known.sum())} hours have all values, of which {hours} on {days} days lie in the "
            f"first {TRAIN_SHARE:.0%} of the time, to learn from, and {tested} after a gap of 24 hours, to judge on.",
            f"At least {MIN_HOURS} hours on {MIN_DAYS} days and {MIN_TEST_HOURS} hours are needed: two weeks beside "
            "the station with few holes; four weeks are good. Look whether a column is mostly empty.",
        )
    return np.asarray(train), np.asarray(test)


def evaluate_unit(
    t: Ints,
    sensor: Mapping[str, Floats],
    reference: Floats,
    aim: Aim,
    *,
    unit: str = "",
    models: Sequence[str] = tuple(MODELS),
    left_out: Bools | None = None,
    correct_lag: bool = False,
    lineage: Lineage | None = None,
) -> Evaluation:
    """Fit models to the first 60 % of the time, and judge them on what follows a gap of 24 hours.

    Parameters
    ----------
    t, sensor, reference
        As for `calibration.fit`.
    aim : Aim
    unit : str
        The name that stands in the rows.
    models : sequence of str
        Names of `calibration.models.MODELS`, by default all.
    left_out : (n,) array of bool, optional
        Hours that quality control keeps out of the training; they count in the test like all others.
    correct_lag : bool
        Shift the sensor by the lag found in the training hours.
    lineage : Lineage, optional
        Goes into the record.

    Raises
    ------
    TooLittleData
        If the training or the test hours are too few.
    BadInput
        If arrays do not fit, or no model should learn from such hours (`calibration.sanity`).

    Notes
    -----
    All rows are over the same test hours: those at which every input and the reference are known.
    """
    t = check_hours(t)
    reference = np.asarray(reference, np.float64)
    known: Bools = np.isfinite(reference) & np.logical_and.reduce([np.isfinite(x) for x in sensor.values()])
    check_sane(t, sensor, reference)
    train, test = split_by_time(t, known)
    learn = train if left_out is None else train & ~left_out
    judge = test & known

    def fitted(model: str) -> Record:
        return fit(
            t[learn],
            {name: x[learn] for name, x in sensor.items()},
            reference[learn],
            quantity=aim.quantity,
            unit=aim.unit,
            model=model,
            limit_value=aim.limit_value,
            correct_lag=correct_lag,
            lineage=lineage,
        )

    record = fitted("auto")
    found = apply(record, sensor, t)
    judge &= np.isfinite(found.value)  # a corrected lag costs hours at gaps
    scores = {score.model: score for score in record.scores}
    y, raw = reference[judge], np.asarray(sensor[RAW], np.float64)
    constant = np.full(int(judge.sum()), float(reference[learn & known].mean()))
    plain = judged(Row(unit, RAW), t[judge], raw[judge], y, aim, scores.get(RAW))
    if not aim.raw_comparable:
        plain = Row(unit, RAW, n=plain.n, r2=plain.r2)
    rows = [plain, judged(Row(unit, NO_SENSOR), t[judge], constant, y, aim, scores.get(NO_SENSOR))]
    for name in dict.fromkeys([*models, record.model.name]):
        chosen = name == record.model.name
        try:
            one = record if chosen else fitted(name)
        except CalibrationError as error:
            rows.append(Row(unit, name, refused=str(error)))
            continue
        values = found if chosen else apply(one, sensor, t)
        score = next(score for score in one.scores if score.model == name)
        row = judged(Row(unit, name, chosen), t[judge], values.value[judge], y, aim, score)
        coverage = share_within(values.lower[judge], values.upper[judge], y)
        rows.append(replace(row, coverage90=coverage, outside=float(values.outside[judge].mean())))
    return Evaluation(tuple(rows), record, t, dict(sensor), reference, learn & known, judge, found)


def judged(row: Row, t: Ints, value: Floats, y: Floats, aim: Aim, score: Score | None) -> Row:
    """A row with its measures filled in, from values and references (n,) of the hours that count."""
    line = regression(value, y)
    row = replace(
        row,
        cv_rmse=_number(score.rmse) if score else None,
        n=line.n,
        rmse=_number(line.rmse),
        mae=_number(mae(value, y)),
        bias=_number(line.mbe),
    )
    if row.model == NO_SENSOR:  # a constant has no correlation, whatever rounding makes of it
        return row
    return replace(
        row,
        r2=_number(line.r2),
        slope=_number(line.slope),
        intercept=_number(line.intercept),
        expanded=_expanded(t, value, y, aim),
    )


def _expanded(t: Ints, value: Floats, y: Floats, aim: Aim) -> float | None:
    """At the limit value; none where the test hours are too short or too clean to speak of it."""
    if aim.limit_value is None or t[-1] - t[0] < CLAIM_DAYS * DAY // 2:
        return None
    if aim.averaging == "day":
        _, (value, y) = daily_means(t, value, y)
    if len(y) == 0 or y.max() < 0.5 * aim.limit_value:
        return None
    try:
        return expanded_uncertainty(value, y, aim.limit_value, reference_uncertainty(aim.quantity))
    except TooLittleData:
        return None


def _number(x: float) -> float | None:
    return x if np.isfinite(x) else None


def mean_rows(units: Iterable[Sequence[Row]]) -> list[Row]:
    """Means over units, of every model that none refused, and of whatever was chosen."""
    units = list(units)
    by_model: dict[str, list[Row]] = {}
    for rows in units:
        for row in rows:
            if not row.refused:
                by_model.setdefault(row.model, []).append(row)
    means = [_mean(name, rows) for name, rows in by_model.items() if len(rows) == len(units)]
    chosen = _mean(CHOSEN, [row for rows in units for row in rows if row.chosen])
    return [*means, replace(chosen, chosen=True)]


def _mean(model: str, rows: Sequence[Row]) -> Row:
    means: dict[str, float] = {}
    for measure in MEASURES:
        values = [getattr(row, measure) for row in rows]
        if None not in values:
            means[measure] = float(np.mean(values))
    return replace(Row(MEAN, model, n=sum(row.n for row in rows)), **means)  # type: ignore[arg-type]
