# SPDX-License-Identifier: EUPL-1.2
"""Every error of the calibration library. Each says what happened, and its `hint` what to do next.

CalibrationError (ValueError)
├── BadInput             arrays or a file that cannot be used as they are: not hourly, not of one length, no number
├── TooLittleData        too few hours or days beside a reference station
├── NoBetter             a calibration that does not help, and is refused its name
├── RandomSplitRefused   training and test hours lie closer than a day
└── BadRecord            a calibration record that was changed, or that this version cannot read
"""

from __future__ import annotations


class CalibrationError(ValueError):
    """The root. `str(error)` is one sentence for a person; `hint` is what to do next."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.hint = hint


class BadInput(CalibrationError):
    """Arrays that cannot be calibrated or fitted as they are."""


class TooLittleData(CalibrationError):
    """Not enough hours for what was asked."""


class NoBetter(CalibrationError):
    """A calibration that does not beat having no sensor at all, or that could not be better by its nature."""


class RandomSplitRefused(CalibrationError):
    """A split that lets the test hours leak into the training hours."""


class BadRecord(CalibrationError):
    """Bytes that are not a calibration record, or no longer the one that its id names."""
