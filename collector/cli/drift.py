# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure calibrate drift`: do sensors still tell what they told when they were calibrated?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from collector.cli.hours import FILE_OPTIONS, hours_options, source_of
from collector.cli.options import Moment, emit, opened, output_option, period_options, with_settings
from collector.errors import UsageError
from collector.settings import Settings

if TYPE_CHECKING:
    from calibration.drift import Rule
    from collector.drifting import Watched


@click.command()
@with_settings("stores")
@period_options
@click.argument("what", metavar="FILE | DEVICE... QUANTITY", nargs=-1, required=True)
@hours_options
@click.option("--station", metavar="ID", help="From the store: the station to compare with.")
@click.option(
    "--baseline-until",
    type=Moment(),
    metavar="MOMENT",
    help="Until then the sensors were well. [a file: its first 60 %; a kit: what its calibration learned from]",
)
@click.option("--warn", default=20.0, show_default=True, metavar="PERCENT", help="Change that is a warning.")
@click.option("--fail", default=30.0, show_default=True, metavar="PERCENT", help="Change that is a failure.")
@click.option("--window", default=14, show_default=True, metavar="DAYS", help="Whose median is judged.")
@click.option("--days", is_flag=True, help="A row for each day instead of one for each sensor.")
@output_option
def drift(settings: Settings, after: int, until: int, what: tuple[str, ...], **how: Any) -> None:
    """Watch for drift: do sensors still tell what they told when they were calibrated?

    Each day's mean is held against what the baseline lets expect beside the reference. The median of the last 14 days
    decides; a cumulative sum (CUSUM) stands beside it. Then: dead, saturated, a step or a slow drift, since when, and
    what became of sensitivity and offset.

    With every answer comes how often the same rule cries over this sensor when nothing has changed. A season that the
    baseline has not seen looks like drift, too: have a baseline of more than one, or a reference beside the sensor.

    \b
    citimeasure calibrate drift hours.csv --time time --zone UTC+1 --reference pm25_ref --raw pm25_raw --unit sensor
    citimeasure calibrate drift kit-7hx3m9ab pm25 --station nl10636
    citimeasure calibrate drift kit-7hx3m9ab pm25 --station nl10636 --baseline-until 2026-03-01 --days -o csv
    """
    from calibration.drift import Rule
    from collector import drifting
    from collector.evaluating import said_our_way

    with said_our_way():
        rule = Rule(how["warn"] / 100, how["fail"] / 100, how["window"], max(1, how["window"] // 2))
    found, notes = _found(settings, (after, until), what, rule, how)
    if how["days"]:
        emit([row for one in found for row in drifting.days_of(one)], how["output"], notes=notes)
    elif how["output"] != "table":
        emit([drifting.row_of(one) for one in found], how["output"], notes=notes)
    else:
        emit([_as_printed(drifting.row_of(one)) for one in found], "table", notes=[*notes, *_said(found, rule)])


def _found(
    settings: Settings, period: tuple[int, int], what: tuple[str, ...], rule: Rule, how: dict[str, Any]
) -> tuple[list[Watched], list[str]]:
    from collector import calibrating, drifting

    if how["station"] is None and len(what) == 1:
        table = source_of(what[0], how).read(*period)
        found, notes = drifting.watch_file(table, how["baseline_until"], rule)
        return found, [*table.notes, *notes]
    given = [f"--{'with' if name == 'beside' else name}" for name in FILE_OPTIONS if how[name]]
    if how["station"] is None or len(what) < 2 or given:
        raise UsageError(
            f"{' and '.join(given)} cannot be used with --station." if given else "It is not clear what to watch.",
            "For a file: FILE --reference COLUMN --raw COLUMN --time COLUMN. For kits in the store: DEVICE... QUANTITY "
            "--station ID.",
        )
    *devices, quantity = what
    with opened(settings) as (store, registry):
        places = [calibrating.CoLocation(one, quantity, how["station"], *period) for one in devices]
        return drifting.watch_kits(store, registry, places, how["baseline_until"], rule)


def _as_printed(row: dict[str, Any]) -> dict[str, Any]:
    """What fits on a line."""
    return {
        "sensor": row["sensor"],
        "verdict": row["verdict"],
        "since": row["since"],
        "state": row["state"],
        "change %": _percent(row["change"]),
        "warned": row["first_warn"],
        "failed": row["first_fail"],
        "cusum": row["first_cusum"],
        "sensitivity": row["sensitivity"],
        "offset": row["offset"],
        "false %": _percent(row["false_fail"]),
    }


def _percent(x: float | None) -> float | None:
    return None if x is None else 100 * x


def _said(found: list[Watched], rule: Rule) -> list[str]:
    from calibration.health import VERDICTS

    verdicts = dict.fromkeys(one.health.verdict for one in found)
    return [
        *(f"{verdict}: {VERDICTS[verdict]}." for verdict in verdicts),
        f"Of {rule.window} days, against the baseline: warned at {100 * rule.warn:g} %, failed at {100 * rule.fail:g} "
        "%. sensitivity and offset are of the last 28 days against the baseline. false % is the share of days on which "
        "this rule cries failure over this sensor when nothing has changed, from the baseline's own days.",
    ]
