# SPDX-License-Identifier: EUPL-1.2
"""Puts a backup into an empty folder and an empty registry, or only goes through it to see whether it is whole.

Everything is written below `.restoring` in the folder first. Only when the backup came to its end, and every file was
what its list says, do files get their names; a failure before leaves the folder as it was. A collector does not start
on a folder where `.restoring` is, so a machine that dies meanwhile leaves nothing that looks whole.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from collector.backup.bundle import ALTERED, FOLDER, REGISTRY, SETTINGS, Head, Manifest, Member, Report, read
from collector.backup.make import sync
from collector.errors import DataError, SettingError
from collector.registry.portable import file_of, filled, need_empty
from collector.service import RESTORING
from collector.settings import Settings


class Found(NamedTuple):
    """A backup that is whole."""

    head: Head
    manifest: Manifest


def verify(path: Path, report: Report = lambda _: None) -> Found:
    """Reads a whole backup; DataError if anything in it is not what its list says."""
    with read(path) as backup:
        for member in backup.members():
            for block in member.blocks:
                report(len(block))
        assert backup.manifest is not None  # members() came to its end
        return Found(backup.head, backup.manifest)


def restore(settings: Settings, path: Path, report: Report = lambda _: None) -> Found:
    """Fills the folder and the registry of the settings from a backup; SettingError if either holds something."""
    with _staged(settings.folder) as (staging, place):
        need_empty(settings.registry_url)
        with read(path) as backup:
            for member in backup.members():
                _write(member, staging / member.name, settings.folder, report)
            assert backup.manifest is not None
            found = Found(backup.head, backup.manifest)
        home = staging / FOLDER
        home.mkdir(exist_ok=True)
        if (staging / SETTINGS).exists() and not (home / SETTINGS).exists():
            (staging / SETTINGS).rename(home / SETTINGS)
        url, inside = _registry(settings, home)
        if not (staging / REGISTRY).exists():
            raise DataError(f"The backup {path} has no registry.", ALTERED)
        with (staging / REGISTRY).open("rb") as lines, filled(url, lines) as rows:
            if rows != found.manifest.rows:
                raise DataError(f"The backup {path} has other rows in its registry than its list says.", ALTERED)
            if not inside:  # the last that can fail on this side comes before the other side keeps its rows
                place()
        if inside:
            place()
    return found


def _registry(settings: Settings, home: Path) -> tuple[str, bool]:
    """Where the registry is filled: a file of the folder before it gets its place, another database where it is."""
    file, folder = file_of(settings.registry_url), settings.folder.resolve()
    if file is None or not file.is_relative_to(folder):
        return settings.registry_url, False
    return f"sqlite:///{home / file.relative_to(folder)}", True


def _write(member: Member, path: Path, folder: Path, report: Report) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123 - its mode
            for block in member.blocks:
                file.write(block)
                report(len(block))
            file.flush()
            os.fsync(file.fileno())
        path.chmod(member.mode)
    except (FileExistsError, NotADirectoryError) as error:
        raise DataError(f"The backup holds {member.name!r} as a file and as a folder.", ALTERED) from error
    except OSError as error:
        raise _cannot(folder, error) from error


def _cannot(folder: Path, error: OSError) -> SettingError:
    return SettingError(
        f"The folder {folder} cannot be filled: {error.strerror or error}.",
        "Make room or choose another folder with --folder, one that you may write. Nothing was left behind.",
    )


@contextmanager
def _staged(folder: Path) -> Iterator[tuple[Path, Callable[[], None]]]:
    """A place for what is not whole yet, and what lets its `folder/` become the folder's content."""
    new = not folder.exists()
    staging = folder / RESTORING
    placed: list[Path] = []

    def place() -> None:
        try:
            for one in sorted((staging / FOLDER).iterdir()):
                placed.append(folder / one.name)
                one.rename(folder / one.name)
            sync(folder)
        except OSError as error:
            raise _cannot(folder, error) from error

    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if there := sorted(one.name for one in folder.iterdir()):
            raise SettingError(
                f"The folder {folder} is not empty: there is {', '.join(there[:3])}{', ...' if there[3:] else ''}.",
                "Restore into an empty folder, or one that is not there yet: --folder DIR.",
            )
        staging.mkdir(mode=0o700)
    except OSError as error:
        raise _cannot(folder, error) from error
    try:
        yield staging, place
        shutil.rmtree(staging)
    except BaseException:
        for one in (*placed, staging):
            if one.is_dir():
                shutil.rmtree(one, ignore_errors=True)
            else:
                one.unlink(missing_ok=True)
        if new:
            with suppress(OSError):
                folder.rmdir()
        raise
