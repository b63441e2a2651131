# SPDX-License-Identifier: EUPL-1.2
"""The report of an evaluation: one HTML page that needs nothing else, in plain words, and prints well.

An `Evaluated` and the pictures of its sensors go in, text comes out. Pictures lie within the page as SVG, each with its
text alternative; no address leads out of it.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from calibration.evaluation import CHOSEN, NO_SENSOR, Aim, Evaluation, Row, mean_rows
from calibration.features import RAW
from calibration.qc import NOTED, TESTS, Quality
from calibration.timing import Timing
from collector.evaluating import Evaluated
from collector.moments import iso
from collector.pictures.evaluation import Picture
from collector.pictures.style import number, unit_words

_CSS = """
body { font: 16px/1.5 system-ui, sans-serif; color: #111; max-width: 52rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.7rem } h2 { margin-top: 3rem; border-top: 2px solid #111; padding-top: .6rem }
table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums }
caption { text-align: left; font-weight: 600; padding: .4rem 0 }
th, td { text-align: right; padding: .2rem .5rem; border-bottom: 1px solid #ccc; vertical-align: top }
th:first-child, td:first-child, td.words { text-align: left }
tr.chosen { font-weight: 700; background: #eee }
.lead { font-size: 1.1rem; border-left: 4px solid #0072b2; padding-left: 1rem }
figure { margin: 1.5rem 0 } img { max-width: 100%; height: auto } figcaption, .small { font-size: .85rem; color: #444 }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .75rem }
@media print {
  body { margin: 0; font-size: 10.5pt; max-width: none } h2 { break-before: page }
  img { max-height: 11.5cm } figure, table, tr { break-inside: avoid } details > pre { display: none }
}
"""
_NEXT_TO_NOTHING = 0.95  # of the error without a sensor
# Field of a row: its head, what it means.
_COLUMNS = {
    "cv_rmse": ("in training", "root mean square error on blocks of days left out of the training hours"),
    "rmse": ("error", "root mean square error (rmse)"),
    "mae": ("mean size", "mean size of the error, without its sign"),
    "bias": ("bias", "mean error: above zero, the sensor reads too high"),
    "r2": ("r²", "squared correlation with the reference"),
    "coverage90": ("in 90 %", "share of references within their 90 % interval: 0.90 is honest"),
    "expanded": ("W %", "expanded relative uncertainty at the limit value, after the Guide to the Demonstration"),
}
Drawn = Iterable[tuple[Picture, str]]  # with its SVG


def page(found: Evaluated, drawn: Mapping[str, Drawn], *, title: str, notes: Sequence[str]) -> str:
    """The page about all sensors of a file; `drawn` are the pictures of each, `notes` what was said of the file."""
    aim = found.aim
    several = len(found.units) > 1
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{_CSS}</style></head><body><main>",
        f"<h1>{escape(title)}</h1>",
        f"<p>Each sensor hung beside a reference instrument{_of(aim)}. Models learned from the first 60 % of the time. "
        "After a gap of 24 hours the rest was for judging: no model had seen these hours, and all are judged on the "
        "same ones. Which model is used was chosen before, within the training hours.</p>",
        "<p><strong>Indicative measurements: not for testing against limit values.</strong></p>",
        _list([*notes, *found.notes]),
    ]
    if several:
        parts.append(_table("Means over all sensors", mean_rows(one.rows for one in found.units.values())))
    for unit, one in found.units.items():
        parts.append(f"<section><h2>{escape(unit or 'The sensor')}</h2>")
        parts += _sensor(one, found.quality[unit], found.timing[unit], drawn[unit], aim)
        parts.append("</section>")
    if found.refused:
        parts.append("<h2>Could not be evaluated</h2>")
        parts.append(_list([f"{unit}: {why}" for unit, why in found.refused.items()]))
    parts += ["<h2>What the columns mean</h2><dl>"]
    parts += [f"<dt>{escape(head)}</dt><dd>{escape(means)}</dd>" for head, means in _COLUMNS.values()]
    parts += [
        f"<dt>{RAW}</dt><dd>the sensor as it measures, with no correction</dd>",
        f"<dt>{NO_SENSOR}</dt><dd>the mean of the training hours: a sensor that is no better tells nothing</dd>",
        "</dl></main></body></html>\n",
    ]
    return "\n".join(parts)


def _sensor(one: Evaluation, quality: Quality, timing: Timing, drawn: Drawn, aim: Aim) -> list[str]:
    parts = [f'<p class="lead">{escape(verdict(one, aim))}</p>']
    parts.append(_table(f"All models, on the same {one.test.sum()} hours{_in(aim)}", one.rows))
    for picture, svg in drawn:
        data = b64encode(svg.encode()).decode()
        alt = escape(picture.alt)
        parts.append(
            f'<figure><img alt="{alt}" src="data:image/svg+xml;base64,{data}"><figcaption>{alt}</figcaption></figure>'
        )
    parts += ["<h3>What was left out</h3>", _left_out(quality), "<h3>Do the labels fit?</h3>"]
    sure = "" if timing.lag.sure else " (not sure)"
    shifted = " The sensor was shifted by it." if one.record.alignment.corrected else " Nothing was shifted."
    lag = (
        f"The sensor's labels are {timing.lag.estimate:+.2f} h late{sure}, give or take {2 * timing.lag.spread:.2f} h."
    )
    parts.append(f"<p>{escape(timing.words)} {escape(lag)}{shifted}</p>")
    return parts + _record(one)


def verdict(one: Evaluation, aim: Aim) -> str:
    """What came out for a sensor, in a few sentences."""
    rows = {row.model: row for row in one.rows}
    chosen = next(row for row in one.rows if row.chosen)
    raw, none = rows[RAW].rmse, rows[NO_SENSOR].rmse
    unit = f" {unit_words(aim.unit)}".rstrip()
    assert chosen.rmse is not None and none is not None, "the hours of a test have values"
    said = [f"Corrected by {chosen.model}, the sensor was {number(chosen.rmse)}{unit} off (root mean square)"]
    said[0] += f"; as it measures, {number(raw)}{unit}" if raw is not None else ""
    said[0] += f"; with no sensor at all, {number(none)}{unit}."
    if chosen.rmse >= _NEXT_TO_NOTHING * none:
        said.append("It told next to nothing that the mean of the weeks before did not tell.")
    elif raw is not None and chosen.rmse >= raw:
        said.append("The correction did not help: use the values as they are, or look for what changed.")
    else:
        said.append(f"It takes {_share(1 - chosen.rmse / none)} of the error away that one has without a sensor.")
    if chosen.coverage90 is not None:
        honest = "as it should be" if 0.85 <= chosen.coverage90 <= 0.95 else "while it should be 90 %"
        said.append(f"{_share(chosen.coverage90)} of the references lay within their 90 % interval, {honest}.")
    if chosen.outside:
        said.append(f"In {_share(chosen.outside)} of the hours something was outside of what the training had seen.")
    return " ".join(said)


def _table(caption: str, rows: Sequence[Row]) -> str:
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head, _ in _COLUMNS.values())
    lines = [f'<table><caption>{escape(caption)}</caption><tr><th scope="col">model</th>{heads}</tr>']
    for row in rows:
        name = escape(row.model) + (" (chosen)" if row.chosen and row.model != CHOSEN else "")
        if row.refused:
            cells = f'<td class="words" colspan="{len(_COLUMNS)}">refused: {escape(row.refused)}</td>'
        else:
            values = [getattr(row, field) for field in _COLUMNS]
            cells = "".join(f"<td>{'–' if x is None else number(x)}</td>" for x in values)
        lines.append(f'<tr{" class=chosen" if row.chosen else ""}><th scope="row">{name}</th>{cells}</tr>')
    return "\n".join([*lines, "</table>"])


def _left_out(quality: Quality) -> str:
    if not quality.counts:
        return "<p>Nothing: no test of quality control found an hour.</p>"
    lines = []
    for name, n in quality.counts.items():
        done = "noted only" if name in NOTED else "kept out of the training, judged like all others"
        lines.append(f"{name}: {n} hours, {done}. Found: {TESTS[name]}.")
    return _list(lines)


def _record(one: Evaluation) -> list[str]:
    record, training = one.record, one.record.training
    document = json.dumps(json.loads(record.to_json()), indent=1, ensure_ascii=False)
    return [
        "<h3>The calibration</h3>",
        f"<p>Record <code>{record.id}</code>: model {escape(record.model.name)}, learned from {training.hours} hours "
        f"between {iso(training.start)} and {iso(training.end)} ({training.dropped} more lacked a value), by "
        f"{escape(record.software)}. The same file gives the same record.</p>",
        f"<details><summary>The whole record</summary><pre>{escape(document)}</pre></details>",
    ]


def _share(x: float) -> str:
    return f"{100 * x:.0f} %"


def _of(aim: Aim) -> str:
    known = "" if aim.quantity == "unknown" else f" of {escape(aim.quantity)}"
    return f"{known}{escape(_in(aim))}"


def _in(aim: Aim) -> str:
    return f", in {unit_words(aim.unit)}" if aim.unit else ""


def _list(lines: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>" if lines else ""
