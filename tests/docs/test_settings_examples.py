# SPDX-License-Identifier: EUPL-1.2
"""Every settings file shown in the documentation can be used as it stands."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from collector.errors import SettingError
from collector.settings import load

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^ *```toml\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
EXAMPLES = [
    pytest.param(textwrap.dedent(block), id=f"{page.stem}-{number}")
    for page in sorted((ROOT / "docs").rglob("*.md"))
    for number, block in enumerate(BLOCK.findall(page.read_text()))
]


@pytest.mark.parametrize("text", EXAMPLES)
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
