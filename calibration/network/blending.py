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
from calibration.network.interpolate import Variogram, distances, fit_variogram, semivariances

MODES = ("causal", "retrospective")
MEDIAN_OF_SQUARE = 0.4549  # of a standard normal: what the median of squares is of their mean
_EPS = 1e-9  # keeps systems regular where no sensor is there; far below any variance


@dataclass(frozen=True)
class BlendSettings:
    """How the blend learns.

    Attributes
    ----------
    window : int
        Days from which it learns; before the day, or half before and half after.
    min_hours : int
        Hours that a sensor must have had in the window.
    nearest : int
        Sensors taken for each place, the nearest ones; keeps the work in proportion to their number.
    outlier : float
        Deviations of so many standard deviations are taken as missing: a barbecue, a smoker.
    station_noise : float
        Least relative standard uncertainty of stations.
    """

    window: int = 14
    min_hours: int = 72
    nearest: int = 40
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
    scale[usable] = 1.4826 * np.nanmedian(np.abs(rest[usable]), axis=1)
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
    mine = np.nanmedian(excess, axis=1)
    least = settings.station_noise**2
    noise[usable & ~is_station] = np.maximum(2 * mine - np.median(mine), 0.25 * max(float(np.median(mine)), least))
    pairs = (gamma - field)[stations][np.triu_indices(int((usable & is_station).sum()), 1)]
    noise[usable & is_station] = max(float(np.nanmedian(pairs)), least)

    lasting, alone = _lasting(level, usable, between, n_stations, least)
    error = max(shared.sill - moving.sill, 0.0)
    return _Levels(level, noise, alone, lasting, moving, error, scale, usable)


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


def _two_way(logs: Floats) -> tuple[Floats, Floats]:
    """Level of each place and what is left, after the hours' common part: medians by turns."""
    level = np.zeros(len(logs))
    hourly = np.zeros(logs.shape[1])
    seen = np.isfinite(logs).any(axis=0)
    for _ in range(4):
        hourly[seen] = np.nanmedian(logs[:, seen] - level[:, None], axis=0)
        level = np.nanmedian(logs - hourly, axis=1)
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
    common = np.nanmedian(np.where(np.isfinite(deviation[usable[is_sensor]]), deviation[usable[is_sensor]], np.nan), 0)
    far = np.abs(deviation - common) > settings.outlier * levels.scale[:, None]
    far[:n_stations] = False
    deviation = np.where(far, np.nan, deviation)
    for place, distance in enumerate(towards):
        near = usable[is_sensor][np.argsort(distance[usable[is_sensor]], kind="stable")[: settings.nearest]]
        taken = np.concatenate([usable[~is_sensor], near])
        sensor = taken >= n_stations
        mine = held[place, taken]
        h, to = between[np.ix_(taken, taken)], distance[taken]
        drift = np.stack([np.ones(len(taken)), sensor.astype(np.float64)], axis=1)
        both = np.outer(sensor, sensor)

        stays = levels.lasting.covariance(h) + np.diag(levels.alone[taken])
        wanted = levels.lasting.covariance(to)
        weight, lasting_variance = _solve(stays[None], wanted, drift, np.ones((1, len(taken)), bool))
        lasting = float(weight[0] @ levels.level[taken])

        moves = levels.moving.covariance(h) + both * levels.error * np.exp(-h / levels.moving.length)
        moves = moves + np.diag(levels.noise[taken])
        wanted = levels.moving.covariance(to) + mine * 0.5 * levels.noise[taken]
        x = deviation[taken]
        known = np.isfinite(x).T
        weight, moving_variance = _solve(np.broadcast_to(moves, (len(known), *moves.shape)), wanted, drift, known)
        value[place] = lasting + (weight * np.where(known, x.T, 0.0)).sum(axis=1)
        value[place, ~known[:, ~sensor].any(axis=1)] = np.nan
        beyond = levels.lasting.sill + levels.moving.sill + float((mine * 0.5 * levels.noise[taken]).sum())
        variance[place] = np.maximum(lasting_variance + moving_variance + beyond, 0.0)
    return value, variance


def _solve(covariance: Floats, target: Floats, drift: Floats, known: Bools) -> tuple[Floats, Floats]:
    """Kriging weights (T, n) hour by hour, zero where an observation is missing, and the variance's reduction (T,)."""
    hours, n = known.shape
    q = drift.shape[1]
    system = np.zeros((hours, n + q, n + q))
    pair = known[:, :, None] & known[:, None, :]
    system[:, :n, :n] = np.where(pair, covariance, np.eye(n))
    system[:, :n, n:] = np.where(known[:, :, None], drift, 0.0)
    system[:, n:, :n] = system[:, :n, n:].transpose(0, 2, 1)
    system[:, range(n, n + q), range(n, n + q)] = -_EPS
    right = np.zeros((hours, n + q))
    right[:, :n] = np.where(known, target, 0.0)
    right[:, n] = 1.0
    solved = np.linalg.solve(system, right[..., None])[..., 0]
    return np.asarray(solved[:, :n]), -np.asarray((solved * right).sum(axis=1))
