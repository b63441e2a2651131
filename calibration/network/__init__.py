# SPDX-License-Identifier: EUPL-1.2
"""A network of sensors that never hung beside a station, calibrated through the official stations around it.

`Network` holds the hours, `choose_stations` and `find_slips` look at them, `score_network` leaves stations out, and
`calibrate_network` gives values if the sensors beat no sensor at all.
"""

from calibration.network.blending import Blend, BlendSettings, blend
from calibration.network.data import Network
from calibration.network.factors import apply_factors, groups, interpolate_hourly
from calibration.network.score import METHODS, NetworkScore, NetworkValues, calibrate_network, score_network
from calibration.network.slips import Slip, find_slips, shifted
from calibration.network.stations import StationReport, StationRules, choose_stations, report_stations

__all__ = [
    "METHODS",
    "Blend",
    "BlendSettings",
    "Network",
    "NetworkScore",
    "NetworkValues",
    "Slip",
    "StationReport",
    "StationRules",
    "apply_factors",
    "blend",
    "calibrate_network",
    "choose_stations",
    "find_slips",
    "groups",
    "interpolate_hourly",
    "report_stations",
    "score_network",
    "shifted",
]
