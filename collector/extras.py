# SPDX-License-Identifier: EUPL-1.2
"""Packages that not everybody needs: whether one is there, and a sentence that names the extra which brings it."""

from __future__ import annotations

import importlib.util

from collector.errors import SettingError


def need(what: str, module: str, extra: str) -> None:
    """SettingError if a package that something (`Parquet`, `A picture`) needs is not installed."""
    if importlib.util.find_spec(module) is None:
        raise SettingError(f"{what} needs the Python package {module}.", f"pip install 'citimeasure[{extra}]'")
