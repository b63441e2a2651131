# SPDX-License-Identifier: EUPL-1.2
"""Leave one station out: how near a network comes to a station that it may not look at, beside no sensor at all.

A `Network` comes in, scores go out. `calibrate_network` is the front door: it judges first, and refuses the word
"calibrated" where sensors do not help.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from calibration.align import Floats
from calibration.errors import NoBetter, TooLittleData
from calibration.network.blending import Blend, BlendSettings, blend
from calibration.network.data import Network
from calibration.network.factors import apply_factors, groups, interpolate_hourly
from calibration.network.interpolate import distances

HOURLY, CAUSAL, RETROSPECTIVE = METHODS = ("hourly", "causal", "retrospective")
MIN_HOURS = 48  # per station, over all stations: fewer say nothing
NORMAL_90 = 1.645


@dataclass(frozen=True)
class NetworkScore:
    """How a method did at stations that were left out.

    Attributes
    ----------
    method : str
    n : int
        Hours of stations with an estimate, a measurement and something to compare with.
    rmse, bias : float
        Of estimate minus measurement, in the stations' unit.
    no_sensor : float
        RMSE, at the same hours, of the best that the other stations alone can do.
    rival : str
        What that was: by distance, by distance in log space, or the stations' mean.
    by_station : (S,) array
        Ratio of the two at each station; NaN where there is nothing to compare.
    coverage90 : float
        Share of measurements within the 90 % interval whose width the *other* stations gave; NaN without intervals.
    widen : float
        By what the model's own uncertainty must be multiplied; 1 where it is not known.
    """

    method: str
    n: int
    rmse: float
    bias: float
    no_sensor: float
    rival: str
    by_station: Floats
    coverage90: float
    widen: float

    @property
    def ratio(self) -> float:
        """RMSE against no sensor: below one, sensors help."""
        return self.rmse / self.no_sensor if self.no_sensor > 0 else np.inf

    @property
    def helps(self) -> bool:
        return self.ratio < 1


@dataclass(frozen=True)
class NetworkValues:
    """Calibrated hours at the sensors' places, (K, T) in the stations' unit, with what a left-out station said of them.

    `lower` and `upper` bound the 90 % interval; both are NaN for the hourly method, which knows no uncertainty.
    """

    value: Floats
    lower: Floats
    upper: Floats
    score: NetworkScore


def score_network(
    network: Network, methods: Sequence[str] = METHODS, *, settings: BlendSettings | None = None
) -> list[NetworkScore]:
    """Leave each station out in turn, with everything that was learned from it.

    Parameters
    ----------
    methods : sequence of str
        "hourly": the mean of the sensors around the left-out station times the group factors of the other stations;
        "causal" and "retrospective": the blend.

    Raises
    ------
    TooLittleData
        With fewer than three stations, or fewer than 48 hours per station that can be compared.
    """
    network.check_stations()
    alone = _no_sensor(network)
    return [_score(network, alone, method, settings) for method in methods]


def calibrate_network(
    network: Network, method: str = CAUSAL, *, settings: BlendSettings | None = None, score: NetworkScore | None = None
) -> NetworkValues:
    """Calibrated hours of all sensors, if the network beats no sensor at all.

    Parameters
    ----------
    score : NetworkScore, optional
        Of the same network and method, if it is known already.

    Raises
    ------
    NoBetter
        If it does not.
    TooLittleData
        As `score_network`.
    """
    [judged] = [score] if score is not None else score_network(network, [method], settings=settings)
    if not judged.helps:
        raise NoBetter(
            f"At left-out stations the network errs by {judged.rmse:.3g}, the other stations alone by "
            f"{judged.no_sensor:.3g}: the sensors do not help, so their values are not called calibrated.",
            "Use the stations; look for slipped hours and dead sensors, or calibrate sensors beside a station.",
        )
    if method == HOURLY:
        value = apply_factors(network, network.sensor_places, network.sensors)
        return NetworkValues(value, np.full_like(value, np.nan), np.full_like(value, np.nan), judged)
    own = np.eye(len(network.sensors), dtype=bool)
    found = blend(network, network.sensor_places, mode=method, own=own, settings=settings)
    value = np.where(np.isfinite(network.sensors), found.value, np.nan)
    lower, upper = _interval(found, judged.widen)
    return NetworkValues(value, np.where(np.isfinite(value), lower, np.nan), upper + 0 * value, judged)


def _score(network: Network, alone: dict[str, Floats], method: str, settings: BlendSettings | None) -> NetworkScore:
    estimate = np.full(network.stations.shape, np.nan)
    misfit = np.full(network.stations.shape, np.nan)  # of logarithms, in the model's own standard uncertainties
    for one in range(len(network.stations)):
        rest, place = network.without(one), network.station_places[one : one + 1]
        if method == HOURLY:
            mean, _ = groups(network)
            estimate[one] = apply_factors(rest, place, mean[one : one + 1])[0]
            continue
        found = blend(rest, place, mode=method, settings=settings)
        estimate[one] = found.value[0]
        apart = np.log((np.maximum(network.stations[one], 0) + found.floor) / (found.value[0] + found.floor))
        misfit[one] = apart / np.maximum(found.u[0], 1e-9)
    common = np.isfinite(estimate) & np.isfinite(network.stations)
    common &= np.logical_and.reduce([np.isfinite(x) for x in alone.values()])
    n = int(common.sum())
    if n < MIN_HOURS * len(network.stations):
        raise TooLittleData(
            f"Method {method}: {n} hours of stations can be compared, "
            f"{MIN_HOURS * len(network.stations)} are needed ({MIN_HOURS} for each station).",
            "Give more hours, and sensors within 2 km of stations for the hourly method.",
        )
    error = np.where(common, estimate - network.stations, np.nan)
    errors = {name: np.where(common, x - network.stations, np.nan) for name, x in alone.items()}
    rival = min(errors, key=lambda name: float(np.nanmean(errors[name] ** 2)))
    squares, theirs = (np.where(common, x, 0.0) ** 2 for x in (error, errors[rival]))
    mine, other = squares.sum(axis=1), theirs.sum(axis=1)
    widen, coverage = _widen(np.where(common, misfit, np.nan))
    return NetworkScore(
        method=method,
        n=n,
        rmse=float(np.sqrt(mine.sum() / n)),
        bias=float(np.nanmean(error)),
        no_sensor=float(np.sqrt(other.sum() / n)),
        rival=rival,
        by_station=np.sqrt(np.divide(mine, other, out=np.full(len(mine), np.nan), where=other > 0)),
        coverage90=coverage,
        widen=widen,
    )


def _no_sensor(network: Network) -> dict[str, Floats]:
    """What the other stations say of each station, in the ways in which they can be put together."""
    found: dict[str, list[Floats]] = {"by distance": [], "by distance in log space": [], "mean": []}
    known = network.stations[network.stations > 0]
    floor = 0.1 * float(np.median(known)) if len(known) else 1.0
    for one in range(len(network.stations)):
        rest = network.without(one).stations
        d = distances(network.station_places[one : one + 1], np.delete(network.station_places, one, axis=0))
        found["by distance"].append(interpolate_hourly(rest, d)[0])
        logs = interpolate_hourly(np.log(np.maximum(rest, 0) + floor), d)[0]
        found["by distance in log space"].append(np.exp(logs) - floor)
        found["mean"].append(interpolate_hourly(rest, np.ones_like(d))[0])
    return {name: np.stack(values) for name, values in found.items()}


def _widen(misfit: Floats) -> tuple[float, float]:
    """What makes nine in ten errors fit, and how many then do at stations that had no say in it."""
    known = np.isfinite(misfit)
    if not known.any():
        return 1.0, np.nan

    def needed(rows: Floats) -> float:
        return float(np.quantile(np.abs(rows[np.isfinite(rows)]), 0.9)) / NORMAL_90

    held = []
    for one in np.flatnonzero(known.any(axis=1)):
        rest = np.delete(misfit, one, axis=0)
        if np.isfinite(rest).any():
            width = NORMAL_90 * needed(rest)
            held.append(misfit[one][known[one]] / width)
    if not held:
        return needed(misfit), np.nan
    return needed(misfit), float((np.abs(np.concatenate(held)) <= 1).mean())


def _interval(found: Blend, widen: float) -> tuple[Floats, Floats]:
    far = NORMAL_90 * widen * found.u
    middle = found.value + found.floor
    return np.maximum(middle * np.exp(-far) - found.floor, 0.0), middle * np.exp(far) - found.floor
