# SPDX-License-Identifier: EUPL-1.2
"""The calibration record: one immutable JSON document that says all about a calibration, named by its own hash.

A fitted model and its lineage come in, canonical bytes go out and back in. The id is the SHA-256 of the canonical form
without the id, so a record that was changed anywhere no longer answers to its name, and an old series can be computed
again bit for bit. When and by whom a record was made or assigned is not part of it: fitting the same data twice gives
the same record.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Self

from calibration.errors import BadRecord
from calibration.features import RAW, input_of
from calibration.models import Fitted, model_from_json
from calibration.select import Score
from calibration.uncertainty import Spread

FORMAT = 1


@dataclass(frozen=True)
class Station:
    """An official station that a calibration leans on."""

    id: str
    verification: str = "not verified"  # verified, preliminary verified, not verified (EEA vocabulary)


@dataclass(frozen=True)
class Lineage:
    """What the caller knows about a calibration beyond its arrays. Every field may stay empty.

    Attributes
    ----------
    devices : tuple of str
        Public ids of the devices that the calibration is for.
    stations : tuple of Station
    units : mapping of str to str
        Unit of each covariate.
    qc : mapping of str to int
        Hours that quality control left out beforehand, by test.
    valid_from, valid_until : int, optional
        When the calibration may be used [s], by default without end.
    supersedes : str, optional
        Id of the record that this one takes the place of.
    """

    devices: tuple[str, ...] = ()
    stations: tuple[Station, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)
    qc: Mapping[str, int] = field(default_factory=dict)
    valid_from: int | None = None
    valid_until: int | None = None
    supersedes: str | None = None


@dataclass(frozen=True)
class TrainingData:
    """Which hours a calibration learned from.

    `start` and `end` bound them [s]; `hours` have all values, `dropped` lacked one or more; the hashes are SHA-256 of
    labels and values as little-endian 64-bit numbers.
    """

    start: int
    end: int
    hours: int
    dropped: int
    reference_hash: str
    sensor_hash: str


@dataclass(frozen=True)
class Alignment:
    """How late the sensor's labels were found to be, and whether values are shifted by that before anything else."""

    lag_hours: float
    sure: bool
    corrected: bool


@dataclass(frozen=True)
class Expanded:
    """Relative expanded uncertainty at a limit value, from left-out hours [%]; `averaging` is "hour" or "day"."""

    limit_value: float
    averaging: str
    percent: float


@dataclass(frozen=True)
class Record:
    """A calibration: model, parameters, uncertainty and lineage. Immutable; `id` is made from its content."""

    quantity: str
    unit: str
    model: Fitted
    spread: Spread
    scores: tuple[Score, ...]
    expanded: Expanded | None
    training: TrainingData
    alignment: Alignment
    lineage: Lineage
    software: str

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the arrays that it is applied to, `raw` first."""
        names = dict.fromkeys(input_of(feature) for feature in self.model.features)
        return tuple(names)

    @property
    def covariates(self) -> tuple[str, ...]:
        """The inputs beside `raw`."""
        return tuple(name for name in self.inputs if name != RAW)

    @cached_property
    def id(self) -> str:
        """SHA-256 of the canonical form, in hexadecimal."""
        return hashlib.sha256(_canonical(self._content())).hexdigest()

    def to_json(self) -> bytes:
        """Canonical JSON with the id: keys sorted, no white space, floats as their shortest exact decimal, no NaN."""
        return _canonical(self._content() | {"id": self.id})

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """The record that `to_json` wrote.

        Raises
        ------
        BadRecord
            If these bytes are not a record, were changed after they got their id, or need a newer version.
        """
        try:
            content: Any = json.loads(data)
        except ValueError as error:
            raise BadRecord("These bytes are not JSON.", "Give a calibration record as it was exported.") from error
        if not isinstance(content, dict) or "id" not in content or "format" not in content:
            raise BadRecord("This is not a calibration record.", "Give a calibration record as it was exported.")
        claimed = content.pop("id")
        try:
            true = hashlib.sha256(_canonical(content)).hexdigest()
        except ValueError as error:  # NaN and infinity, which Python's parser lets pass
            raise BadRecord("A calibration record holds a number that is none.", "Restore it from a copy.") from error
        if claimed != true:
            raise BadRecord(
                f"The calibration record {claimed} was changed: its content has the id {true}.",
                "Restore it from a copy, or fit again; a record is never edited.",
            )
        if content["format"] != FORMAT:
            raise BadRecord(
                f"The record has format {content['format']}; this version reads {FORMAT}.", "Update citimeasure."
            )
        try:
            return cls._from_content(content)
        except (KeyError, TypeError) as error:
            raise BadRecord(f"The calibration record {claimed} lacks a part: {error}.", "Fit again.") from error

    def _content(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "quantity": self.quantity,
            "unit": self.unit,
            "model": self.model.to_json(),
            "features": {
                feature: self.unit if input_of(feature) == RAW else self.lineage.units.get(input_of(feature), "")
                for feature in self.model.features
            },
            "spread": asdict(self.spread),
            "scores": [asdict(score) for score in self.scores],
            "expanded": asdict(self.expanded) if self.expanded else None,
            "training": asdict(self.training),
            "alignment": asdict(self.alignment),
            "lineage": asdict(self.lineage),
            "software": self.software,
        }

    @classmethod
    def _from_content(cls, content: dict[str, Any]) -> Self:
        lineage = content["lineage"]
        return cls(
            quantity=content["quantity"],
            unit=content["unit"],
            model=model_from_json(content["model"]),
            spread=Spread(**content["spread"]),
            scores=tuple(Score(**score) for score in content["scores"]),
            expanded=Expanded(**content["expanded"]) if content["expanded"] else None,
            training=TrainingData(**content["training"]),
            alignment=Alignment(**content["alignment"]),
            lineage=Lineage(
                **lineage
                | {
                    "devices": tuple(lineage["devices"]),
                    "stations": tuple(Station(**station) for station in lineage["stations"]),
                }
            ),
            software=content["software"],
        )


def _canonical(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
