# SPDX-License-Identifier: EUPL-1.2
"""Whether a sensor still tells what it told when it was calibrated: its days beside those of a reference.

Hours of a raw value and of a reference come in, a state for every day goes out, with the share of false alarms that the
same rule gives on the sensor's own undrifted days. The reference may hang beside the sensor, or be the station nearest
to it: the farther it is, the wider its days scatter, and the more false alarms are reported. Called by
`citimeasure calibrate drift`; `calibration.health` tells what kind of fault it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from calibration.align import Bools, Floats, Ints, check_hours
from calibration.errors import BadInput, NoBetter, TooLittleData
from calibration.stats import day_of, huber_line

OK, WARN, FAIL, UNKNOWN = "ok", "warn", "fail", "unknown"
LEAST_BASELINE = 14  # days
_FLOOR = 0.05  # of what the sensor tells at the reference's median: below, a ratio is of two nothings
_MOST_AT_FLOOR = 0.2  # share of days
_BLOCK = 14  # days that are drawn together, since neighbouring days resemble each other
_DRAWS = 200
_DRAWN_DAYS = 182
_CUSUM_QUIET = 0.95  # share of drawn days on which the CUSUM is below its threshold


@dataclass(frozen=True)
class Rule:
    """When a sensor is suspected.

    Attributes
    ----------
    warn, fail : float
        Relative change, down or up; 0.3 means below 70 % or above 130 % of what it was.
    window, least : int
        Trailing days of the median, and how many of them must have a ratio.
    hours : int
        Hours with both values that make a day.
    """

    warn: float = 0.2
    fail: float = 0.3
    window: int = 14
    least: int = 7
    hours: int = 12

    def __post_init__(self) -> None:
        if not 0 < self.warn <= self.fail < 1:
            raise BadInput("A sensor must be warned of before it fails.", "Let 0 < warn <= fail < 1, such as 0.2, 0.3.")
        if not (1 <= self.least <= self.window and 1 <= self.hours <= 24):
            raise BadInput("The window of days is impossible.", "Let least <= window, and hours be 1 to 24.")


@dataclass(frozen=True)
class Baseline:
    """What the sensor did while it was known to be well.

    Attributes
    ----------
    intercept, slope : float
        Of the raw value against the reference.
    days : int
        With a ratio.
    level, spread : float
        Median of the daily log-ratios, and their robust standard deviation.
    false_warn, false_fail, false_cusum : float
        Share of days on which the rule would cry although nothing has changed, by resampling the baseline's own days.
    """

    intercept: float
    slope: float
    days: int
    level: float
    spread: float
    false_warn: float
    false_fail: float
    false_cusum: float


@dataclass(frozen=True)
class Drift:
    """Every day from the first to the last, arrays (d,).

    Attributes
    ----------
    day : int64
        Days since 1970, UTC.
    baseline_day : bool
        Whether the baseline was learned from it.
    ratio : float
        Log of what the sensor told that day over what was expected, less the baseline's level; NaN without the hours.
    change : float
        The trailing median of `ratio`, as a relative change: -0.4 is a sensor that tells 60 % of what it did.
    cusum : float
        The larger of both cumulative sums over its threshold: above 1 is an alarm.
    state : str
        ok, warn, fail, or unknown where the window has too few days.
    baseline : Baseline
    rule : Rule
    """

    day: Ints
    baseline_day: Bools
    ratio: Floats
    change: Floats
    cusum: Floats
    state: np.ndarray[tuple[int], np.dtype[np.str_]]
    baseline: Baseline
    rule: Rule

    def first(self, state: str) -> int | None:
        """The first day after the baseline in a state, counted since 1970."""
        found = self.day[(self.state == state) & ~self.baseline_day]
        return int(found[0]) if len(found) else None

    def first_cusum(self) -> int | None:
        """The first day after the baseline on which the CUSUM alarms."""
        found = self.day[(self.cusum > 1) & ~self.baseline_day]
        return int(found[0]) if len(found) else None


def watch(t: Ints, raw: Floats, reference: Floats, until: int, rule: Rule | None = None) -> Drift:
    """Compares each day with what the baseline lets expect.

    Parameters
    ----------
    t : (n,) array
        Ends of the hours [s since 1970], strictly rising; hours may be missing.
    raw, reference : (n,) arrays
        NaN where missing; raw in any unit in which more is more.
    until : int
        Hours that end by then are the baseline [s since 1970]: the co-location on which the calibration rests, say.
    rule : Rule, optional

    Raises
    ------
    BadInput
        If arrays do not fit.
    TooLittleData
        If the baseline has fewer than fourteen days, or nothing follows it.
    NoBetter
        If the sensor does not follow the reference in the baseline, or tells nothing on many of its days.

    Notes
    -----
    raw = a + b reference is fitted robustly (Huber) to the baseline's hours. A day's log-ratio is ln(mean raw) minus
    ln(mean of a + b reference) over the hours with both; neither is less than 5 % of b times the reference's median. A
    plain ratio of raw to reference would drift with the level of the reference wherever the line has an intercept.

    The state is that of the median of the trailing window. The CUSUM is S = max(0, S +- ratio - k), with k half of the
    change that counts as failed, and a threshold below which it is on 95 % of resampled days.

    False alarms are counted on 200 half years that are put together from blocks of fourteen days of the baseline; their
    level is taken from a resampled baseline as well, since that of a short one is not sure. What they cannot know is a
    season that the baseline has not seen: other air with other grains looks like drift.

    References
    ----------
    Page, E. S. (1954), Continuous inspection schemes, Biometrika 41, doi:10.1093/biomet/41.1-2.100. Kuensch, H. R.
    (1989), The jackknife and the bootstrap for general stationary observations, Annals of Statistics 17,
    doi:10.1214/aos/1176347265.
    """
    rule = rule or Rule()
    t = check_hours(t)
    raw, reference = np.asarray(raw, np.float64), np.asarray(reference, np.float64)
    if not len(t) == len(raw) == len(reference):
        raise BadInput(f"There are {len(t)} times, {len(raw)} raw values and {len(reference)} of the reference.")
    both = np.isfinite(raw) & np.isfinite(reference)
    learned = both & (t <= until)
    if not learned.any():
        raise TooLittleData("No hour of the baseline has both values.", _BASELINE_HINT)
    intercept, slope = _line(reference[learned], raw[learned])
    floor = _FLOOR * slope * max(float(np.median(reference[learned])), np.finfo(np.float64).tiny)
    day = day_of(t)
    days = np.arange(day[0], day[-1] + 1, dtype=np.int64)
    told, count = _daily(day[both] - day[0], raw[both], len(days))
    expected, _ = _daily(day[both] - day[0], intercept + slope * reference[both], len(days))
    with np.errstate(invalid="ignore"):
        ratio = np.log(np.maximum(told, floor) / np.maximum(expected, floor))
    ratio[count < rule.hours] = np.nan
    old = days <= day_of(np.array([until]))[0]
    known = old & np.isfinite(ratio)
    _check(known, old, told <= floor)
    own = ratio[known]
    level = float(np.median(own))
    ratio -= level
    spread = 1.4826 * float(np.median(np.abs(own - level)))
    threshold, false = _false_alarms(own, rule)
    change = np.expm1(trailing_median(ratio, rule.window, rule.least))
    state = np.full(len(days), UNKNOWN, dtype="<U7")
    for name, size in ((OK, 0.0), (WARN, rule.warn), (FAIL, rule.fail)):
        state[np.abs(change) >= size] = name
    cusum = np.concatenate([np.zeros(int(old.sum())), _cusum(ratio[None, ~old], rule)[0] / threshold])
    return Drift(
        days, old, ratio, change, cusum, state, Baseline(intercept, slope, len(own), level, spread, *false), rule
    )


def trailing_median(x: Floats, window: int, least: int) -> Floats:
    """Medians over the last `window` values (..., n), NaN where fewer than `least` of them are known."""
    padded = np.concatenate([np.full((*x.shape[:-1], window - 1), np.nan), x], axis=-1)
    parts = np.sort(sliding_window_view(padded, window, axis=-1), axis=-1)  # NaN last
    count = np.isfinite(parts).sum(axis=-1)
    low, high = np.maximum(count - 1, 0) // 2, count // 2
    pick = [np.take_along_axis(parts, np.minimum(i, window - 1)[..., None], axis=-1)[..., 0] for i in (low, high)]
    return np.asarray(np.where(count >= least, (pick[0] + pick[1]) / 2, np.nan))


_BASELINE_HINT = "The baseline is the time in which the sensor was known to be well: let it be four weeks or more."


def _line(reference: Floats, raw: Floats) -> tuple[float, float]:
    intercept, slope, _ = huber_line(reference, raw)
    if not slope > 0:
        raise NoBetter(
            "The sensor does not rise with the reference in the baseline: its drift cannot be seen beside it.",
            "Choose a station nearer by, look for swapped columns, or give calibrated values instead of raw ones.",
        )
    return float(intercept), float(slope)


def _daily(place: Ints, x: Floats, n: int) -> tuple[Floats, Ints]:
    """Mean and number of values of each day."""
    count = np.bincount(place, minlength=n)
    with np.errstate(invalid="ignore"):
        return np.bincount(place, x, minlength=n) / count, count


def _check(known: Bools, old: Bools, nothing: Bools) -> None:
    days = int(known.sum())
    if days < LEAST_BASELINE:
        raise TooLittleData(
            f"The baseline has {days} days with enough hours, and {LEAST_BASELINE} are needed.", _BASELINE_HINT
        )
    if old.all():
        raise TooLittleData("No day follows the baseline.", "End the baseline earlier, or give later hours.")
    if (nothing & known).sum() > _MOST_AT_FLOOR * days:
        raise NoBetter(
            f"On {int((nothing & known).sum())} of {days} days of the baseline the sensor told next to nothing.",
            "A ratio says little there: watch the calibrated value, or a quantity that the sensor can see.",
        )


def _cusum(ratio: Floats, rule: Rule) -> Floats:
    """The larger of both one-sided sums (k, n); a day without a ratio changes nothing."""
    step = np.nan_to_num(ratio)
    down, up = -np.log1p(-rule.fail) / 2, np.log1p(rule.fail) / 2
    result = np.empty_like(step)
    low, high = np.zeros(len(step)), np.zeros(len(step))
    for i in range(step.shape[1]):
        known = np.isfinite(ratio[:, i])
        low = np.where(known, np.maximum(0, low - step[:, i] - down), low)
        high = np.where(known, np.maximum(0, high + step[:, i] - up), high)
        result[:, i] = np.maximum(low, high)
    return result


def _false_alarms(own: Floats, rule: Rule) -> tuple[float, tuple[float, float, float]]:
    """The CUSUM's threshold, and shares of days with a warning, a failure and a CUSUM alarm when nothing changed."""
    rng = np.random.default_rng(1)

    def drawn(n: int) -> Floats:
        starts = rng.integers(0, max(1, len(own) - _BLOCK + 1), (_DRAWS, -(-n // _BLOCK)))
        picked = (starts[..., None] + np.arange(min(_BLOCK, len(own)))).reshape(_DRAWS, -1)
        return np.asarray(own[picked][:, :n])

    watched = drawn(_DRAWN_DAYS) - np.median(drawn(len(own)), axis=1, keepdims=True)
    change = np.abs(np.expm1(trailing_median(watched, rule.window, rule.least)))
    change = change[:, rule.window - 1 :]
    sums = _cusum(watched, rule)
    threshold = max(float(np.quantile(sums, _CUSUM_QUIET)), -float(np.log1p(-rule.fail)))
    warn, fail = (float(np.mean(change >= size)) for size in (rule.warn, rule.fail))
    return threshold, (warn, fail, float(np.mean(sums > threshold)))
