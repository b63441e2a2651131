# SPDX-License-Identifier: EUPL-1.2
"""Sphinx's settings: Markdown by MyST, the theme Furo, nothing from the network.

`make docs` first runs docs/generate.py, which fills in what comes from the code, and then Sphinx, which reads this.
"""

import tomllib
from pathlib import Path

_PROJECT = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]

project = "citimeasure"
author = "The citimeasure contributors"
project_copyright = "2026, the citimeasure contributors, CC-BY-4.0"
version = release = _PROJECT["version"]

extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["NOTE_*"]

html_theme = "furo"
html_title = f"citimeasure {version}"
# Readers' browsers fetch nothing from elsewhere, and pages are the same wherever they are built.
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"top_of_page_buttons": []}
