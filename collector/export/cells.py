# SPDX-License-Identifier: EUPL-1.2
"""How values stand in text tables; the command line's CSV and the exports use the same."""

from __future__ import annotations

from typing import Any


def cell(value: Any) -> str:
    """A value as it stands in a CSV file: nothing for missing, floats so that they read back exactly.

    >>> cell(0.1), cell(None), cell(True)
    ('0.1', '', 'true')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)
