# SPDX-License-Identifier: EUPL-1.2
"""Draws how far the kit's A- and C-weighting are from the analytic curves: explanation/weighting.svg.

Sines go through the integer model of the kernel, which the tests hold against the kernel bit for bit. With `--check` it
writes nothing, and exits 1 if the picture is not the one that it would draw.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from tests.firmware.noise import model  # noqa: E402 - found beside docs/

PICTURE = HERE / "explanation" / "weighting.svg"
LEFT, RIGHT, TOP, BOTTOM = 70, 940, 50, 370
HIGHEST = 5.5  # dB
DBFS = -26


def errors() -> npt.NDArray[np.float64]:
    """Errors of C and A [dB] at the thirds of octaves, shape (n, 2)."""
    t = np.arange(2 * 9600) / model.RATE
    signal = model.samples(10 ** (DBFS / 20) * np.sin(2 * np.pi * np.outer(t, model.THIRDS)))
    kernel = model.Model(len(model.THIRDS))
    kernel.weigh(signal[:9600])
    for sums in kernel.low_high:
        sums[:] = 0
    kernel.weigh(signal[9600:])
    low_c, high_c, low_a, high_a = kernel.low_high
    squares = np.stack([high_c * 65536 + low_c, high_a * 65536 + low_a], axis=1) / 9600
    got = 10 * np.log10(squares) + (model.GAIN_C, model.GAIN_A) - 20 * np.log10(2**17 / np.sqrt(2)) - DBFS
    return got - np.stack([model.c_weighting(model.THIRDS), model.a_weighting(model.THIRDS)], axis=1)


def across(hertz: float) -> float:
    """Where a frequency is."""
    return LEFT + (RIGHT - LEFT) * float(np.log(hertz / 25) / np.log(20000 / 25))


def up(decibels: float) -> float:
    """Where an error is."""
    return (TOP + BOTTOM) / 2 - (BOTTOM - TOP) / 2 * min(max(decibels, -HIGHEST), HIGHEST) / HIGHEST


def path(values: npt.ArrayLike) -> str:
    """A line through a value at each third of an octave, as far as there is one."""
    points = zip(model.THIRDS, np.asarray(values, dtype=float), strict=True)
    return "M" + "L".join(f"{across(hertz):.0f} {up(value):.1f}" for hertz, value in points if np.isfinite(value))


def picture() -> str:
    """The picture as SVG."""
    c, a = errors().T
    worst = np.abs(a[np.array(model.NOMINAL) <= 8000]).max()
    words = (
        f"The error of A stays within {worst:.2f} dB from 31.5 Hz to 8 kHz and rises to {a[-1]:.1f} dB at 16 kHz. "
        "C is the same within the width of the line. The limits of class 2 are 1 dB at 1 kHz and 1.5 to 5 dB elsewhere."
    )
    grid, labels = [], []
    for decibels in range(-5, 6):
        grid.append(f"M{LEFT} {up(decibels):.1f}H{RIGHT}")
        labels.append(f'<text x="{LEFT - 10}" y="{up(decibels) + 5:.0f}" text-anchor="end">{decibels}</text>')
    for hertz in (31.5, 63, 125, 250, 500, 1000, 2000, 4000, 8000, 16000):
        name = f"{hertz:g}".replace("000", "k")
        grid.append(f"M{across(hertz):.0f} {TOP}V{BOTTOM}")
        labels.append(f'<text x="{across(hertz):.0f}" y="{BOTTOM + 20}" text-anchor="middle">{name}</text>')
    limits = path(model.CLASS_2_UPPER) + path(model.CLASS_2_LOWER)
    return f"""<!-- SPDX-License-Identifier: CC-BY-4.0 -->
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 960 420" role="img" aria-labelledby="title words" \
font-family="sans-serif" font-size="15">
<title id="title">Error of the kit's A- and C-weighting</title>
<desc id="words">{words}</desc>
<rect width="960" height="420" fill="#f7f5f0"/>
<path d="{"".join(grid)}" stroke="#d8d4ca" fill="none"/>
<path d="{limits}" stroke="#a33" stroke-width="2" stroke-dasharray="7 5" fill="none"/>
<path d="{path(c)}" stroke="#c77d00" stroke-width="5" fill="none"/>
<path d="{path(a)}" stroke="#23395b" stroke-width="2" fill="none"/>
<g fill="#333">{"".join(labels)}
<text x="{LEFT}" y="30">error of the filter [dB] at a frequency [Hz]</text></g>
<text x="{across(1000):.0f}" y="{up(1.6):.0f}" text-anchor="middle" fill="#a33">limits of class 2 for the filter</text>
<text x="{across(90):.0f}" y="{up(-0.7):.0f}" fill="#23395b">A</text>
<text x="{across(100):.0f}" y="{up(-0.7):.0f}" fill="#c77d00">C (wide, beneath)</text>
</svg>
"""


def main(arguments: list[str]) -> int:
    """Writes the picture, or with --check only tells whether it is fresh; the exit code."""
    text = picture()
    if PICTURE.exists() and PICTURE.read_text() == text:
        return 0
    if "--check" in arguments:
        print("docs/explanation/weighting.svg is stale: run python docs/weighting.py")
        return 1
    PICTURE.write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
