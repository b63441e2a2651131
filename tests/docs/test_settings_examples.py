# SPDX-License-Identifier: EUPL-1.2
"""Every settings file, and every file of limits, shown in the documentation can be used as it stands."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from collector.errors import SettingError
from collector.judge import LIMITS, load_limits
from collector.settings import load

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^ *```toml\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
TABLE = re.compile(r"^\[", re.MULTILINE)  # only a file of limits has tables
EXAMPLES = [
    pytest.param(textwrap.dedent(block), id=f"{page.stem}-{number}")
    for page in sorted((ROOT / "docs").rglob("*.md"))
    for number, block in enumerate(BLOCK.findall(page.read_text()))
]


LIMIT_FILES = [one for one in EXAMPLES if TABLE.search(one.values[0])]
SETTINGS_FILES = [one for one in EXAMPLES if one not in LIMIT_FILES]


@pytest.mark.parametrize("text", LIMIT_FILES)
def test_a_file_of_limits_in_the_documentation_can_be_used(text, tmp_path):
    file = tmp_path / "limits.toml"
    file.write_text(text)
    assert load_limits(str(file)) != LIMITS


@pytest.mark.parametrize("text", SETTINGS_FILES)
def test_a_settings_file_in_the_documentation_can_be_used(text, tmp_path):
    file = tmp_path / "citimeasure.toml"
    file.write_text(text)
    _, origin = load({}, {}, file)
    said = [line.split(" =")[0] for line in text.splitlines() if " = " in line]
    assert said
    assert all(origin[name] == str(file) for name in said)


def test_a_wrong_example_would_be_found(tmp_path):
    file = tmp_path / "citimeasure.toml"
    file.write_text('borker = "embedded"\n')
    with pytest.raises(SettingError):
        load({}, {}, file)
