# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure calibrate evaluate`: sensors beside a reference, from a plain CSV file or from the store."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from collector.cli.hours import FILE_OPTIONS, hours_options, source_of
from collector.cli.options import Moment, emit, opened, output_option, period_options, with_settings
from collector.errors import UsageError
from collector.extras import need
from collector.settings import Settings

if TYPE_CHECKING:
    from calibration.evaluation import Aim, Row
    from collector.calibrating import CoLocation
    from collector.evaluating import Evaluated, Source

_INDICATIVE = "Indicative measurements: not for testing against limit values."
_STORE_OPTIONS = ("station", "models", "as_of")
_FILE_ONLY = ("quantity", "measured_in", "limit_value", "record", "correct_lag", "leave_out")


@click.command()
@with_settings("stores")
@period_options
@click.argument("what", metavar="FILE | DEVICE... QUANTITY", nargs=-1, required=True)
@hours_options
@click.option("--quantity", metavar="NAME", help="What the reference measures. [from its column's name]")
@click.option("--measured-in", metavar="UNIT", help="Of the reference: ug/m3, ppb, ... [from its column's name]")
@click.option(
    "--limit-value", type=float, metavar="X", help="Where the expanded uncertainty is given. [the EU's of 2030]"
)
@click.option("--correct-lag", is_flag=True, help="Shift the sensor by the lag that was found, if that is sure.")
@click.option(
    "--leave-out",
    type=click.Choice(["unit", "site", "season"]),
    help="Judge on one that the models have never seen, each in turn.",
)
@click.option("--record", type=click.Path(path_type=Path), metavar="FILE", help="Write the chosen calibration there.")
@click.option("--html", type=click.Path(path_type=Path), metavar="FILE", help="Write a report with pictures there.")
@click.option("--pictures", type=click.Path(path_type=Path), metavar="DIR", help="Write the pictures there.")
@click.option("--station", metavar="ID", help="From the store: the station to compare with.")
@click.option("--models", is_flag=True, help="From the store: compare all models on blocks of days left out.")
@click.option("--as-of", type=Moment(), help="From the store: with the calibrations that were known at that moment.")
@click.option("--split", default="blocked", show_default=True, help="How hours are left out; random is refused.")
@output_option
def evaluate(settings: Settings, after: int, until: int, what: tuple[str, ...], **how: Any) -> None:
    """Compare sensors with a reference, raw and calibrated, on hours that no model learned from.

    From a plain CSV FILE of hours, without any store: the first 60 % of the time is for training, the rest, after a gap
    of 24 hours, is for judging. All models stand beside the raw value and no sensor at all; the one that was chosen
    within the training hours is marked.

    From the store, for DEVICE... QUANTITY beside a --station: as `query` gives the values. Choose a period that the
    calibration was not fitted on. With --html or --pictures, models learn anew from the first 60 % of the period, as
    from a file. With --models, all models are fitted anew and compared on blocks of days left out.

    \b
    citimeasure calibrate evaluate hours.csv --time time --zone UTC+1 --reference pm25_ref_ugm3 --raw pm25_raw \\
        --with humidity=rh --with temperature=temp --unit sensor
    citimeasure calibrate evaluate hours.csv --time time --reference ref --raw pm25 --html report.html --pictures drawn
    citimeasure calibrate evaluate hours.csv --time time --reference ref --raw pm25 --unit sensor --leave-out unit
    citimeasure calibrate evaluate kit-7hx3m9ab pm25 --station nl10636 --from 2026-02-01
    citimeasure calibrate evaluate kit-7hx3m9ab pm25 --station nl10636 --html report.html
    """
    if how["station"] is not None:
        _refuse_options("--station", how, (*FILE_OPTIONS, *_FILE_ONLY))
        _from_store(settings, (after, until), what, how)
    elif len(what) == 1:
        _refuse_options("a file", how, _STORE_OPTIONS)
        _from_file(what[0], (after, until), how)
    else:
        raise UsageError(
            "It is not clear what to compare with.",
            "For a file: FILE --reference COLUMN --raw COLUMN --time COLUMN. For kits in the store: DEVICE... QUANTITY "
            "--station ID.",
        )


def _refuse_options(beside: str, how: dict[str, Any], options: tuple[str, ...]) -> None:
    names = {"beside": "with"}
    given = [f"--{names.get(name, name).replace('_', '-')}" for name in options if how[name]]
    if given:
        raise UsageError(
            f"{' and '.join(given)} cannot be used with {beside}.", "See `citimeasure calibrate evaluate --help`."
        )


