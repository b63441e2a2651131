# SPDX-License-Identifier: EUPL-1.2
"""Asks a board to look at itself, and tells what it found; the board's part is firmware/device/kit/core/selftest.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from firmware.repl import Repl

_CODE = "from kit.core import selftest\nselftest.main()\n"
_SECONDS = 120


@dataclass(frozen=True)
class Finding:
    """One part of a board; `fine` is None where there is nothing to judge."""

    part: str
    fine: bool | None
    text: str

    def __str__(self) -> str:
        mark = "-" if self.fine is None else "ok" if self.fine else "WRONG"
        return f"{mark:<6}{self.part:<12}{self.text}"


def look(port: str, hear: Callable[[Finding], None] = lambda finding: None) -> list[Finding]:
    """Runs the self-test: its findings, which `hear` gets as they come. The firmware starts anew afterwards."""
    findings: list[Finding] = []

    def take(line: str) -> None:
        try:
            part, verdict, text = json.loads(line)
        except ValueError:
            return  # something else that the board prints
        findings.append(Finding(str(part), None if verdict == -1 else bool(verdict), str(text)))
        hear(findings[-1])

    with Repl(port) as board:
        board.run(_CODE, take, _SECONDS)
    return findings
