# SPDX-License-Identifier: EUPL-1.2
"""What can go wrong in the tools of the firmware. Each error says what happened, and in `hint` what to do next.

ToolError          a source that does not compile, a file that is not what it should be
└── BoardFault     a board or its serial port: none there, busy, not allowed, silent, gone
"""

from __future__ import annotations


class ToolError(Exception):
    """The root. `str(error)` is one sentence for a person; `hint` is what to do next."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.hint = hint


class BoardFault(ToolError):
    """A board that is not there, does not answer or goes away, or a port that cannot be opened."""
