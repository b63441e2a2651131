# SPDX-License-Identifier: EUPL-1.2
"""What is asked of an export, checked: the command line makes one, everything else of this package reads it."""

from __future__ import annotations

from dataclasses import dataclass, field

from collector.errors import UsageError
from collector.export.columns import DATA, Column
from collector.extras import need
from collector.registry.purposes import purpose

# What each format needs besides citimeasure itself: the module, and the extra that brings it.
FORMATS: dict[str, tuple[str, str]] = {
    "csv": ("", ""),
    "parquet": ("pyarrow", "parquet"),
    "netcdf": ("h5py", "netcdf"),
    "jsonl": ("", ""),
}
LEVELS = ("both", "raw", "calibrated")
OPEN_END = 2**40  # as the command line says "no end"


@dataclass(frozen=True)
class Request:
    """Of which sources and quantities (all if empty), when, at which resolution and level, in which formats."""

    sources: tuple[str, ...] = ()
    quantities: tuple[str, ...] = ()
    after: int = 0
    until: int = OPEN_END
    every: str = "hour"
    level: str = ""  # both where that can be
    formats: tuple[str, ...] = ("csv",)
    as_of: int | None = None
    purpose: str = "open-data"  # which hosts must have allowed
    title: str = "Citizens' measurements of air and noise"
    licence: str = "CC-BY-4.0"
    publisher: str = "Citizens who host measuring kits"
    columns: tuple[Column, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "level", self.level or ("both" if self.every == "hour" else "raw"))
        for name in ("sources", "quantities"):
            object.__setattr__(self, name, tuple(sorted(set(getattr(self, name)))))
        purpose(self.purpose)
        object.__setattr__(self, "formats", tuple(one for one in FORMATS if one in self.formats))
        if (self.every, self.level) not in DATA:
            raise UsageError(
                f"There are no {self.level} values by the {self.every}: a calibration works on hours.",
                "Leave out --level, or take --every hour.",
            )
        object.__setattr__(self, "columns", DATA[self.every, self.level])
        for one in self.formats:
            module, extra = FORMATS[one]
            if module:
                need(f"The format {one}", module, extra)

    @property
    def has_calibrated(self) -> bool:
        """Whether a row holds a calibrated value."""
        return self.level != "raw"
