# SPDX-License-Identifier: EUPL-1.2
"""Erases a host, and searches for what is left of one. `citimeasure host erase` calls it.

A database that forgets a row keeps its bytes for a while, in free pages and in its log. So the registry's file is made
anew after an erasure, and then the folder is searched, byte by byte, for what should not be there any more.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from collector.errors import DataError
from collector.registry import Registry, schema
from collector.registry.entries import GRIDS
from collector.registry.portable import file_of
from collector.settings import Settings

_CHUNK = 1 << 20
_PATIENCE = 30.0  # how long others may read the registry's old log [s]


@dataclass(frozen=True)
class Traces:
    """What tells who and where a host is: texts, and exact coordinates in degrees."""

    texts: tuple[str, ...] = field(repr=False)
    degrees: tuple[float, ...] = field(repr=False)

    @property
    def patterns(self) -> tuple[bytes, ...]:
        """As they would lie in a file: text in UTF-8, numbers as text and as IEEE 754 doubles of both byte orders."""
        found = [form.encode() for text in self.texts for form in (text, text.lower())]
        for one in self.degrees:
            found += [repr(one).encode(), struct.pack(">d", one), struct.pack("<d", one)]
        return tuple(dict.fromkeys(found))


def traces(registry: Registry, host: str) -> Traces:
    """What is known of a host now: to be asked before it is erased.

    A name of fewer than four letters is in every other file, so it cannot be searched for. Neither can a coordinate
    that the grid makes no coarser.
    """
    who = registry.people.one(host)
    texts = tuple(text for text in (who.email, who.name) if len(text) >= 4)
    degrees: list[float] = []
    for place in registry.people.deployments(host):
        shown = place.public_place or ()
        exact = [one for one in (place.latitude, place.longitude) if one is not None]
        degrees += [one for one in exact if one not in shown and _fine(one)]
    return Traces(texts, tuple(dict.fromkeys(degrees)))


def _fine(degrees: float) -> bool:
    """Whether a coordinate says more than the finest grid: 52.1 lies in many places and many files."""
    return abs(degrees / GRIDS["100m"] - round(degrees / GRIDS["100m"])) > 1e-6


def erase(registry: Registry, host: str) -> list[str]:
    """Erases a host, locks out the kits that hang there, and makes the registry's bytes anew; returns those kits."""
    kits = registry.people.erase(host)
    for kit in kits:
        registry.identity.revoke(kit)
    registry.forget_old_rows([schema.host.name, schema.deployment.name], _PATIENCE)
    return kits


def search(
    settings: Settings,
    registry: Registry,
    known: Traces,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> list[str]:
    """Where traces are left: files of the folder, the registry's own file, rows of its tables; nothing if all is well.

    `progress` is told how many bytes are searched, and of how many.
    """
    patterns = known.patterns
    if not patterns:
        return []
    files = sorted(path for path in settings.folder.rglob("*") if path.is_file())
    own = file_of(settings.registry_url)
    if own is not None:
        files += [path for path in (own, own.with_name(own.name + "-wal")) if path.is_file() and path not in files]
    of, done = sum(path.stat().st_size for path in files), 0
    found = []
    for path in files:
        for size, hit in _looked_at(path, patterns):
            done += size
            progress(done, of)
            if hit and str(path) not in found:
                found.append(str(path))
    return found + _rows_with(registry, known)


def _looked_at(path: Path, patterns: tuple[bytes, ...]) -> Iterator[tuple[int, bool]]:
    """The size of each chunk of a file, and whether a pattern is in it or reaches into it."""
    overlap = max(len(one) for one in patterns) - 1
    try:
        with path.open("rb") as file:
            tail = b""
            while chunk := file.read(_CHUNK):
                text = tail + chunk
                lower = text.lower()
                yield len(chunk), any(one in text or one in lower for one in patterns)
                tail = text[-overlap:] if overlap else b""
    except FileNotFoundError:
        return  # a log that its database needs no more
    except OSError as error:
        raise DataError(
            f"{path} cannot be searched: {error.strerror}.", "Search it as a user who may read it."
        ) from error


def _rows_with(registry: Registry, known: Traces) -> list[str]:
    """Tables of the registry with a row that holds a trace, wherever the database is."""
    found = []
    texts = tuple(text.lower() for text in known.texts)
    degrees = frozenset(known.degrees)
    with registry.moment() as connection:
        for table in schema.metadata.sorted_tables:
            for row in connection.execute(sa.select(table)):
                if any(_tells(value, texts, degrees) for value in row):
                    found.append(f"the registry's table {table.name}")
                    break
    return found


def _tells(value: Any, texts: tuple[str, ...], degrees: frozenset[float]) -> bool:
    if isinstance(value, float):
        return value in degrees
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    return isinstance(value, str) and any(text in value.lower() for text in texts)
