# SPDX-License-Identifier: EUPL-1.2
"""Hour labels of a network against those of the stations: who is early or late, and how sure that is.

A `Network` comes in, the slips that were found go out. Nothing is corrected here: `shifted` does it, when asked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from calibration.align import Floats, Lag, estimate_lag, shift
from calibration.errors import TooLittleData
from calibration.network.data import Network
from calibration.network.interpolate import median

MIN_CORRELATION = 0.5  # below it a peak of the correlation says little of clocks
CLEAR = 3  # standard errors from zero: hundreds of sensors are looked at, and few may be blamed for nothing


@dataclass(frozen=True)
class Slip:
    """`which` is "sensors" (all together), "sensor" or "station"; `number` its row, -1 for all; `lag` how late."""

    which: str
    number: int
    lag: Lag


def find_slips(network: Network) -> list[Slip]:
    """Slips of which one can be sure: of each station, of all sensors together, and of single sensors.

    Notes
    -----
    A station is compared with the median of the others, all sensors with that of the stations, one sensor with that of
    all sensors. The median over places has little noise of its own, so half an hour can be told.
    """
    found = []
    if len(network.stations) > 2:
        for one, values in enumerate(network.stations):
            found.append(_slip("station", one, network, values, _median(network.without(one).stations)))
    together = _slip("sensors", -1, network, _median(network.sensors), _median(network.stations))
    found.append(together)
    if len(network.sensors) > 2:
        middle = _median(network.sensors)
        found += [_slip("sensor", one, network, values, middle) for one, values in enumerate(network.sensors)]
    return [one for one in found if one is not None]


def shifted(network: Network, hours: float) -> Network:
    """The network with all sensors put back by `hours`, by which they are late; half hours are means of two."""
    if not hours:
        return network
    return replace(network, sensors=np.stack([shift(network.t, x, hours) for x in network.sensors]))


def _slip(which: str, number: int, network: Network, values: Floats, against: Floats) -> Slip | None:
    try:
        lag = estimate_lag(network.t, values, against)
    except TooLittleData:
        return None
    clear = abs(lag.estimate) > CLEAR * lag.spread and lag.correlation >= MIN_CORRELATION
    sure = lag.sure and lag.hours != 0 and clear
    return Slip(which, number, lag) if sure else None


def _median(values: Floats) -> Floats:
    if not len(values):
        return np.full(values.shape[1], np.nan)
    # Sensors have gains of their own: bring each to its own median before the median over places.
    own = median(values, axis=1)[:, None]
    return median(values / np.where(own > 0, own, np.nan), axis=0)
