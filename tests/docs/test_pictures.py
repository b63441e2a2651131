# SPDX-License-Identifier: EUPL-1.2
"""The example pictures are what the code draws, and the checker notices when they are not."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

from tests import parts

SCRIPT = parts.ROOT / "docs" / "pictures.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("example_pictures", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_example_pictures_are_fresh():
    done = subprocess.run([sys.executable, str(SCRIPT), "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_pictures_are_the_same_but_for_last_digits(script):
    picture = '<path id="m0123456789" d="M 10.25 -3"/><text>end</text>'
    assert script.same(picture, picture.replace("10.25", "10.26").replace("m0123456789", "mfedcba9876"))
    assert not script.same(picture, picture.replace("10.25", "10.45"))
    assert not script.same(picture, picture.replace("end", "begin"))
    assert not script.same(picture, picture.replace(" -3", ""))
