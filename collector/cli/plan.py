# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure calibrate plan`: how long to hang a sensor beside a station, how far it is, and if it hangs well."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from collector.cli.options import emit, output_option
from collector.errors import UsageError

if TYPE_CHECKING:
    from calibration.planner import Finding, Plan

_GEOMETRY = ("distance", "height_difference", "inlet_height", "free_arc", "wall_distance")


@click.command()
@click.argument("path", metavar="[FILE]", type=click.Path(path_type=Path), required=False)
@click.option("--reference", metavar="COLUMN", help="The reference instrument.")
@click.option("--raw", metavar="COLUMN", help="The sensor's own value.")
@click.option("--time", metavar="COLUMN", help="ISO 8601, or seconds since 1970.")
@click.option("--zone", metavar="ZONE", help="Of times without an offset: Europe/Paris, UTC-5.")
@click.option("--label", type=click.Choice(["begin", "end"]), default="end", show_default=True)
@click.option("--unit", metavar="COLUMN", help="Names the sensor of each row, where there are several.")
@click.option("--wanted", default=10.0, show_default=True, metavar="PERCENT", help="Standard uncertainty of the level.")
@click.option("--limit-value", type=float, metavar="X", help="Whether the reference has reached half of it.")
@click.option("--distance", type=float, metavar="M", help="Between the inlets, on the ground.")
@click.option("--height-difference", type=float, metavar="M", help="Between the inlets.")
@click.option("--inlet-height", type=float, metavar="M", help="Of the sensor above the ground.")
@click.option("--free-arc", type=float, metavar="DEGREES", help="Without an obstacle around the sensor's inlet.")
@click.option("--wall-distance", type=float, metavar="M", help="From the sensor's inlet to the nearest wall.")
@output_option
def plan(path: Path | None, **how: Any) -> None:
    """Plan a co-location: days needed, days done, and whether sensor and reference breathe the same air.

    FILE is a plain CSV of hours of sensor and reference side by side: of this co-location so far, or of an older one of
    the same type in the same place. From how their ratio wanders from day to day comes how long it takes until its mean
    is as sure as wanted. Without a FILE only the geometry is checked.

    \b
    citimeasure calibrate plan hours.csv --time time --zone UTC --reference ref --raw pm25 --wanted 10
    citimeasure calibrate plan --distance 3 --height-difference 0.5 --inlet-height 3 --free-arc 360
    """
    from calibration.planner import Geometry, check_geometry
    from collector.evaluating import said_our_way

    measured = {name: how[name] for name in _GEOMETRY}
    hangs = any(value is not None for value in measured.values())
    if path is None and not hangs:
        raise UsageError("There is nothing to plan with.", "Name a FILE of hours, or lengths such as --distance 3.")
    rows: list[dict[str, Any]] = []
    notes: list[str] = []
    with said_our_way():
        if path is not None:
            for name, found in _plans(path, how, notes).items():
                rows += _progress(name, found, how["limit_value"])
                if not found.sure:
                    notes.append(
                        f"{name or 'The co-location'} is short against what wanders in it: more days may be needed."
                    )
        if hangs:
            rows += [_rule(finding) for finding in check_geometry(Geometry(**measured))]
    emit(rows, how["output"], notes=notes)


def _plans(path: Path, how: dict[str, Any], notes: list[str]) -> dict[str, Plan]:
    from calibration import planner
    from calibration.table import read_table

    absent = [f"--{name}" for name in ("reference", "raw", "time") if not how[name]]
    if absent:
        raise UsageError(f"For a file, {' and '.join(absent)} must name a column.")
    table = read_table(
        path, time=how["time"], zone=how["zone"], label=how["label"], unit=how["unit"],
        columns={"raw": how["raw"], "reference": how["reference"]},
    )  # fmt: skip
    notes += table.notes
    return {
        name: planner.plan(part.time, part.columns["raw"], part.columns["reference"], how["wanted"] / 100)
        for name, part in table.by_unit().items()
    }


def _progress(unit: str, found: Plan, limit_value: float | None) -> list[dict[str, Any]]:
    from calibration.planner import LEAST_DAYS, LEAST_SHARE, MAX_DAYS

    needed = max(found.needed, LEAST_DAYS) if found.needed is not None else None
    days = f">= {needed}" if needed is not None else f"more than {MAX_DAYS}"
    rows = [
        _row(unit, "days together", float(found.days), days, needed is not None and found.days >= needed),
        _row(unit, "uncertainty of the level [%]", 100 * found.now, f"<= {100 * found.wanted:g}",
             found.now <= found.wanted),
        _row(unit, "hours with both values [%]", 100 * found.share, f">= {100 * LEAST_SHARE:g}",
             found.share >= LEAST_SHARE),
    ]  # fmt: skip
    if limit_value is not None:
        reached = found.reference_high >= limit_value / 2
        rows.append(_row(unit, "reference, 95 % quantile", found.reference_high, f">= {limit_value / 2:g}", reached))
    return rows


def _rule(finding: Finding) -> dict[str, Any]:
    wanted = f"{finding.low:g} .. {finding.high:g}" if finding.high < 1e6 else f">= {finding.low:g}"
    return _row("", f"{finding.rule} ({finding.source})", finding.measured, wanted, finding.kept)


def _row(unit: str, what: str, measured: float | None, wanted: str, kept: bool | None) -> dict[str, Any]:
    return {"unit": unit, "what": what, "measured": measured, "wanted": wanted, "kept": kept}
