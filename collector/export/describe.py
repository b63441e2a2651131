# SPDX-License-Identifier: EUPL-1.2
"""What an export says of itself: README.md, LICENCE.md, CITATION.cff, ro-crate-metadata.json, datapackage.json.

The last of them is written last: where it is, the export is whole. It names every other file with its sha256.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from collector import __version__
from collector.export.columns import COVERAGE, DEVICES, STATIONS, WITHDRAWN, Column
from collector.export.files import File, digest, write_whole
from collector.export.request import OPEN_END, Request
from collector.export.scope import Scope
from collector.judge import Flag, Test
from collector.moments import iso

PACKAGE = "datapackage.json"
CRATE = "ro-crate-metadata.json"
MEDIA = {
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "netcdf": "application/x-netcdf",
    "jsonl": "application/jsonl",
    "json": "application/json",
    "md": "text/markdown",
    "cff": "application/yaml",
}
_TABLES = {
    "devices": (DEVICES, ["device", "from"]),
    "stations": (STATIONS, ["source"]),
    "withdrawn": (WITHDRAWN, ["device", "from"]),
    "coverage": (COVERAGE, None),
}
_WITHDRAWN = (
    "Hosts withdrew their consent for what `withdrawn.csv` names: remove it from the copies that you have of earlier"
    " exports.\n"
)
_NOTICE = "Indicative measurements by citizens with low-cost sensors; not for testing against limit values."


def describe(folder: Path, request: Request, scope: Scope, files: list[File]) -> None:
    """Writes all five, from the files of data and from what else lies in the folder."""
    title = request.title + (" (SIMULATED)" if scope.simulated else "")
    write_whole(folder / "README.md", _readme(title, request, scope))
    write_whole(folder / "LICENCE.md", _licence(title, request))
    write_whole(folder / "CITATION.cff", _citation(title, request, scope))
    resources = [_data(file, request) for file in files]
    for name, (columns, key) in _TABLES.items():
        if (folder / f"{name}.csv").exists():
            resources.append({**_file(folder, f"{name}.csv"), **_as_table(columns, key)})
    resources += [
        _file(folder, f"calibrations/{path.name}") for path in sorted((folder / "calibrations").glob("*.json"))
    ]
    resources += [_file(folder, name) for name in ("README.md", "LICENCE.md", "CITATION.cff")]
    write_whole(folder / CRATE, _json(_crate(title, request, scope, resources)))
    resources.append(_file(folder, CRATE))
    write_whole(folder / PACKAGE, _json(_package(title, request, scope, resources)))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def licence_url(licence: str) -> str:
    """Where a licence can be read, by its SPDX id."""
    return f"https://spdx.org/licenses/{licence}.html"


def _period(scope: Scope) -> tuple[int, int]:
    return min(span.after for span in scope.spans), max(span.until for span in scope.spans)


def _published(request: Request, scope: Scope) -> str:
    """The date of the export's content: no clock, so that the same question gives the same bytes."""
    return iso(request.as_of if request.as_of is not None else _period(scope)[1])[:10]


def _data(file: File, request: Request) -> dict[str, Any]:
    """The resource of a file of data."""
    found: dict[str, Any] = {
        "name": _name(file.path.removeprefix("data/")),
        "path": file.path,
        "format": file.format,
        "mediatype": MEDIA[file.format],
        "rowCount": file.rows,
        **sums(file.format, file.bytes, file.sha256),
    }
    if file.format != "netcdf":
        return {**found, "encoding": "utf-8", **_as_table(request.columns, ["source", "quantity", "end"])}
    if file.quantity is not None:
        found["quantity"] = file.quantity
    return {**found, "columns": [column.name for column in request.columns]}


def _name(path: str) -> str:
    """What a resource is called: small letters, digits and hyphens."""
    return re.sub("[^a-z0-9]+", "-", path.lower())


def _file(folder: Path, path: str) -> dict[str, Any]:
    """The resource of any other file."""
    size, sha256 = digest(folder / path)
    ending = path.rpartition(".")[2]
    return {
        "name": _name(path),
        "path": path,
        "format": ending,
        "mediatype": MEDIA[ending],
        **sums(ending, size, sha256),
    }


def sums(format: str, size: int, sha256: str) -> dict[str, Any]:
    """What a resource says of its bytes. frictionless counts none in Parquet, and would call every such file bad."""
    names = ("fileBytes", "fileHash") if format == "parquet" else ("bytes", "hash")
    return dict(zip(names, (size, f"sha256:{sha256}"), strict=True))


def _as_table(columns: tuple[Column, ...], key: list[str] | None) -> dict[str, Any]:
    """What a resource says that is a table of text."""
    fields = [
        {"name": one.name, "type": one.kind, "description": one.about, **({"unit": one.unit} if one.unit else {})}
        for one in columns
    ]
    more = {"primaryKey": key} if key else {}
    return {"type": "table", "schema": {"fields": fields, **more, "missingValues": [""]}}


