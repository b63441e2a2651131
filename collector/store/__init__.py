# SPDX-License-Identifier: EUPL-1.2
"""Stores of values behind one protocol (base.py). Adding one means adding a file, and a line here."""

from __future__ import annotations

from collector.settings import Settings
from collector.store.base import Store


def open_store(name: str, settings: Settings) -> Store:
    """Opens the store of a name in the settings; errors say what is wrong with it."""
    if name == "influx":
        from collector.store.influx import InfluxStore

        return InfluxStore(
            settings.influx_url, settings.influx_org, settings.influx_bucket, settings.secret("influx_token")
        )
    from collector.store.sqlite import SqliteStore

    return SqliteStore(settings.folder)
