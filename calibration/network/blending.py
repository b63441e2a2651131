# SPDX-License-Identifier: EUPL-1.2
"""An optimal blend of stations and sensors at any place, in log space, day by day.

What is the same for weeks (gains, quiet quarters) and what moves from hour to hour are two fields, each with its own
correlation in space, learned from a window of days: before the day if the mode is causal, around it if it is
retrospective. The sensors' common error in each hour is unknown and estimated with the rest, so weather that makes all
sensors swell takes no part. A `Network` and places come in, values with an uncertainty go out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calibration.align import DAY, HOUR, Bools, Floats
from calibration.errors import BadInput, TooLittleData
from calibration.network.data import Network
from calibration.network.interpolate import Variogram, distances, fit_variogram, kriging_weights, median, semivariances

MODES = ("causal", "retrospective")
_NEIGHBOURS = 8
MEDIAN_OF_SQUARE = 0.4549  # of a standard normal: what the median of squares is of their mean


@dataclass(frozen=True)
class BlendSettings:
    """How the blend learns.

    Attributes
    ----------
    window : int
        Days from which it learns; before the day, or half before and half after.
    min_hours : int
        Hours that a sensor must have had in the window.
    dense, nearest : int
        Up to `dense` sensors all of them are used for every place; of more than that the `nearest` ones, which keeps
        the work in proportion to their number.
    outlier : float
        Deviations of so many standard deviations are taken as missing: a barbecue, a smoker.
    station_noise : float
        Least relative standard uncertainty of stations.
    """

    window: int = 14
    min_hours: int = 72
    dense: int = 300
    nearest: int = 80
    outlier: float = 4.0
    station_noise: float = 0.05


@dataclass(frozen=True)
class Blend:
    """Hourly values at places.

    Attributes
    ----------
    value : (m, T) array
        In the stations' unit; NaN where nothing could be learned yet, or no station is there.
    u : (m, T) array
        Relative standard uncertainty as the model sees it, of `value` plus `floor`.
    floor : (T,) array
        What is added before the logarithm, in the stations' unit.
    """

    value: Floats
    u: Floats
    floor: Floats


@dataclass(frozen=True)
class _Levels:
    """What stays in a window: level of each place, its own noise, and correlations."""

    level: Floats  # (n,) of log values, against the mean of their kind
    noise: Floats  # (n,) variance of each place alone, from hour to hour
    alone: Floats  # (n,) variance of each level alone
    lasting: Variogram
    moving: Variogram
    error: float  # variance of the error that neighbouring sensors share
    local: Floats  # (n,) share of that noise which lasts beyond the hour: what is there, not the instrument
    scale: Floats  # (n,) standard deviations from hour to hour
    usable: Bools


def blend(
    network: Network,
    places: Floats,
    *,
    mode: str = "causal",
    own: Bools | None = None,
    settings: BlendSettings | None = None,
) -> Blend:
    """Blend stations and sensors at places.

    Parameters
    ----------
    network : Network
    places : (m, 2) array
        [degrees].
    mode : "causal" or "retrospective"
        Causal values of an hour depend on that hour and those before it, and on nothing else.
    own : (m, K) array of bool, optional
        Which sensors hang at which place: their persistent part counts as what is there, not as an error.
    settings : BlendSettings, optional

    Raises
    ------
    BadInput
        If the mode is another one.

    Notes
    -----
    For stations log(x + c) = level + moving + noise; sensors have a common unknown of the hour besides. The levels and
    what moves are kriged with the two means unknown (of the air, of the sensors' error). Covariances of what moves come
    from station-sensor pairs, in which errors that sensors share cannot be mistaken for air; what sensor-sensor pairs
    have beyond that is held for shared error.

    References
    ----------
    Cressie (1993), Statistics for Spatial Data, chapter 3.4, doi:10.1002/9781119115151.
    """
    if mode not in MODES:
        raise BadInput(f"There is no mode {mode!r}.", f"Use one of {', '.join(MODES)}.")
    chosen = settings or BlendSettings()
    found = Blend(
        np.full((len(places), len(network.t)), np.nan),
        np.full((len(places), len(network.t)), np.nan),
        np.full(len(network.t), np.nan),
    )
    day = (network.t - HOUR) // DAY
    every = np.concatenate([network.station_places, network.sensor_places])
    between, towards = distances(every, every), distances(places, every)
    n_stations = len(network.stations)
    held = np.zeros((len(places), len(every)), bool)
    if own is not None:
        held[:, n_stations:] = own
    for one in np.unique(day):
        hours = day == one
        before = chosen.window if mode == "causal" else chosen.window / 2
        after = 0 if mode == "causal" else chosen.window / 2 + 1
        window = (day >= one - before) & (day < one + after)
        known = network.stations[:, window]
        known = known[known > 0]
        if not len(known):
            continue
        floor = 0.1 * float(np.median(known))
        logs = np.log(np.maximum(np.concatenate([network.stations, network.sensors]), 0.0) + floor)
        try:
            levels = _learn(logs[:, window], n_stations, between, chosen)
        except TooLittleData:
            continue
        value, variance = _krige(logs[:, hours], levels, (between, towards, held), n_stations, chosen)
        found.value[:, hours] = np.maximum(np.exp(value) - floor, 0.0)
        found.u[:, hours] = np.sqrt(variance)
        found.floor[hours] = floor
    return found


def _learn(logs: Floats, n_stations: int, between: Floats, settings: BlendSettings) -> _Levels:
    """Levels, noise and correlations from the hours of a window."""
    usable = np.isfinite(logs).sum(axis=1) >= settings.min_hours
    if usable[:n_stations].sum() < 2 or usable[n_stations:].sum() < 2:
        raise TooLittleData("Too few stations or sensors have hours in this window.")
    is_station = np.arange(len(logs)) < n_stations
    level = np.full(len(logs), np.nan)
    rest = np.full(logs.shape, np.nan)
    for kind in (usable & is_station, usable & ~is_station):
        level[kind], rest[kind] = _two_way(logs[kind])
    scale = np.full(len(logs), np.nan)
    scale[usable] = 1.4826 * median(np.abs(rest[usable]), axis=1)
    rest = np.where(np.abs(rest) > settings.outlier * scale[:, None], np.nan, rest)

    gamma, _ = semivariances(rest)
    cross = np.ix_(usable & is_station, usable & ~is_station)
    sensors = np.ix_(usable & ~is_station, usable & ~is_station)
    stations = np.ix_(usable & is_station, usable & is_station)
    moving = fit_variogram(between[cross].ravel(), gamma[cross].ravel())
    upper = np.triu_indices(int((usable & ~is_station).sum()), 1)
    shared = fit_variogram(between[sensors][upper], gamma[sensors][upper], [moving.length])
    noise = np.full(len(logs), np.nan)
    field = moving.sill * (1 - np.exp(-between / moving.length))
    excess = gamma[sensors] - shared.sill * (1 - np.exp(-between[sensors] / moving.length))
    np.fill_diagonal(excess, np.nan)
    mine = median(excess, axis=1)
    least = settings.station_noise**2
    noise[usable & ~is_station] = np.maximum(2 * mine - np.median(mine), 0.25 * max(float(np.median(mine)), least))
    pairs = (gamma - field)[stations][np.triu_indices(int((usable & is_station).sum()), 1)]
    noise[usable & is_station] = max(float(median(pairs, axis=0)), least)

    lasting, alone = _lasting(level, usable, between, n_stations, least)
    error = max(shared.sill - moving.sill, 0.0)
    local = np.zeros(len(logs))
    local[usable & ~is_station] = _local(rest[usable & ~is_station], between[sensors])
    return _Levels(level, noise, alone, lasting, moving, error, local, scale, usable)


def _lasting(level: Floats, usable: Bools, between: Floats, n_stations: int, least: float) -> tuple[Variogram, Floats]:
    """The field of what stays, and how far each level stands alone (gains of sensors, places of stations)."""
    sensors = np.flatnonzero(usable & (np.arange(len(level)) >= n_stations))
    apart = level[sensors]
    middle = np.median(apart)
    spread = 1.4826 * np.median(np.abs(apart - middle))
    level[sensors] = np.clip(apart, middle - 2.5 * spread, middle + 2.5 * spread)
    upper = np.triu_indices(len(sensors), 1)
    squares = 0.5 * (apart[:, None] - apart)[upper] ** 2 / MEDIAN_OF_SQUARE
    lasting = fit_variogram(between[np.ix_(sensors, sensors)][upper], squares)
    alone = np.full(len(level), max(lasting.nugget, least))
    alone[:n_stations] = least
    return lasting, alone


def _local(rest: Floats, between: Floats) -> Floats:
    """Share of what a sensor does not have in common with its neighbours that is still there an hour later."""
    nearest = np.argsort(between, axis=1, kind="stable")[:, 1 : 1 + _NEIGHBOURS]
    apart = rest - median(rest[nearest], axis=1)
    before, now = apart[:, :-1], apart[:, 1:]
    both = np.isfinite(before) & np.isfinite(now)
    product, square = np.where(both, before * now, 0.0).sum(axis=1), np.where(both, now**2, 0.0).sum(axis=1)
    return np.asarray(np.clip(np.divide(product, square, out=np.zeros(len(rest)), where=square > 0), 0.0, 1.0))


def _two_way(logs: Floats) -> tuple[Floats, Floats]:
    """Level of each place and what is left, after the hours' common part: medians by turns."""
    level = np.zeros(len(logs))
    hourly = np.zeros(logs.shape[1])
    seen = np.isfinite(logs).any(axis=0)
    for _ in range(4):
        hourly[seen] = median(logs[:, seen] - level[:, None], axis=0)
        level = median(logs - hourly, axis=1)
    level -= level.mean()
    return level, logs - hourly - level[:, None]


def _krige(
    logs: Floats,
    levels: _Levels,
    where: tuple[Floats, Floats, Bools],
    n_stations: int,
    settings: BlendSettings,
) -> tuple[Floats, Floats]:
    """Log values and their variance at places (m, T)."""
    between, towards, held = where
    value, variance = np.full((2, len(towards), logs.shape[1]), np.nan)
    usable = np.flatnonzero(levels.usable)
    is_sensor = usable >= n_stations
    deviation = logs - levels.level[:, None]
    common = median(deviation[usable[is_sensor]], axis=0)
    far = np.abs(deviation - common) > settings.outlier * levels.scale[:, None]
    far[:n_stations] = False
    deviation = np.where(far, np.nan, deviation)
    sensors, stations = usable[is_sensor], usable[~is_sensor]
    if len(sensors) <= settings.dense:
        parts = [(np.arange(len(towards)), usable)]
    else:
        nearest = np.argsort(towards[:, sensors], axis=1, kind="stable")[:, : settings.nearest]
        parts = [(np.array([i]), np.concatenate([stations, sensors[row]])) for i, row in enumerate(nearest)]
    for part, taken in parts:
        sensor = taken >= n_stations
        mine = held[np.ix_(part, taken)] * (levels.local * levels.noise)[taken]
        h, to = between[np.ix_(taken, taken)], towards[np.ix_(part, taken)]
        drift = np.stack([np.ones(len(taken)), sensor.astype(np.float64)], axis=1)

        stays = levels.lasting.covariance(h) + np.diag(levels.alone[taken])
        all_known = np.ones((1, len(taken)), bool)
        weight, lasting_less = kriging_weights(stays, levels.lasting.covariance(to), drift, all_known)
        lasting = weight[0] @ levels.level[taken]

        shared = levels.error * np.outer(sensor, sensor) * np.exp(-h / levels.moving.length)
        moves = levels.moving.covariance(h) + shared + np.diag(levels.noise[taken])
        x = deviation[taken]
        known = np.isfinite(x).T
        weight, moving_less = kriging_weights(moves, levels.moving.covariance(to) + mine, drift, known)
        moving = np.einsum("tmn,tn->mt", weight, np.where(known, x.T, 0.0))
        moving[:, ~known[:, ~sensor].any(axis=1)] = np.nan
        value[part] = lasting[:, None] + moving
        beyond = levels.lasting.sill + levels.moving.sill + mine.sum(axis=1)
        variance[part] = np.maximum((lasting_less + moving_less + beyond).T, 0.0)
    return value, variance
