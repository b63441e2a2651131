# SPDX-License-Identifier: EUPL-1.2
"""Fixtures of this folder."""

import pytest


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / "reference.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write
