# SPDX-License-Identifier: EUPL-1.2
"""The file that a backup is: a tar in gzip, with a head that names its format and a list of hashes at its end.

    citimeasure-backup.json   the head: format, version, when it was made, of which folder
    registry.jsonl            the registry's rows, a line each
    citimeasure.toml          the settings, if they lay outside of the folder
    folder/...                the folder's files
    manifest.json             name, size, mode and SHA-256 of each of these, and what was left out

`Writer` makes one and `read` goes through one, both in blocks: a backup may be larger than memory. Names that lead out
of a folder, links and devices are no part of a backup, whoever made the file.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

import msgspec

from collector.errors import DataError

FORMAT = 1
HEAD, MANIFEST, REGISTRY, SETTINGS, FOLDER = (
    "citimeasure-backup.json",
    "manifest.json",
    "registry.jsonl",
    "citimeasure.toml",
    "folder/",
)
BLOCK = 1 << 20  # read and written at once [bytes]
_LEVEL = 3  # of gzip: 6 takes twice the time and saves a tenth
_LONGEST_LIST = 64 << 20  # of the manifest and the head [bytes]
ALTERED = "Do not use it: somebody has altered it."
_ANOTHER = "Take another backup. `citimeasure backup verify` says of each whether it is whole."
Report = Callable[[int], object]  # is told how many bytes were done since it was told last


class Head(msgspec.Struct, frozen=True):
    """What is known before anything else is read."""

    format: int
    version: str = ""  # of citimeasure
    made: str = ""  # ISO 8601
    folder: str = ""


class Entry(msgspec.Struct, frozen=True):
    """One file of a backup."""

    name: str
    size: int
    mode: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What must be there, and what is not."""

    files: list[Entry]
    rows: dict[str, int]  # of the registry, by table
    left_out: list[str]  # in words


class Member(NamedTuple):
    """A file of a backup that is read; its blocks must be taken before the next one."""

    name: str
    size: int
    mode: int
    blocks: Iterator[bytes]


class _Hashed(io.RawIOBase):
    """A file whose hash is made while tar reads it."""

    def __init__(self, file: BinaryIO, report: Report) -> None:
        self._file, self._report = file, report
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        block = self._file.read(size)
        self.digest.update(block)
        self._report(len(block))
        return block


class Writer:
    """Writes a backup into an open file, in a `with`. `finish` puts the list at its end, and makes it a backup."""

    def __init__(self, file: BinaryIO, head: Head, report: Report = lambda _: None) -> None:
        self._report = report
        self._files: list[Entry] = []
        self._gzip = gzip.GzipFile(filename="", mode="wb", compresslevel=_LEVEL, fileobj=file)
        self._tar = tarfile.TarFile(fileobj=self._gzip, mode="w", format=tarfile.PAX_FORMAT)
        self._add_bytes(HEAD, msgspec.json.encode(head))

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with suppress(*(() if kind is None else (OSError,))):  # a second word on a full disk helps nobody
            self._gzip.close()

    def add(self, name: str, file: BinaryIO, size: int, mode: int, modified: float) -> None:
        """Adds the first `size` bytes of a file; OSError if there are fewer."""
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = size, mode & 0o777, int(modified)
        hashed = _Hashed(file, self._report)
        self._tar.addfile(info, hashed)
        self._files.append(Entry(name, size, info.mode, hashed.digest.hexdigest()))

    def finish(self, rows: dict[str, int], left_out: list[str]) -> Manifest:
        """Writes the list and the end of the tar."""
        manifest = Manifest(self._files, rows, left_out)
        self._add_bytes(MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1))
        self._tar.close()
        return manifest

    def _add_bytes(self, name: str, content: bytes) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode = len(content), 0o600
        self._tar.addfile(info, io.BytesIO(content))


