# SPDX-License-Identifier: EUPL-1.2
"""What the commands for boards share: the errors of the firmware's tools, told as the others are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from collector.errors import BoardError, DataError
from firmware.errors import BoardFault, ToolError


@contextmanager
def told_plainly() -> Iterator[None]:
    """Turns the tools' errors into those that the command line prints, with their exit codes."""
    try:
        yield
    except BoardFault as error:
        raise BoardError(str(error), error.hint) from error
    except ToolError as error:
        raise DataError(str(error), error.hint) from error
