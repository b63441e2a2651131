# SPDX-License-Identifier: EUPL-1.2
"""Fixtures of this folder."""

import pytest

from collector.backup.make import make
from tests.collector.backups import fill


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / "reference.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A filled folder, its settings file elsewhere, and a backup of it."""
    home = tmp_path_factory.mktemp("kept")
    settings = fill(home / "data")
    config = home / "city.toml"
    config.write_text('stores = ["sqlite"]\n')
    return settings, make(settings, config, home / "backup.tar.gz")
