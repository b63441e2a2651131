# SPDX-License-Identifier: EUPL-1.2
"""Judge models on blocks of days that they have not seen, and choose one for a co-location.

Training hours come in, predictions of left-out hours, a table and a choice go out. A split whose test hours touch
training hours is refused. Called by `calibration.fit` and `calibration.cross_validate`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from calibration.align import Bools, Floats
from calibration.blocks import check_split, folds
from calibration.errors import TooLittleData
from calibration.features import RAW
from calibration.metrics import regression, rmse
from calibration.models import MODELS, Fitted, Prediction, Training
from calibration.models.blend import GuardedBlend
from calibration.models.line import HuberLine

MIN_DAYS = 4  # with data; two blocks with a day between them need as many
MIN_HOURS = 48
BLEND_DAYS = 14

Split = tuple[Bools, Bools]


@dataclass(frozen=True)
class Score:
    """One row of the table: how a model did on left-out hours, in the unit of the reference."""

    model: str
    n: int
    rmse: float
    mbe: float
    r2: float | None  # None where a constant has no correlation


def check_amount(training: Training) -> None:
    """Refuse co-locations that are too short to judge anything.

    Raises
    ------
    TooLittleData
        Under 48 hours, or on fewer than four days.
    """
    days = len(np.unique(training.day)) if len(training.t) else 0
    if len(training.t) < MIN_HOURS or days < MIN_DAYS:
        raise TooLittleData(
            f"{len(training.t)} hours on {days} days have both a sensor and a reference value; "
            f"at least {MIN_HOURS} hours on {MIN_DAYS} days are needed.",
            "Leave the sensor beside the station for two weeks or longer; four weeks are good.",
        )


def predict_left_out(model: type[Fitted], training: Training, splits: Iterable[Split]) -> Prediction:
    """What a model says of each test hour after it was fitted without it; NaN for hours in no test (n,).

    Whole fits are repeated, the choice of penalties included.
    """
    training = training.only(model.wanted(tuple(training.features)))
    n = len(training.t)
    value, u_model, u_extrapolation, outside, stretch = (np.full(n, np.nan) for _ in range(5))
    whole = Prediction(value, u_model, np.zeros(n, bool), u_extrapolation, outside, stretch)
    for train, test in splits:
        found = model.fit(training.rows(train)).apply(training.rows(test).features)
        for all_hours, these in zip(whole, found, strict=True):
            all_hours[test] = these
    return whole


def table(training: Training, models: Sequence[str], splits: Sequence[Split]) -> list[Score]:
    """Scores of models on left-out hours, with the raw value and no sensor at all beside them.

    Parameters
    ----------
    models : sequence of str
        Names of `calibration.models.MODELS`.
    splits : sequence of (train, test)
        Boolean arrays (n,).

    Raises
    ------
    RandomSplitRefused
        If training and test hours of a split are less than a day apart.

    Notes
    -----
    "no sensor" is the mean of the training reference: a model that does not beat it learned nothing.
    """
    check_split(training.t, splits)
    tested = np.zeros(len(training.t), bool)
    mean = np.full(len(training.t), np.nan)
    for train, test in splits:
        tested |= test
        mean[test] = training.y[train].mean()
    raw = np.where(tested, training.features[RAW], np.nan)
    rows = {"raw": raw, "no sensor": mean}
    for name in models:
        rows[name] = predict_left_out(MODELS[name], training, splits).value
    return [_score(name, value, training.y) for name, value in rows.items()]


def choose(training: Training) -> type[Fitted]:
    """The model for a co-location, by its length and by blocked cross-validation.

    Notes
    -----
    The ladder: under 14 days a robust line, which has nothing to overfit with; from 14 days the guarded blend, unless
    the line does better on left-out blocks. The stand-alone ridges are there to compare with, and never chosen: far
    from its training hours an unguarded second order can be several times worse than a line.
    """
    span = int(training.day[-1] - training.day[0]) + 1
    if span < BLEND_DAYS:
        return HuberLine
    splits = list(folds(training.t))
    candidates: list[type[Fitted]] = [HuberLine, GuardedBlend]
    errors = [rmse(predict_left_out(model, training, splits).value, training.y) for model in candidates]
    return candidates[int(np.argmin(errors))]


def _score(name: str, value: Floats, reference: Floats) -> Score:
    found = regression(value, reference)
    return Score(name, found.n, found.rmse, found.mbe, None if np.isnan(found.r2) else found.r2)