def _package(title: str, request: Request, scope: Scope, resources: list[dict[str, Any]]) -> dict[str, Any]:
    after, until = _period(scope)
    return {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": "citimeasure-export",
        "title": title,
        "description": f"{_NOTICE} See README.md.",
        "simulated": scope.simulated,
        "licenses": [{"name": request.licence, "path": licence_url(request.licence)}],
        "contributors": [{"title": request.publisher}],
        "quantities": sorted({span.quantity for span in scope.spans}),
        "every": request.every,
        "level": request.level,
        "purpose": request.purpose,
        "from": iso(after) if request.after else None,
        "to": iso(until) if request.until < OPEN_END else None,
        "as_of": iso(request.as_of) if request.as_of is not None else None,
        "software": f"citimeasure {__version__}",
        "resources": resources,
    }


def _crate(title: str, request: Request, scope: Scope, resources: list[dict[str, Any]]) -> dict[str, Any]:
    """RO-Crate 1.1."""
    after, until = _period(scope)
    licence, publisher, software = licence_url(request.licence), "#publisher", "#citimeasure"
    files = [
        {
            "@id": one["path"],
            "@type": "File",
            "name": one["path"],
            "encodingFormat": one["mediatype"],
            "contentSize": str(one.get("bytes", one.get("fileBytes"))),
            "sha256": str(one.get("hash", one.get("fileHash"))).partition(":")[2],
        }
        for one in resources
    ]
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": title,
        "description": _NOTICE,
        "datePublished": _published(request, scope),
        "license": {"@id": licence},
        "publisher": {"@id": publisher},
        "author": {"@id": publisher},
        "temporalCoverage": f"{iso(after)}/{iso(until)}",
        "variableMeasured": sorted({span.quantity for span in scope.spans}),
        "hasPart": [{"@id": one["@id"]} for one in files],
    }
    made = {
        "@id": "#export",
        "@type": "CreateAction",
        "name": f"Export of {request.level} values by the {request.every}",
        "instrument": {"@id": software},
        "result": {"@id": "./"},
    }
    return {
        "@context": "https://w3id.org/ro/crate/1.1/context",
        "@graph": [
            {
                "@id": CRATE,
                "@type": "CreativeWork",
                "about": {"@id": "./"},
                "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
            },
            root,
            {"@id": licence, "@type": "CreativeWork", "name": request.licence},
            {"@id": publisher, "@type": "Organization", "name": request.publisher},
            {"@id": software, "@type": "SoftwareApplication", "name": "citimeasure", "version": __version__},
            made,
            *files,
        ],
    }


def _citation(title: str, request: Request, scope: Scope) -> str:
    """Citation File Format 1.2.0; a JSON text is a YAML text."""
    found = {
        "cff-version": "1.2.0",
        "type": "dataset",
        "message": "Please cite these data as follows.",
        "title": title,
        "authors": [{"name": request.publisher}],
        "license": request.licence,
        "date-released": _published(request, scope),
        "abstract": _NOTICE,
    }
    return "".join(f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in found.items())


def _licence(title: str, request: Request) -> str:
    return f"""# Licence

{title}, by {request.publisher}, may be used under the licence with the SPDX id {request.licence}:
<{licence_url(request.licence)}>
"""


def _readme(title: str, request: Request, scope: Scope) -> str:
    columns = "\n".join(f"| `{one.name}` | {one.about} |" for one in request.columns)
    tests = "\n".join(f"| {one.value} | {str(one.name).lower().replace('_', ' ')} |" for one in Test)
    withdrawn = _WITHDRAWN if scope.withdrawn else ""
    flags = ", ".join(f"{one.value} {one.name.lower().replace('_', ' ')}" for one in Flag)
    return f"""# {title}

Made with citimeasure {__version__}. Licence: {request.licence}. How to cite: `CITATION.cff`.

These are indicative measurements by citizens with low-cost sensors. They are not suited for testing against legal
limit values.

They were exported for the purpose `{request.purpose}`: what hosts did not allow to be used for it is not in here.
{withdrawn}
- `data/`: a file for each calendar month in UTC, and for each format ({", ".join(request.formats)}); all formats hold
  the same rows. NetCDF has a file for each quantity.
- `devices.csv`: where the kits hung, on the grid that each host chose. `stations.csv`: the official stations, if any.
- `coverage.csv`: how much of each month was measured, and how good it is.
- `calibrations/`: the records named in the column `record`; with one of them `value` follows from `raw`.
- `datapackage.json`: every column with its meaning, and the sha256 of every file (Frictionless Data Package 2).
  `ro-crate-metadata.json` says the same to research archives.

`citimeasure export verify` with this folder says whether all files are as they were made.

## Columns of data

| column | meaning |
|---|---|
{columns}

`end` labels an interval; the first one of a month is the one that ends after 00:00 UTC of its first day. Nothing was
deleted: flags say what is known about quality ({flags}). `tests` is a sum of:

| bit | test |
|---|---|
{tests}
"""