class Backup:
    """A backup that is being read: its head at once, its manifest when `members` has come to its end."""

    def __init__(self, path: Path, tar: tarfile.TarFile, file: gzip.GzipFile) -> None:
        self._path, self._tar, self._file = path, tar, file
        self.manifest: Manifest | None = None
        info = tar.next()
        if info is None or info.name != HEAD or not info.isreg() or info.size > _LONGEST_LIST:
            raise _foreign(path)
        try:
            self.head = msgspec.json.decode(self._content(info), type=Head)
        except msgspec.DecodeError as error:
            raise _foreign(path) from error
        if self.head.format != FORMAT:
            raise DataError(
                f"The backup {path} has format {self.head.format}; this program knows format {FORMAT}.",
                f"Restore it with the version of citimeasure that made it, {self.head.version or 'a newer one'}.",
            )

    def members(self) -> Iterator[Member]:
        """Each file in turn. DataError at the first that is not what the backup's own list says, at the latest at the
        end: nothing that came before may be used unless this comes to its end."""
        found: dict[str, Entry] = {}
        while (info := self._tar.next()) is not None:
            if self.manifest is not None:
                raise self._damaged("something follows its list")
            if info.name == MANIFEST and info.isreg() and info.size <= _LONGEST_LIST:
                self._read_manifest(self._content(info), found)
                continue
            if not info.isreg() or info.name in found or not _is_inside(info.name):
                raise DataError(
                    f"The backup {self._path} holds {info.name!r}, which no backup of citimeasure holds.",
                    ALTERED,
                )
            digest = hashlib.sha256()
            yield Member(info.name, info.size, info.mode & 0o777, self._blocks(info, digest))
            found[info.name] = Entry(info.name, info.size, info.mode & 0o777, digest.hexdigest())
        while self._file.read(BLOCK):  # gzip holds its own sum against everything only at its end
            pass
        if self.manifest is None:
            raise self._damaged("its end is missing")

    def _blocks(self, info: tarfile.TarInfo, digest: hashlib._Hash) -> Iterator[bytes]:
        content = self._tar.extractfile(info)
        assert content is not None  # a regular file has one
        left = info.size
        while left:
            block = content.read(min(BLOCK, left))
            if not block:
                raise self._damaged(f"{info.name} is cut off")
            digest.update(block)
            left -= len(block)
            yield block

    def _content(self, info: tarfile.TarInfo) -> bytes:
        return b"".join(self._blocks(info, hashlib.sha256()))

    def _read_manifest(self, content: bytes, found: dict[str, Entry]) -> None:
        try:
            self.manifest = msgspec.json.decode(content, type=Manifest)
        except msgspec.DecodeError as error:
            raise self._damaged("its list cannot be read") from error
        listed = {one.name: one for one in self.manifest.files}
        for name in sorted(listed.keys() | found.keys()):
            if listed.get(name) != found.get(name):
                raise self._damaged(f"{name} is not what its list says")

    def _damaged(self, how: str) -> DataError:
        return DataError(f"The backup {self._path} is damaged: {how}.", _ANOTHER)


@contextmanager
def read(path: Path) -> Iterator[Backup]:
    """Opens a backup; DataError if it is none, or turns out not to be whole while it is read."""
    try:
        plain = path.open("rb")
    except FileNotFoundError as error:
        raise DataError(f"There is no backup {path}.", "Name the file that `citimeasure backup` wrote.") from error
    except OSError as error:
        raise DataError(f"The backup {path} cannot be read: {error.strerror}.", "Name a file you may read.") from error
    begun = False
    with plain, gzip.GzipFile(fileobj=plain, mode="rb") as file:
        try:
            with tarfile.open(fileobj=file, mode="r|", bufsize=BLOCK) as tar:
                backup = Backup(path, tar, file)
                begun = True
                yield backup
        except (EOFError, zlib.error, tarfile.TarError, gzip.BadGzipFile) as error:
            if not begun and (isinstance(error, tarfile.TarError) or _has_other_head(path)):
                raise _foreign(path) from error
            raise DataError(f"The backup {path} is damaged or cut off: {error}.", _ANOTHER) from error


def _has_other_head(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) != b"\x1f\x8b"


def _foreign(path: Path) -> DataError:
    return DataError(f"{path} is no backup of citimeasure.", "Name a file that `citimeasure backup` wrote.")


def _is_inside(name: str) -> bool:
    """Whether a name is one that backups have; for a file of the folder, one that stays in it."""
    if name in (REGISTRY, SETTINGS):
        return True
    parts = name.removeprefix(FOLDER).split("/")
    return (
        name.startswith(FOLDER)
        and not any(part in ("", ".", "..") or "\0" in part for part in parts)
        and PurePosixPath(name).as_posix() == name
    )
