# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure calibrate network`: sensors that never hung beside a station, through the stations around them."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from collector.cli.options import emit, output_option
from collector.moments import iso

if TYPE_CHECKING:
    from calibration.network import NetworkScore, NetworkValues, Slip, StationReport
    from calibration.network.read import NamedNetwork

_INDICATIVE = "Indicative measurements: not for testing against limit values."


@click.command()
@click.argument("sensors", metavar="SENSORS", type=click.Path(path_type=Path))
@click.argument("stations", metavar="STATIONS", type=click.Path(path_type=Path))
@click.option("--time", default="time", show_default=True, metavar="COLUMN", help="ISO 8601, or seconds since 1970.")
@click.option("--zone", metavar="ZONE", help="Of times without an offset: Europe/Paris, UTC-5.")
@click.option("--label", type=click.Choice(["begin", "end"]), default="end", show_default=True)
@click.option("--id", "unit", default="id", show_default=True, metavar="COLUMN", help="Names the sensor or station.")
@click.option("--latitude", default="latitude", show_default=True, metavar="COLUMN")
@click.option("--longitude", default="longitude", show_default=True, metavar="COLUMN")
@click.option("--raw", default="raw", show_default=True, metavar="COLUMN", help="The sensors' hourly means.")
@click.option("--reference", default="reference", show_default=True, metavar="COLUMN", help="The stations'.")
@click.option("--type", "kind", metavar="COLUMN", help="Of stations: background, regional, traffic or industrial.")
@click.option("--distance", default=20.0, show_default=True, metavar="KM", help="From a sensor to a station, at most.")
@click.option("--shift", default=0.0, metavar="HOURS", help="Put all sensors back by what they are late.")
@click.option("--method", type=click.Choice(["hourly", "causal", "retrospective"]), help="Only that one. [all]")
@click.option(
    "--write", type=click.Path(path_type=Path), metavar="FILE", help="Calibrated hours as CSV; needs --method."
)
@output_option
def network(sensors: Path, stations: Path, **how: Any) -> None:
    """Judge and calibrate a network by the official stations around it, without any co-location.

    SENSORS and STATIONS are plain CSV files with a row for each place and hour. Every station is left out in turn; what
    the network says there is compared with what the other stations alone say ("no sensor"). A ratio of 1 or more means
    that the sensors do not help: nothing is then written, and the exit code is 7.

    hourly: group factors, each hour alone. causal: a blend that never looks ahead, for values of today. retrospective:
    the same with what came later, for reports.

    \b
    citimeasure calibrate network sensors.csv stations.csv --zone UTC --type type --method causal --write calibrated.csv
    """
    from calibration.network import (
        METHODS,
        StationRules,
        calibrate_network,
        choose_stations,
        find_slips,
        score_network,
        shifted,
    )
    from calibration.network.read import NetworkColumns, read_network
    from collector.errors import Refused, UsageError
    from collector.evaluating import said_our_way

    if how["write"] and not how["method"]:
        raise UsageError("--write needs --method.", "Choose causal for values of today, retrospective for reports.")
    columns = NetworkColumns(
        time=how["time"], unit=how["unit"], latitude=how["latitude"], longitude=how["longitude"], raw=how["raw"],
        reference=how["reference"], type=how["kind"], zone=how["zone"], label=how["label"],
    )  # fmt: skip
    with said_our_way():
        named = read_network(stations, sensors, columns)
        chosen, reports = choose_stations(shifted(named.network, how["shift"]), StationRules(distance=how["distance"]))
        slips = find_slips(chosen)
        kept = [named.stations[one.station] for one in reports if not one.refused]
        scores = score_network(chosen, [how["method"]] if how["method"] else METHODS)
        notes = [*named.notes, *_said_of_stations(named, reports), *_said_of_slips(named, kept, slips), _INDICATIVE]
        emit([_row(score, kept) for score in scores], how["output"], notes=notes)
        if how["write"]:
            _write(how["write"], named, calibrate_network(chosen, how["method"], score=scores[0]))
    if not any(score.helps for score in scores):
        raise Refused(
            "At left-out stations the network is no better than the other stations alone: do not call it calibrated.",
            "Use the stations; look for slipped hours and dead sensors, or calibrate sensors beside a station.",
        )


def _row(score: NetworkScore, stations: list[str]) -> dict[str, Any]:
    worst = max(range(len(stations)), key=lambda one: score.by_station[one])
    return {
        "method": score.method,
        "hours": score.n,
        "rmse": score.rmse,
        "no_sensor_rmse": score.no_sensor,
        "ratio": score.ratio,
        "bias": score.bias,
        "coverage90": _number(score.coverage90),
        "worst_station": stations[worst],
        "worst_ratio": _number(float(score.by_station[worst])),
        "calibrated": score.helps,
    }


def _said_of_stations(named: NamedNetwork, reports: list[StationReport]) -> list[str]:
    return [f"Station {named.stations[one.station]} is not used: it {one.refused}." for one in reports if one.refused]


def _said_of_slips(named: NamedNetwork, kept: list[str], slips: list[Slip]) -> list[str]:
    names = {"station": kept, "sensor": list(named.sensors)}
    said = []
    for slip in slips:
        late = f"{abs(slip.lag.hours):g} h {'late' if slip.lag.hours > 0 else 'early'} (r {slip.lag.correlation:.2f})"
        if slip.which == "sensors":
            said.append(
                f"All sensors together are {late} against the stations: look at --label and --zone of both files; "
                f"--shift {slip.lag.hours:g} puts them back."
            )
        else:
            said.append(f"{slip.which.capitalize()} {names[slip.which][slip.number]} is {late} against the others.")
    return said


def _write(path: Path, named: NamedNetwork, values: NetworkValues) -> None:
    from collector.errors import SettingError

    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["time", "id", "value", "lower", "upper"])
            for row, name in enumerate(named.sensors):
                for column, moment in enumerate(named.network.t):
                    cells = [float(part[row, column]) for part in (values.value, values.lower, values.upper)]
                    if math.isfinite(cells[0]):
                        writer.writerow([iso(int(moment)), name, *(_cell(x) for x in cells)])
    except OSError as error:
        raise SettingError(f"{path} cannot be written: {error.strerror}.", "Look at the folder.") from error


def _cell(x: float) -> str:
    return f"{x:.3f}" if math.isfinite(x) else ""


def _number(x: float) -> float | None:
    return x if math.isfinite(x) else None
