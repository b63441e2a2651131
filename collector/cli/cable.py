# SPDX-License-Identifier: EUPL-1.2
"""What the commands for a kit on a cable share: the port, and secrets that are no arguments."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from collector.errors import SettingError

F = TypeVar("F", bound=Callable[..., Any])


def port_option(function: F) -> F:
    """Adds --port as `port`."""
    return click.option("--port", metavar="PORT", help="The board's serial port. [the only board that is plugged in]")(
        function
    )


def secret(variable: str, file: Path | None, ask: str | None) -> str | None:
    """A secret from a file, or else the environment, or else a person at the terminal; None if nobody says it."""
    if file is not None:
        try:
            return file.read_text().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingError(f"The secret in {file} cannot be read: {error}.", "Check the file.") from error
    if variable in os.environ:
        return os.environ[variable]
    if ask is None or not sys.stdin.isatty():
        return None
    return str(click.prompt(ask, hide_input=True, default="", show_default=False, err=True))
