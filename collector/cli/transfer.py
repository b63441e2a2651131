# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure calibrate transfer`: units with a few days beside a station, by what others of their type learned."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from collector.cli.options import emit, output_option
from collector.moments import iso

if TYPE_CHECKING:
    from calibration.align import Floats, Ints
    from calibration.transfer import Gain, TransferScore

_INDICATIVE = "Indicative measurements: not for testing against limit values."


@click.command()
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--reference", required=True, metavar="COLUMN", help="The reference instrument.")
@click.option("--raw", required=True, metavar="COLUMN", help="The sensor's own value.")
@click.option(
    "--with",
    "beside",
    multiple=True,
    metavar="NAME=COLUMN",
    help="What was measured with it, say humidity=RH; several times.",
)
@click.option("--time", required=True, metavar="COLUMN", help="ISO 8601, or seconds since 1970.")
@click.option("--zone", metavar="ZONE", help="Of times without an offset: Europe/Paris, UTC-5.")
@click.option("--label", type=click.Choice(["begin", "end"]), default="end", show_default=True)
@click.option("--unit", required=True, metavar="COLUMN", help="Names the sensor of each row.")
@click.option("--quantity", default="", metavar="NAME", help="What is measured; a gas is an electrochemical cell.")
@click.option("--days", type=click.IntRange(1, 60), default=7, show_default=True, help="Given to a unit left out.")
@click.option("--for", "target", metavar="UNIT", help="Give this unit its gain, learned from all others.")
@click.option(
    "--write", type=click.Path(path_type=Path), metavar="FILE", help="The hours of --for UNIT, calibrated, as CSV."
)
@output_option
def transfer(path: Path, **how: Any) -> None:
    """Judge what units of a type can teach each other, or give one unit its gain.

    Each unit is left out in turn: the others make a model of the type, some days of its own give it one gain, and later
    hours judge it. Beside it a straight line through the same days: below a ratio of 1 the type helps.

    With --for, the unit's hours beside the reference, few as they are, give its gain with an uncertainty; --write gives
    all its hours. Without any beside it, the gain is 1, as sure as units are alike; an electrochemical cell is then
    refused, as such cells do not resemble each other.

    \b
    citimeasure calibrate transfer hours.csv --time time --zone UTC --unit sensor --reference ref --raw pm25 \\
        --with humidity=rh --for kit-7hx3m9ab
    """  # fmt: skip
    from calibration.table import read_table
    from calibration.transfer import Unit, fit_type, score_transfer, unit_gain
    from collector.cli.columns import pairs_of
    from collector.errors import NothingFound, UsageError
    from collector.evaluating import said_our_way

    if how["write"] and not how["target"]:
        raise UsageError("--write needs --for.", "Name the unit whose hours are wanted.")
    beside = pairs_of(how["beside"], "--with")
    with said_our_way():
        table = read_table(
            path, time=how["time"], zone=how["zone"], label=how["label"], unit=how["unit"],
            columns=beside | {"raw": how["raw"], "reference": how["reference"]},
        )  # fmt: skip
        units = {
            name: Unit(
                part.time, {key: part.columns[key] for key in ("raw", *beside)}, part.columns["reference"]
            )
            for name, part in table.by_unit().items()
        }  # fmt: skip
        if how["target"] is None:
            scores = score_transfer(units, days=how["days"])
            rows = [_row(score) for score in scores]
        else:
            if how["target"] not in units:
                raise NothingFound(f"There is no unit {how['target']!r} in {path}.", f"It has {', '.join(units)}.")
            unit = units.pop(how["target"])
            known = fit_type(list(units.values()))
            gain = unit_gain(known, unit, quantity=how["quantity"])
            rows = [_gain(how["target"], gain, len(units))]
            if how["write"]:
                _write(how["write"], unit.t, known.apply(unit.t, unit.sensor), gain)
    emit(rows, how["output"], notes=[*table.notes, _INDICATIVE])


def _row(score: TransferScore) -> dict[str, Any]:
    return {
        "unit": score.unit,
        "hours": score.n,
        "starts": score.starts,
        "raw": score.raw,
        "no_sensor": score.no_sensor,
        "own_line": score.own_line,
        "type": score.type_alone,
        "type_and_gain": score.type_gain,
        "ratio": score.ratio,
        "helps": score.ratio < 1,
    }


def _gain(name: str, gain: Gain, others: int) -> dict[str, Any]:
    return {"unit": name, "gain": gain.gain, "u_percent": 100 * gain.u, "days": gain.days, "taught_by": others}


def _write(path: Path, t: Ints, said: Floats, gain: Gain) -> None:
    from collector.errors import SettingError

    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["time", "value", "u_gain"])
            for moment, value in zip(t.tolist(), (gain.gain * said).tolist(), strict=True):
                if value == value:  # not NaN
                    writer.writerow([iso(moment), f"{value:.3f}", f"{abs(value) * gain.u:.3f}"])
    except OSError as error:
        raise SettingError(f"{path} cannot be written: {error.strerror}.", "Look at the folder.") from error
