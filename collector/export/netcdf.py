# SPDX-License-Identifier: EUPL-1.2
"""NetCDF after CF-1.11 and ACDD-1.3: a file for each month and quantity, a contiguous ragged array of time series.

A time series is a source at one place: a kit that moved has two. Rows stand in the order of the other formats. Standard
errors, flags and coverage are ancillary variables; the ids of calibration records are counted in `record_id`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import h5netcdf
import numpy as np
from numpy.typing import NDArray

from collector import __version__
from collector.export.blocks import Block
from collector.export.columns import Column
from collector.export.files import File, digest, finish, part_of
from collector.export.request import Request
from collector.export.scope import Place, Scope
from collector.export.sink import Sink
from collector.judge import Flag, Test
from collector.moments import iso
from collector.quantities import QUANTITIES, Averaging

_CHUNK = 16_384  # rows that are compressed together; they are written when there are as many
# Units as UDUNITS knows them. It has no dB: a sound level is ten times the logarithm of a squared pressure, re 20 µPa.
_UNITS = {"ug/m3": "ug m-3", "mg/m3": "mg m-3", "dB": "0.1 lg(re 4e-10 Pa2)", "Cel": "degC", "ppm": "1e-6"}
_METHODS = {
    Averaging.MEAN: "time: mean",
    Averaging.ENERGY_MEAN: "time: mean (energy mean)",
    Averaging.MAXIMUM: "time: maximum",
    Averaging.MINIMUM: "time: minimum",
}
_TYPES = {"tests": "i4", "flag": "i1", "raw_flag": "i1", "record": "i4"}
_ANCILLARY = {"value": "u lower upper flag tests coverage record", "raw": "raw_flag tests coverage"}


@dataclass
class _Quantity:
    """A file of one quantity while it is being written."""

    path: Path
    sink: Sink
    file: Any
    rows: int = 0
    written: int = 0
    waiting: dict[str, list[NDArray[Any]]] = field(default_factory=dict)
    series: list[tuple[str, int | None]] = field(default_factory=list)  # source, begin of its deployment
    sizes: list[int] = field(default_factory=list)
    records: dict[str, int] = field(default_factory=dict)
    first: int = 2**62
    last: int = 0


class NetcdfWriter:
    """The files of a month."""

    def __init__(self, root: Path, name: str, request: Request, scope: Scope) -> None:
        self._root, self._name, self._request = root, name, request
        self._places: dict[str, list[Place]] = {}
        for place in scope.places:
            self._places.setdefault(place.device, []).append(place)
        self._stations = {one.source: one for one in scope.stations}
        self._open: dict[str, _Quantity] = {}

    def add(self, block: Block) -> None:
        """Writes a block's rows behind those of its quantity."""
        one = self._open.get(block.span.quantity) or self._begin(block.span.quantity)
        start, end = block.columns["start"], block.columns["end"]
        found = {"time": end.astype(np.float64), "time_bounds": np.stack([start, end], axis=1).astype(np.float64)}
        for column in self._request.columns:
            if column.kind in ("number", "integer"):
                found[column.name] = block.columns[column.name]
        if "record" in block.columns and "record" in one.file:
            numbers = [one.records.setdefault(id_, len(one.records)) for id_ in block.records]
            found["record"] = np.array([*numbers, -1], np.int32)[block.columns["record"]]
        for name, values in found.items():
            one.waiting.setdefault(name, []).append(values)
        one.rows += len(block)
        one.first, one.last = min(one.first, int(start.min())), max(one.last, int(end.max()))
        self._count(one, block.span.source, start)
        if one.rows - one.written >= _CHUNK:
            self._flush(one, one.rows // _CHUNK * _CHUNK)

    @staticmethod
    def _flush(one: _Quantity, until: int) -> None:
        """Writes what waits, up to a row."""
        one.file.resize_dimension("obs", until)
        for name, parts in one.waiting.items():
            whole = np.concatenate(parts)
            one.file[name][one.written : until] = whole[: until - one.written]
            one.waiting[name] = [whole[until - one.written :]]
        one.written = until
        one.sink.check()

    def _count(self, one: _Quantity, source: str, start: NDArray[np.int64]) -> None:
        """Adds rows to the time series of their places; a source's rows come in order of time."""
        begins = [place.start for place in self._places.get(source, [])]
        which = np.searchsorted(np.array(begins, np.int64), start, "right")
        for place, n in zip(*np.unique(which, return_counts=True), strict=True):
            key = (source, begins[place - 1] if place else None)
            if not one.series or one.series[-1] != key:
                one.series.append(key)
                one.sizes.append(0)
            one.sizes[-1] += int(n)

    def _begin(self, quantity: str) -> _Quantity:
        path = self._root / f"{self._name}-{quote(quantity, safe='')}.nc"
        sink = Sink(part_of(path))
        file = h5netcdf.File(sink, "w", rdcc_nbytes=0)  # whole chunks are written: nothing to keep in memory
        self._open[quantity] = one = _Quantity(path, sink, file)
        file.dimensions = {"obs": None, "nv": 2}
        time = {"standard_name": "time", "long_name": "End of the interval", "axis": "T", "bounds": "time_bounds"}
        time |= {"units": "seconds since 1970-01-01T00:00:00Z", "calendar": "standard"}
        self._variable(file, "time", ("obs",), "f8", {**time, "units_metadata": "leap_seconds: none"})
        self._variable(file, "time_bounds", ("obs", "nv"), "f8", {})
        for column in self._request.columns:
            if column.kind in ("number", "integer") or column.name == "record":
                fill = {"f8": np.nan, "i4": -1 if column.name == "record" else None, "i1": None}
                kind = _TYPES.get(column.name, "f8")
                self._variable(file, column.name, ("obs",), kind, self._attributes(column, quantity), fill[kind])
        return one

    @staticmethod
    def _variable(
        file: Any, name: str, dims: tuple[str, ...], kind: str, attributes: dict[str, Any], fill: float | None = None
    ) -> Any:
        """A compressed variable; what grows with the rows is cut into chunks."""
        how: dict[str, Any] = {}
        if dims[0] == "obs":
            how = {"compression": "gzip", "compression_opts": 4, "shuffle": True}
            how["chunks"] = (_CHUNK, 2)[: len(dims)]
        variable = file.create_variable(name, dims, kind, fillvalue=fill, **how)
        for key, value in attributes.items():
            variable.attrs[key] = value
        return variable

    def _attributes(self, column: Column, quantity: str) -> dict[str, Any]:
        """What a variable says of itself."""
        found: dict[str, Any] = {"long_name": column.about}
        known = QUANTITIES.get(quantity)
        # The unit of the standard name of sound levels is dB, which UDUNITS cannot read: no standard name then.
        standard = known.cf_name if known and known.unit != "dB" else None
        if column.kind == "number":
            found["units"] = "1" if column.name == "coverage" else _UNITS.get(known.unit, known.unit) if known else "1"
            if known and known.unit == "Cel" and column.name != "coverage":
                found["units_metadata"] = f"temperature: {'difference' if column.name == 'u' else 'on_scale'}"
        if column.name in _ANCILLARY:
            title = known.title if known else quantity
            found["long_name"] = f"{title}{f' [{known.unit}]' if known else ''}: {column.about}"
            names = {one.name for one in self._request.columns}
            found["ancillary_variables"] = " ".join(one for one in _ANCILLARY[column.name].split() if one in names)
            if known and known.averaging in _METHODS:
                found["cell_methods"] = _METHODS[known.averaging]
            if standard:
                found["standard_name"] = standard
        elif column.name == "u" and standard:
            found["standard_name"] = f"{standard} standard_error"
        elif column.name in ("flag", "raw_flag"):
            found["flag_values"] = np.array([one.value for one in Flag], np.int8)
            found["flag_meanings"] = " ".join(one.name.lower() for one in Flag)
        elif column.name == "tests":
            found["flag_masks"] = np.array([one.value for one in Test], np.int32)
            found["flag_meanings"] = " ".join(str(one.name).lower() for one in Test)
        elif column.name == "record":
            found["long_name"] = "Which of record_id is the calibration behind value; missing where there is none"
        found["coordinates"] = "time latitude longitude source"
        return found

    def close(self) -> list[File]:
        """Finishes the files."""
        found = []
        for quantity, one in sorted(self._open.items()):
            self._flush(one, one.rows)
            self._describe_series(one)
            for key, value in self._global(quantity, one).items():
                one.file.attrs[key] = value
            one.file.close()
            one.sink.check()
            one.sink.close()
            finish(one.path)
            path = str(one.path.relative_to(self._root))
            found.append(File(path, "netcdf", one.rows, *digest(one.path), quantity))
        return found

    def abandon(self) -> None:
        """Lets go of the files."""
        for one in self._open.values():
            one.file.close()
            one.sink.close()

    def _describe_series(self, one: _Quantity) -> None:
        """The variables of the time series: their names, places and lengths."""
        file = one.file
        file.dimensions["timeseries"] = len(one.series)
        ids = [source if begin is None else f"{source} {iso(begin)}" for source, begin in one.series]
        _text(
            file,
            "timeseries_id",
            "timeseries",
            ids,
            {"cf_role": "timeseries_id", "long_name": "Source, and since when it is there"},
        )
        _text(file, "source", "timeseries", [source for source, _ in one.series], {"long_name": "Device or station"})
        about = {"long_name": "Rows of each time series", "sample_dimension": "obs"}
        self._variable(file, "row_size", ("timeseries",), "i4", about)[...] = np.array(one.sizes, np.int32)
        places = np.array([self._place(*key) for key in one.series], np.float64).reshape(-1, 3)
        for n, (name, units, more) in enumerate(
            (
                ("latitude", "degrees_north", {"axis": "Y"}),
                ("longitude", "degrees_east", {"axis": "X"}),
                ("height", "m", {"axis": "Z", "positive": "up"}),
            )
        ):
            words = "Above the ground" if name == "height" else "On the grid that the host chose"
            about = {"standard_name": name, "long_name": words, "units": units, **more}
            self._variable(file, name, ("timeseries",), "f8", about, np.nan)[...] = places[:, n]
        if one.records:
            file.dimensions["record_number"] = len(one.records)
            _text(file, "record_id", "record_number", list(one.records), {"long_name": "Ids of calibration records"})

    def _place(self, source: str, begin: int | None) -> list[float]:
        """Latitude, longitude and height of a time series, NaN where they are not known."""
        station = self._stations.get(source)
        if station is not None:
            return _numbers(station.latitude, station.longitude, None)
        for place in self._places.get(source, []):
            if place.start == begin:
                return _numbers(place.latitude, place.longitude, place.height)
        return _numbers(None, None, None)

    def _global(self, quantity: str, one: _Quantity) -> dict[str, str]:
        """The file's own attributes, after ACDD-1.3."""
        known = QUANTITIES.get(quantity)
        request = self._request
        return {
            "Conventions": "CF-1.11, ACDD-1.3",
            "featureType": "timeSeries",
            "cdm_data_type": "Station",
            "title": request.title,
            "quantity": quantity,
            "summary": f"{known.title if known else quantity}: {request.level} by the {request.every}.",
            "keywords": f"{quantity}, citizen science, air quality, noise, low-cost sensors",
            "institution": request.publisher,
            "creator_name": request.publisher,
            "publisher_name": request.publisher,
            "source": "Low-cost sensors, and official stations where a source begins with station:",
            "history": f"Exported by citimeasure {__version__}",
            "references": "README.md and the folder calibrations, beside this file's folder",
            "comment": "Indicative measurements; not for testing against limit values.",
            "license": request.licence,
            "standard_name_vocabulary": "CF Standard Name Table v93",
            "time_coverage_start": iso(one.first),
            "time_coverage_end": iso(one.last),
        }


def _numbers(*values: float | None) -> list[float]:
    return [np.nan if value is None else value for value in values]


def _text(file: Any, name: str, dim: str, words: list[str], about: dict[str, str]) -> None:
    """Words as characters, which every version of NetCDF can read."""
    table = np.array([word.encode() for word in words], np.bytes_)
    file.dimensions[f"{name}_length"] = table.itemsize
    variable = file.create_variable(name, (dim, f"{name}_length"), "S1")
    variable[...] = table.view("S1").reshape(len(words), -1)
    for key, value in {**about, "_Encoding": "utf-8"}.items():
        variable.attrs[key] = value
