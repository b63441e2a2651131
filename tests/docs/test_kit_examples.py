# SPDX-License-Identifier: EUPL-1.2
"""The kit's two files in the guide are ones that its firmware accepts, and leave nothing needed unsaid."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/how-to/flash-a-kit.md").read_text()


def firmware_config():
    """The firmware's own module of settings; it needs nothing that only a board has."""
    spec = importlib.util.spec_from_file_location("kit_config", ROOT / "firmware/device/kit/core/config.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_files_of_the_guide_are_good_settings(tmp_path):
    config = firmware_config()
    settings, secrets = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "config.json").write_text(settings)
    (tmp_path / "secret.json").write_text(secrets)
    loaded = config.load(str(tmp_path))
    assert loaded["device"] and loaded["host"] and loaded["network"] and loaded["wifi_password"]
    # A misspelt name would be kept silently: the firmware keeps keys of newer versions.
    assert json.loads(settings).keys() <= config.DEFAULTS.keys()
    assert json.loads(secrets).keys() <= set(config.SECRETS)
    assert not json.loads(settings).keys() & set(config.SECRETS)
