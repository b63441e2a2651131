# SPDX-License-Identifier: EUPL-1.2
"""CSV with a Frictionless data package: what `citimeasure export` writes.

One long table of hours with the raw value, the calibrated one, its uncertainty and lineage; the devices with their
places on the grid that the host chose; each calibration record that was used; and `datapackage.json`, which describes
every column and holds every file's sha256. The same question gives the same bytes.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collector import __version__
from collector.answers import covered
from collector.columns import Question, Row, as_measured, calibrated_rows
from collector.errors import NothingFound, SettingError
from collector.export.cells import cell
from collector.moments import HOUR, iso
from collector.quantities import QUANTITIES
from collector.registry import Registry
from collector.series import calibrated, hour_grid
from collector.store.base import Store

CHUNK = 31 * 24 * HOUR  # hours that are in memory at once

# name, type, unit, what it says
HOURLY = (
    ("source", "string", "", "Device, or station:ID for an official station"),
    ("quantity", "string", "", "What was measured; see the glossary of citimeasure"),
    ("unit", "string", "", "Unit of value, u, lower, upper and raw"),
    ("start", "datetime", "", "Begin of the interval, UTC"),
    ("end", "datetime", "", "End of the interval, UTC"),
    ("value", "number", "", "Calibrated value; empty where there is none"),
    ("u", "number", "", "Standard uncertainty of value"),
    ("lower", "number", "", "Lower end of the 90 % interval"),
    ("upper", "number", "", "Upper end of the 90 % interval"),
    ("coverage", "number", "1", "Share of the interval that was measured"),
    ("flag", "integer", "", "QARTOD: 1 pass, 2 not evaluated, 3 suspect, 4 fail, 9 missing; of value"),
    ("tests", "integer", "", "Bits: 1 range, 2 unknown quantity, 4 dated on arrival, 8 outside envelope, 16 coverage"),
    ("raw", "number", "", "Raw value as the sensor gave it, averaged"),
    ("record", "string", "", "Id of the calibration record behind value; see the folder calibrations"),
)
MINUTES = (
    *HOURLY[:5],
    ("value", "number", "", "Raw value as the sensor gave it"),
    *(one for one in HOURLY if one[0] in ("flag", "tests")),
)
DEVICES = (
    ("device", "string", "", "Public, random id"),
    ("model", "string", "", "Kind of kit"),
    ("simulated", "boolean", "", "Whether the device exists in a simulation only"),
    ("from", "datetime", "", "Begin of the deployment, UTC"),
    ("to", "datetime", "", "End of the deployment, UTC; empty while it lasts"),
    ("latitude", "number", "deg", "On the grid that the host chose"),
    ("longitude", "number", "deg", "On the grid that the host chose"),
    ("grid", "string", "", "Size of that grid's cells"),
    ("exposure", "string", "", "outdoor or indoor"),
    ("height", "number", "m", "Above the ground"),
    ("environment", "string", "", "Kind of surroundings"),
)


@dataclass(frozen=True)
class Request:
    """What is exported: of which sources and quantities (all if empty), when, at which resolution, as known when."""

    sources: tuple[str, ...] = ()
    quantities: tuple[str, ...] = ()
    after: int = 0
    until: int = 2**40
    every: str = "hour"
    as_of: int | None = None
    title: str = "Citizens' measurements of air and noise"
    licence: str = "CC-BY-4.0"


def export(
    store: Store, registry: Registry, folder: Path, request: Request, progress: Callable[[int], None] = lambda _: None
) -> dict[str, int]:
    """Writes the files into an empty or new folder; returns how many rows each table got."""
    questions = _questions(store, registry, request)
    if not questions:
        raise NothingFound(
            "There is nothing to export in that period.", "`citimeasure device list` shows what there is."
        )
    _make_empty(folder)
    records: set[str] = set()
    rows = _write(folder / "data.csv", _fields(request), _rows(store, registry, questions, records, progress))
    sources = {question.source for question in questions}
    devices = _write(folder / "devices.csv", DEVICES, _device_rows(registry, sources))
    for id_ in sorted(records):
        (folder / "calibrations").mkdir(exist_ok=True)
        (folder / "calibrations" / f"{id_}.json").write_bytes(registry.calibration(id_))
    (folder / "README.md").write_text(_readme(request))
    simulated = any(one.simulated for one in registry.devices() if one.id in sources)
    package = _package(folder, request, questions, sorted(records), simulated)
    (folder / "datapackage.json").write_text(json.dumps(package, ensure_ascii=False, indent=1) + "\n")
    return {"data.csv": rows, "devices.csv": devices, "calibrations": len(records)}


def count_hours(store: Store, registry: Registry, request: Request) -> int:
    """How many hours of series there are to do, for a progress bar."""
    periods = (_period(store, question) for question in _questions(store, registry, request))
    return sum((until - after) // HOUR for after, until in periods)


def _questions(store: Store, registry: Registry, request: Request) -> list[Question]:
    for source in request.sources:
        if not source.startswith("station:"):
            registry.device(source)  # a misspelt name is an error, not an empty table
    questions = [
        Question(one.source, one.quantity, request.after, request.until, "any", request.every, request.as_of)
        for one in store.series()
        if (not request.sources or one.source in request.sources)
        and (not request.quantities or one.quantity in request.quantities)
    ]
    return [question for question in questions if covered(store, question)]


def _period(store: Store, question: Question) -> tuple[int, int]:
    return covered(store, question) or (0, 0)


def _fields(request: Request) -> Sequence[tuple[str, str, str, str]]:
    return HOURLY if request.every == "hour" else MINUTES


def _rows(
    store: Store, registry: Registry, questions: list[Question], records: set[str], progress: Callable[[int], None]
) -> Iterator[Row]:
    """All rows, a month of one series at a time; `records` gathers the calibrations that were used."""
    done = 0
    for question in questions:
        after, until = _period(store, question)
        known = QUANTITIES.get(question.quantity)
        for start in range(after, until, CHUNK):
            end = min(start + CHUNK, until)
            part = Question(question.source, question.quantity, start, end, "any", question.every, question.as_of)
            if question.every == "minute":
                yield from as_measured(store, part)
            elif known is None or known.averaging != "none":
                grid = hour_grid(start, end)
                found = calibrated(store, registry, question.source, question.quantity, grid, as_of=question.as_of)
                for row in calibrated_rows(part, found):
                    if row["coverage"] > 0:
                        if row["record"]:
                            records.add(row["record"])
                        yield row
            done += (end - start) // HOUR
            progress(done)


def _device_rows(registry: Registry, sources: set[str]) -> Iterator[Row]:
    models = {one.id: one for one in registry.devices()}
    for one in registry.deployments():
        if one.device not in sources:
            continue
        place = one.public_place or (None, None)
        yield {
            "device": one.device,
            "model": models[one.device].model,
            "simulated": models[one.device].simulated,
            "from": iso(one.start),
            "to": iso(one.until) if one.until else None,
            "latitude": place[0],
            "longitude": place[1],
            "grid": one.grid,
            "exposure": one.exposure,
            "height": one.height,
            "environment": one.environment,
        }


def _write(path: Path, columns: Sequence[tuple[str, str, str, str]], rows: Iterator[Row]) -> int:
    n = 0
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        names = [name for name, *_ in columns]
        writer.writerow(names)
        for row in rows:
            writer.writerow([cell(row[name]) for name in names])
            n += 1
    return n


def _make_empty(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise SettingError(
                f"The folder {folder} is not empty.", "Name a new one; an export never mixes with other files."
            )
    except OSError as error:
        raise SettingError(f"The folder {folder} cannot be written: {error.strerror}.", "Name another one.") from error


def _package(
    folder: Path, request: Request, questions: list[Question], records: list[str], simulated: bool
) -> dict[str, Any]:
    periods = [(question.after, question.until) for question in questions]
    resources = [
        _resource(folder, "data", _fields(request), ["source", "quantity", "end"]),
        _resource(folder, "devices", DEVICES, ["device", "from"]),
    ]
    for id_ in records:
        path = f"calibrations/{id_}.json"
        resources.append({"name": f"calibration-{id_[:12]}", "path": path, "format": "json", **_sum(folder / path)})
    return {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": "citimeasure-export",
        "title": request.title + (" (SIMULATED)" if simulated else ""),
        "description": "Indicative measurements of citizens; not for testing against limit values. See README.md.",
        "simulated": simulated,
        "licenses": [{"name": request.licence}],
        "quantities": sorted({question.quantity for question in questions}),
        "from": iso(min(start for start, _ in periods)) if request.after else None,
        "to": iso(max(end for _, end in periods)) if request.until < 2**40 else None,
        "as_of": iso(request.as_of) if request.as_of is not None else None,
        "software": f"citimeasure {__version__}",
        "resources": resources,
    }


def _resource(folder: Path, name: str, columns: Sequence[tuple[str, str, str, str]], key: list[str]) -> dict[str, Any]:
    fields = [
        {"name": field, "type": kind, "description": about, **({"unit": unit} if unit else {})}
        for field, kind, unit, about in columns
    ]
    return {
        "name": name,
        "path": f"{name}.csv",
        "type": "table",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        **_sum(folder / f"{name}.csv"),
        "schema": {"fields": fields, "primaryKey": key, "missingValues": [""]},
    }


def _sum(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "hash": "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()}


def _readme(request: Request) -> str:
    return f"""# {request.title}

Made with citimeasure {__version__}. Licence: {request.licence}.

These are indicative measurements by citizens with low-cost sensors. They are not suited for testing against legal
limit values.

- `data.csv`: one row for each source, quantity and interval. `value` is calibrated, with its standard uncertainty `u`
  and the 90 % interval `lower` to `upper`; `raw` is what the sensor gave. `flag` and `tests` say what is known about
  quality; nothing was deleted. `end` labels the interval; times are UTC.
- `devices.csv`: where the kits hung, on the grid that each host chose.
- `calibrations/`: the records named in the column `record`; with one of them `value` follows from `raw`.
- `datapackage.json`: every column with its meaning, and the sha256 of every file.
"""
