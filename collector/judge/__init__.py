# SPDX-License-Identifier: EUPL-1.2
"""Judges values: a QARTOD primary flag and a mask that names the tests behind it. Judging never deletes.

`reading` judges what one reading shows by itself, in the senders, before it is stored. `window` judges what only shows
beside values before, behind and nearby, over stored series, with the small tests in `qartod`. What the tests compare
with lies in one table, `limits`. All are pure: the same values give the same flags, today and later.
"""

from __future__ import annotations

from collector.judge.flags import Flag, Test, names
from collector.judge.limits import LIMITS, Limits, load_limits

__all__ = ["LIMITS", "Flag", "Limits", "Test", "load_limits", "names"]
