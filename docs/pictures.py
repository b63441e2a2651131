# SPDX-License-Identifier: EUPL-1.2
"""Draws the examples of how-to/draw-pictures.md and how-to/evaluate-a-file.md from a simulated co-location.

With `--check` it writes nothing, and exits 1 if a picture is not the one that it would draw. Numbers count as equal
within a twentieth of a point: processors differ in their last digits.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from calibration.evaluation import Aim, evaluate_unit  # noqa: E402 - found beside docs/
from collector.moments import DAY, HOUR  # noqa: E402
from collector.pictures import series  # noqa: E402
from collector.pictures.evaluation import pictures  # noqa: E402
from collector.pictures.files import as_svg  # noqa: E402
from collector.pictures.series import Line  # noqa: E402
from collector.pictures.style import View  # noqa: E402
from tests.calibration.simulated import simulate  # noqa: E402

LICENCE = "<!-- SPDX-License-Identifier: CC-BY-4.0 -->\n"
SIMULATED = "SIMULATED: no real street."
_NUMBER = re.compile(r"-?\d+\.?\d*")
_HASH = re.compile(r"[a-zA-Z]\w*?[0-9a-f]{10}")  # names of shapes, which are made of their numbers
_CLOSE = 0.05


def drawn() -> Iterator[tuple[Path, str]]:
    """Where each picture lies, and the picture."""
    town = simulate(28, seed=4)
    one = evaluate_unit(town.t, town.sensor, town.reference, Aim("pm25", "ug/m3", 25.0))
    scatter = next(pictures(one, Aim("pm25", "ug/m3", 25.0)))
    yield HERE / "how-to" / "scatter.svg", as_svg(scatter.figure, scatter.title, scatter.alt)
    here = one.t > one.t[-1] - 6 * DAY
    t, found = one.t[here], one.found
    value, lower, upper = (x[here].copy() for x in (found.value, found.lower, found.upper))
    for hole in (slice(40, 58), slice(90, 92)):
        value[hole] = lower[hole] = upper[hole] = np.nan
    lines = [
        Line("kit-7hx3m9ab", t - HOUR, t, value, lower, upper),
        Line("The Square (nl10636), 0.4 km away", t - HOUR, t, one.reference[here], official=True),
    ]
    view = View("pm25", "hour", "Europe/Amsterdam", title="Fine dust in our street", notes=(SIMULATED,))
    yield HERE / "how-to" / "series.svg", as_svg(series.draw(lines, view), view.title, series.alt(lines, view))


def same(a: str, b: str) -> bool:
    """Whether two pictures are the same but for the last digits of their numbers."""
    a, b = (_HASH.sub("", text) for text in (a, b))
    if _NUMBER.sub("0", a) != _NUMBER.sub("0", b):
        return False
    first, second = (np.array([float(one) for one in _NUMBER.findall(text)]) for text in (a, b))
    return bool(np.abs(first - second).max(initial=0) <= _CLOSE)


def main(arguments: list[str]) -> int:
    """Writes the pictures, or with --check only tells whether they are fresh; the exit code."""
    stale = 0
    for path, picture in drawn():
        if path.exists() and same(path.read_text(), LICENCE + picture):
            continue
        stale += 1
        if "--check" in arguments:
            print(f"{path.relative_to(HERE.parent)} is stale: run python docs/pictures.py")
        else:
            path.write_text(LICENCE + picture)
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
