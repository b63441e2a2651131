# SPDX-License-Identifier: EUPL-1.2
"""Calibration of low-cost sensors beside official stations, with an uncertainty for every hour.

Arrays in, arrays out: numpy and the standard library, nothing of the collector. Hours are labelled with their end, in
integer seconds since 1970, UTC. `fit` makes a `Record`, `apply` uses it, `evaluate` judges it on other hours, and
`cross_validate` compares models on blocks of days that they have not seen.
"""

from calibration.align import Lag, estimate_lag, join
from calibration.apply import Calibrated, Flag, apply
from calibration.calibrate import Metrics, cross_validate, daily_means, evaluate, fit
from calibration.errors import BadInput, BadRecord, CalibrationError, NoBetter, RandomSplitRefused, TooLittleData
from calibration.evaluation import Aim, Evaluation, evaluate_unit
from calibration.many import apply_many, fit_every_day, fit_many
from calibration.models import MODELS
from calibration.record import Expanded, Lineage, Record, Station
from calibration.select import Score
from calibration.table import Table, read_table
from calibration.uncertainty import expanded_uncertainty

__all__ = [
    "MODELS",
    "Aim",
    "BadInput",
    "BadRecord",
    "Calibrated",
    "CalibrationError",
    "Evaluation",
    "Expanded",
    "Flag",
    "Lag",
    "Lineage",
    "Metrics",
    "NoBetter",
    "RandomSplitRefused",
    "Record",
    "Score",
    "Station",
    "Table",
    "TooLittleData",
    "apply",
    "apply_many",
    "cross_validate",
    "daily_means",
    "estimate_lag",
    "evaluate",
    "evaluate_unit",
    "expanded_uncertainty",
    "fit",
    "fit_every_day",
    "fit_many",
    "join",
    "read_table",
]
