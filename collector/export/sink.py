# SPDX-License-Identifier: EUPL-1.2
"""A file for libraries that do not survive a full disk: it notes the first error and takes everything from then on.

HDF5 goes on writing when it closes a file, and brings the whole process down when that fails. Here it never fails;
who writes asks with `check` whether all of it is there, and throws the file away if not.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any


class Sink(io.RawIOBase):
    """A new file that can be read, written and sought in."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b", buffering=0)
        self._error: OSError | None = None

    def check(self) -> None:
        """Raises the first error that there was."""
        if self._error is not None:
            raise self._error

    def write(self, data: Any) -> int:
        """Writes all of it, or notes why not."""
        rest = memoryview(data).cast("B")
        length = len(rest)
        try:
            while self._error is None and rest:
                rest = rest[self._file.write(rest) or 0 :]
        except OSError as error:
            self._error = error
        return length

    def truncate(self, size: int | None = None) -> int:
        """Sets the length, or notes why not."""
        try:
            return self._file.truncate(size)
        except OSError as error:
            self._error = self._error or error
            return size or 0

    def readinto(self, buffer: Any) -> int:
        """Reads; zeros where nothing could be written."""
        view = memoryview(buffer).cast("B")
        n = self._file.readinto(view) or 0
        view[n:] = bytes(len(view) - n)
        return len(view)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Goes to a place."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """The place."""
        return self._file.tell()

    def seekable(self) -> bool:
        """Yes."""
        return True

    def close(self) -> None:
        """Closes the file."""
        self._file.close()
        super().close()
