# SPDX-License-Identifier: EUPL-1.2
"""How much a network gains at stations that it may not look at: made-up towns of 200 sensors and 8 stations.

Called by `tests.bench.science`. The towns' seeds are none of those that the method was tried on.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from calibration.network import METHODS, BlendSettings, Network, score_network
from tests.bench.table import Bar
from tests.calibration.simulated_network import simulate_network

SEEDS = (11, 12, 13, 14)
DAYS = 30
NEAREST = BlendSettings(dense=0)  # the nearest sensors only: a fifth of the time, and nearly the same figures
MUST, AIM = 0.95, 0.85


def measure_network() -> Iterator[Bar]:
    """The mean ratio over the towns, for the blend in both of its modes; group factors are told beside it."""
    ratios: dict[str, list[float]] = {method: [] for method in METHODS}
    coverage: dict[str, list[float]] = {method: [] for method in METHODS}
    for seed in SEEDS:
        made = simulate_network(DAYS, seed=seed)
        network = Network(made.t, made.station_places, made.stations, made.sensor_places, made.sensors)
        for score in score_network(network, settings=NEAREST):
            ratios[score.method].append(score.ratio)
            coverage[score.method].append(score.coverage90)
    for method in ("causal", "retrospective"):
        yield Bar(
            name=f"Simulated network, {method}: RMSE at left-out stations",
            reached=float(np.mean(ratios[method])),
            must=MUST,
            aim=AIM,
            better="lower",
            rival=f"no sensor 1, group factors {np.mean(ratios['hourly']):.2f}",
            note=f"towns {', '.join(f'{ratio:.2f}' for ratio in ratios[method])}; the 90 % interval holds "
            f"{', '.join(f'{100 * share:.0f}' for share in coverage[method])} % of left-out hours",
        )
