# SPDX-License-Identifier: EUPL-1.2
"""The journal of an export that is not finished: what was asked, and which months are done.

A line of JSON each, made durable before the next month begins. An export that broke off goes on from here; the last
thing that a finished one does is to remove it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from collector import __version__
from collector.errors import SettingError
from collector.export.files import File, digest, sync_folder, write_whole
from collector.export.request import Request
from collector.export.scope import Scope, Span

FILE = "unfinished.jsonl"


@dataclass(frozen=True)
class Done:
    """A month that is finished: its files, the calibrations in it, and its rows of coverage.csv."""

    month: str
    files: tuple[File, ...]
    records: tuple[str, ...]
    coverage: tuple[dict[str, Any], ...]

    @classmethod
    def parse(cls, line: dict[str, Any]) -> Done:
        """From a line of the journal."""
        files = tuple(File(**one) for one in line["files"])
        return cls(line["month"], files, tuple(line["records"]), tuple(line["coverage"]))


class Journal:
    """The journal in a folder. The question as it stands there holds for the whole export, whatever is stored later."""

    def __init__(self, folder: Path, request: Request, scope: Scope, now: Callable[[], int]) -> None:
        self._path = folder / FILE
        self.done: dict[str, Done] = {}
        asked = {
            "software": __version__,
            "request": _plain(asdict(request)),
            "places": _plain([asdict(one) for one in scope.places]),
        }
        if self._path.exists():
            self.spans, self.as_of = self._go_on(folder, asked, scope)
        else:
            self.spans = scope.spans
            self.as_of = request.as_of if request.as_of is not None else now()
            self._add({**asked, "as_of": self.as_of, "spans": [asdict(one) for one in scope.spans]})
            sync_folder(folder)

    def _go_on(self, folder: Path, asked: dict[str, Any], scope: Scope) -> tuple[tuple[Span, ...], int]:
        """Takes up what an earlier run left; SettingError if that was another question."""
        lines: list[dict[str, Any]] = []
        for line in self._path.read_bytes().splitlines(keepends=True):
            try:
                if line.endswith(b"\n"):
                    lines.append(json.loads(line))
            except ValueError:
                break  # torn by a cut of the power: what came after it never began
        if not lines:
            raise SettingError(f"The journal {self._path} cannot be read.", "Remove the folder and export again.")
        head = lines[0]
        self._need_same(folder, head, asked, "software", "another version of citimeasure")
        self._need_same(folder, head, asked, "request", "another question")
        spans = tuple(Span(**one) for one in head["spans"])
        if gone := sorted({span.source for span in spans if not any(span.lies_in(one) for one in scope.spans)}):
            raise SettingError(
                f"The unfinished export in {folder} holds {', '.join(gone)}, which may not be exported any more.",
                "Remove the folder and export again.",
            )
        self._need_same(folder, head, asked, "places", "other places of the same kits")
        for done in map(Done.parse, lines[1:]):
            if all(
                (folder / one.path).exists() and digest(folder / one.path) == (one.bytes, one.sha256)
                for one in done.files
            ):
                self.done[done.month] = done
        # What is torn, or does not match its files any more, is written again.
        kept = (head, *map(asdict, self.done.values()))
        write_whole(self._path, "".join(json.dumps(one) + "\n" for one in kept))
        return spans, head["as_of"]

    @staticmethod
    def _need_same(folder: Path, head: dict[str, Any], asked: dict[str, Any], name: str, words: str) -> None:
        if head[name] != asked[name]:
            raise SettingError(
                f"The folder {folder} holds an unfinished export of {words}.",
                "Name another folder, or remove this one.",
            )

    def finish(self, done: Done) -> None:
        """Notes that a month is finished."""
        self.done[done.month] = done
        self._add(asdict(done))

    def _add(self, line: dict[str, Any]) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def close(self) -> None:
        """The export is whole."""
        self._path.unlink()
        sync_folder(self._path.parent)


def _plain(value: Any) -> Any:
    """As JSON gives it back."""
    return json.loads(json.dumps(value))
