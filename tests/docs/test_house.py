# SPDX-License-Identifier: EUPL-1.2
"""The house is in order, and each of its checks sees the fault that it is for."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.docs import house

ROOT = Path(__file__).resolve().parents[2]


def test_the_house_is_in_order() -> None:
    assert house.problems(ROOT) == []


@pytest.fixture
def small_house(tmp_path: Path) -> Path:
    """A repository in which everything is right."""
    files = {
        "REUSE.toml": 'version = 1\n# SPDX-License-Identifier: EUPL-1.2\n[[annotations]]\npath = "hardware/**.csv"\n'
        'SPDX-License-Identifier = "CERN-OHL-W-2.0"\n',
        "LICENSE": "A licence without a line.\n",
        "LICENSES/EUPL-1.2.txt": "Text.\n",
        "LICENSES/CC-BY-4.0.txt": "Text.\n",
        "LICENSES/CERN-OHL-W-2.0.txt": "Text.\n",
        "pyproject.toml": '# SPDX-License-Identifier: EUPL-1.2\n[project]\nversion = "1.2.3"\n',
        "CHANGELOG.md": "<!-- SPDX-License-Identifier: CC-BY-4.0 -->\n# Changes\n## 1.2.3 - today\n",
        "a.py": "#!/usr/bin/env python3\n# SPDX-License-Identifier: EUPL-1.2\n",
        "docs/page.md": "<!-- SPDX-License-Identifier: CC-BY-4.0 -->\n# One Page: it is!\n[log](../CHANGELOG.md)\n",
        "hardware/parts.csv": "part\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    _know(tmp_path)
    assert house.problems(tmp_path) == []
    return tmp_path


def _know(root: Path) -> None:
    subprocess.run(["git", "add", "-A"], cwd=root, check=True)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.py", "x = 1\n", "no SPDX"),
        ("a.py", "#\n#\n#\n# SPDX-License-Identifier: EUPL-1.2\n", "no SPDX"),
        ("a.py", "# SPDX-License-Identifier: MIT\n", "is under MIT"),
        ("docs/page.md", "<!-- SPDX-License-Identifier: EUPL-1.2 -->\n", "are under CC-BY-4.0"),
        ("hardware/case.scad", "// SPDX-License-Identifier: EUPL-1.2\n", "are under CERN-OHL-W-2.0"),
        ("notes.csv", "a,b\n", "no SPDX"),
        ("a.py", "# SPDX-License-Identifier: EUPL-1.2\n" + "x = 1\n" * 400, "401 lines"),
        ("CHANGELOG.md", "<!-- SPDX-License-Identifier: CC-BY-4.0 -->\n## 1.2.2\n", "no heading for the version 1.2.3"),
    ],
)
def test_a_fault_is_seen(small_house: Path, name: str, text: str, said: str) -> None:
    (small_house / name).write_text(text)
    _know(small_house)
    found = house.problems(small_house)
    assert len(found) == 1
    assert said in found[0]
    assert found[0].startswith(name)


@pytest.mark.parametrize(
    ("link", "good"),
    [
        ("[a](../a.py)", True),
        ("[a](../b.py)", False),
        ("[a](../hardware/)", True),
        ("![picture](wiring.svg)", False),
        ("[a](../CHANGELOG.md#changes)", True),
        ("[a](../CHANGELOG.md#news)", False),
        ("[a](#one-page-it-is)", True),
        ("[a](#another-page)", False),
        ("[a](https://example.org/b.py)", True),
        ("`[a](../b.py)`", True),
        ("```\n[a](../b.py)\n```", True),
    ],
)
def test_a_dead_link_is_seen(small_house: Path, link: str, good: bool) -> None:
    with (small_house / "docs/page.md").open("a") as page:
        page.write(f"\n{link}\n")
    found = house.problems(small_house)
    assert (found == []) is good
    assert all("the link" in line for line in found)


def test_a_licence_whose_text_is_missing_is_seen(small_house: Path) -> None:
    (small_house / "LICENSES/CC-BY-4.0.txt").unlink()
    assert any("whose text is not in LICENSES/" in line for line in house.problems(small_house))