def _from_store(settings: Settings, period: tuple[int, int], what: tuple[str, ...], how: dict[str, Any]) -> None:
    from collector import calibrating

    if len(what) < 2:
        raise UsageError("With --station, name one kit or more, then the quantity.", "Such as: kit-7hx3m9ab pm25")
    if how["split"] != "blocked" and not how["models"]:
        raise UsageError("--split goes with --models.")
    *devices, quantity = what
    if how["html"] or how["pictures"]:
        _report_from_store(
            settings, [calibrating.CoLocation(one, quantity, how["station"], *period) for one in devices], how
        )
        return
    rows: list[dict[str, Any]] = []
    with opened(settings) as (store, registry):
        for device in devices:
            registry.device(device)
            place = calibrating.CoLocation(device, quantity, how["station"], *period)
            if how["models"]:
                scores = calibrating.compare_models(store, place, split=how["split"])
                rows += [{"device": device, **asdict(score)} for score in scores]
            else:
                rows.append(asdict(calibrating.judge(store, registry, place, as_of=how["as_of"])))
    emit(rows, how["output"], notes=[_INDICATIVE] if how["output"] == "table" else [])


def _from_file(path: str, period: tuple[int, int], how: dict[str, Any]) -> None:
    from collector import evaluating

    source = source_of(path, how)
    evaluating.check_split(how["split"])
    aim, notes = evaluating.aim_of(source, how["quantity"], how["measured_in"], how["limit_value"])
    if how["leave_out"]:
        _elsewhere(source, period, aim, notes, how)
        return
    _ready_to_draw(how["html"], how["pictures"])
    found = evaluating.evaluate(source, source.read(*period), aim, correct_lag=how["correct_lag"])
    if how["record"]:
        _write_records(how["record"], found)
    _show(found, f"How good are these sensors? {source.path.name}", notes, how)


def _report_from_store(settings: Settings, places: list[CoLocation], how: dict[str, Any]) -> None:
    """Models learn anew from the first part of the period, whatever calibration the kits have."""
    from collector import calibrating

    _refuse_options("a report", how, ("models", "as_of"))
    _ready_to_draw(how["html"], how["pictures"])
    with opened(settings) as (store, registry):
        for place in places:
            registry.device(place.device)
        station = registry.station(how["station"])
        found = calibrating.evaluate(store, places)
    notes = [f"The reference is {station.name} ({station.id})."]
    _show(found, f"How good are these kits? Beside {station.name}", notes, how)


def _show(found: Evaluated, title: str, notes: list[str], how: dict[str, Any]) -> None:
    """Prints all rows; before that writes the report and its pictures, where they are asked for."""
    if how["html"] or how["pictures"]:
        from collector.pictures.report import write_report

        written = write_report(found, title, notes, how["html"], how["pictures"])
        notes = [*notes, f"{len(written)} files are written, {written[-1]} the last of them."]
    rows = [_as_printed(row, how["output"]) for row in found.rows()]
    emit(rows, how["output"], notes=[*notes, *found.notes, *_legend(found), _INDICATIVE])


def _ready_to_draw(html: Path | None, pictures: Path | None) -> None:
    """What can be wrong about names and packages, before the work begins."""
    if html is None and pictures is None:
        return
    need("A picture", "matplotlib", "pictures")
    from collector.pictures.report import check_page

    if html is not None:
        check_page(html)


def _elsewhere(source: Source, period: tuple[int, int], aim: Aim, notes: list[str], how: dict[str, Any]) -> None:
    from collector import evaluating

    by = how["leave_out"]
    _refuse_options(f"--leave-out {by}", how, ("record", "correct_lag", "html", "pictures"))
    table = source.read(*period)
    rows = evaluating.evaluate_elsewhere(source, table, aim, by)
    said = (
        f"Each {by} is judged by models that learned from the others, never within a day of an hour that is judged. "
        "* was chosen within those of the others."
    )
    printed = [{by if key == "unit" else key: x for key, x in _as_printed(row, how["output"]).items()} for row in rows]
    emit(printed, how["output"], notes=[*notes, *table.notes, said, _INDICATIVE])


def _write_records(path: Path, found: Evaluated) -> None:
    from collector.errors import SettingError

    if len(found.units) > 1 and "{unit}" not in path.name:
        raise UsageError(
            f"There are {len(found.units)} units, and one file for their records.", "Write --record record-{unit}.json."
        )
    for unit, one in found.units.items():
        name = path.with_name(path.name.replace("{unit}", unit.replace("/", "-")))
        try:
            name.write_bytes(one.record.to_json())
        except OSError as error:
            raise SettingError(f"{name} cannot be written: {error.strerror}.", "Look at the folder.") from error


def _as_printed(row: Row, output: str) -> dict[str, Any]:
    """All measures for programs; for people, those that fit on a line."""
    if output != "table":
        return asdict(row)
    return {
        "unit": row.unit,
        "model": row.model + (" *" if row.chosen else ""),
        "cv": row.cv_rmse,
        "n": row.n,
        "rmse": row.rmse,
        "mae": row.mae,
        "bias": row.bias,
        "r2": row.r2,
        "in 90 %": row.coverage90,
        "W %": row.expanded,
        "": row.refused,
    }


def _legend(found: Evaluated) -> list[str]:
    aim = found.aim
    at = f" W % is the expanded uncertainty of {aim.averaging}s at {aim.limit_value:g}." if aim.limit_value else ""
    return [
        "Learned from the first 60 % of the time, judged on what follows a gap of 24 hours. * was chosen, within the "
        f"training hours; cv is the rmse on blocks left out of these.{' In ' + aim.unit + '.' if aim.unit else ''}{at}"
    ]
