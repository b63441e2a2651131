# SPDX-License-Identifier: EUPL-1.2
"""The picture in docs/explanation/noise.md is what the kernel's model gives."""

from __future__ import annotations

import subprocess
import sys

from tests import parts


def test_the_picture_of_the_weightings_is_fresh():
    command = [sys.executable, str(parts.ROOT / "docs" / "weighting.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
